//! The XML that EC2 answers with: elements and text. Attributes, comments and declarations are passed over, and a document with
//! entities of its own is none.

/// Elements lie so deep in each other at most.
const DEEPEST: usize = 64;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, without a prefix.
    pub name: String,
    /// Its text, without that of the elements in it.
    pub text: String,
    /// The elements in it.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document; `None` when it is none.
    pub fn parse(document: &str) -> Option<Self> {
        let mut open: Vec<Self> = vec![Self::default()];
        let mut rest = document;
        while let Some(at) = rest.find('<') {
            open.last_mut()?.text.push_str(&unescaped(&rest[..at])?);
            rest = &rest[at + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.split_once("-->")?.1;
                continue;
            }
            let (tag, after) = rest.split_once('>')?;
            rest = after;
            if tag.starts_with('?') {
                continue;
            }
            if tag.starts_with('!') {
                return None;
            }
            if let Some(name) = tag.strip_prefix('/') {
                let closed = open.pop()?;
                if closed.name != local(name) || open.is_empty() {
                    return None;
                }
                open.last_mut()?.children.push(closed);
                continue;
            }
            let name = local(tag.trim_end_matches('/').split_whitespace().next()?).to_owned();
            let element = Self { name, ..Self::default() };
            if tag.ends_with('/') {
                open.last_mut()?.children.push(element);
            } else if open.len() < DEEPEST {
                open.push(element);
            } else {
                return None;
            }
        }
        let mut around = open.pop()?;
        // One element, and nothing that is still open or beside it.
        let whole =
            open.is_empty() && around.children.len() == 1 && around.text.trim().is_empty() && rest.trim().is_empty();
        around.children.pop().filter(|_| whole)
    }

    /// The first element of this name in it.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The elements `item` of the list of this name.
    pub fn items(&self, name: &str) -> &[Self] {
        self.child(name).map_or(&[], |list| &list.children)
    }

    /// The text of the element that these names lead to; nothing where there is none or it is empty.
    pub fn text_at(&self, names: &[&str]) -> Option<&str> {
        let found = names.iter().try_fold(self, |element, name| element.child(name))?;
        Some(found.text.trim()).filter(|text| !text.is_empty())
    }
}

/// A name without its prefix and what may come behind it.
fn local(name: &str) -> &str {
    let name = name.trim();
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('&');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';')?;
        let code = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
        whole.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => match (other.strip_prefix("#x"), other.strip_prefix('#')) {
                (Some(digits), _) => code(digits, 16)?,
                (None, Some(digits)) => code(digits, 10)?,
                (None, None) => return None,
            },
        });
        whole.push_str(after);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::Element;

    #[test]
    fn elements_and_their_text_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<!-- a > b --><r xmlns=\"http://x/\"><set><item><id>i-1</id><why/></item>\
                    <item><id> a&lt;b &amp;&#x41;&#66; </id></item></set><p:next a='1'>t</p:next></r>\n";
        let read = Element::parse(text).unwrap();
        assert_eq!((read.name.as_str(), read.items("set").len()), ("r", 2));
        assert_eq!(read.items("set")[1].text_at(&["id"]), Some("a<b &AB"));
        assert_eq!(read.items("set")[0].text_at(&["why"]), None);
        assert_eq!((read.text_at(&["next"]), read.text_at(&["set", "item", "id"])), (Some("t"), Some("i-1")));
        assert_eq!(read.items("other").len(), 0);
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a>&x;</a>",
            "<a>&#xD800;</a>",
            "<a>&",
            "<a",
            "<a/>text",
            "<>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>",
            "<!DOCTYPE html>\n<html><p>Bad Gateway<br></html>",
        ] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
        assert_eq!(Element::parse(&"<a>".repeat(100_000)), None, "too deep");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_stumble(text in "[<>/&;#xa!?: -]{0,40}") {
            Element::parse(&text);
        }
    }
}
