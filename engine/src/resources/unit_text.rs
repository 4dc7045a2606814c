//! What a unit file says, as text or as sections.
use serde_json::Value as Json;

use crate::resource::Property;

/// The text of a unit file. From data, also an object of sections: `{"Unit": {"After": ["a", "b"]}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitText(pub(crate) String);

impl From<&str> for UnitText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for UnitText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Property for UnitText {
    const TYPE: &'static str = "text, or an object of sections";

    fn from_json(value: &Json) -> Result<Self, String> {
        if let Some(text) = value.as_str() {
            return Ok(Self(text.to_owned()));
        }
        let wrong = |found: &Json| format!("expected text, or an object of sections, found {found}");
        let mut text = String::new();
        for (section, settings) in value.as_object().ok_or_else(|| wrong(value))? {
            if !text.is_empty() {
                text.push('\n');
            }
            text += &format!("[{section}]\n");
            for (name, value) in settings.as_object().ok_or_else(|| wrong(settings))? {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                for value in values {
                    text += &format!("{name}={}\n", setting(value).ok_or_else(|| wrong(value))?);
                }
            }
        }
        Ok(Self(text))
    }
}

fn setting(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.contains('\n') => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Json::String(_) | Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::UnitText;
    use crate::resource::Property as _;

    #[test]
    fn the_content_may_be_sections() {
        let sections = json!({
            "Unit": {"Description": "d", "After": ["a.service", "b.service"]},
            "Service": {"RemainAfterExit": true, "RestartSec": 5},
        });
        let text = "[Unit]\nDescription=d\nAfter=a.service\nAfter=b.service\n\n\
                    [Service]\nRemainAfterExit=yes\nRestartSec=5\n";
        assert_eq!(UnitText::from_json(&sections), Ok(UnitText(text.to_owned())));
        assert_eq!(UnitText::from_json(&json!("[Unit]\n")), Ok(UnitText("[Unit]\n".to_owned())));
        for bad in [json!(1), json!({"Unit": 1}), json!({"Unit": {"After": null}}), json!({"Unit": {"A": "b\nc"}})] {
            assert!(UnitText::from_json(&bad).is_err(), "{bad}");
        }
    }
}
