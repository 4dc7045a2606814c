use brasa::{
    facts::Facts,
    host::{Real, Settings},
    suggest,
};
use serde_json::{Map, Value};

use super::{Code, Failure, Output, print_json};

/// `brasa facts [NAME...]`
pub fn facts(names: &[String], output: &Output) -> Result<Code, Failure> {
    let real = Real::new(Settings::default(), |_| {});
    let facts = Facts::new(&real);
    if names.is_empty() {
        print_json(&facts.to_json(), output.format)?;
        return Ok(Code::Success);
    }
    let mut chosen = Map::new();
    for name in names {
        let top = name.split('.').next().unwrap_or_default();
        if !Facts::names().any(|known| known == top) {
            return Err(Failure::usage(format!("there is no fact `{top}`"))
                .hint(suggest::hint(top, Facts::names().collect::<Vec<_>>())));
        }
        chosen.insert(name.clone(), facts.get(name).unwrap_or(Value::Null));
    }
    print_json(&chosen, output.format)?;
    Ok(Code::Success)
}
