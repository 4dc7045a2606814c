//! Cookbook `COOKBOOK`.
use brasa::prelude::*;
use serde::{Deserialize, Serialize};

/// The cookbook: its name, and the recipes that run-lists can name.
pub fn cookbook() -> Cookbook {
    Cookbook::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).recipe("default", default)
}

/// `node["COOKBOOK"]`: what `dna.json` may say, and what holds when it does not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// What the message of the day says.
    pub greeting: String,
    /// Directories to be there.
    pub directories: Vec<String>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { greeting: "welcome".to_owned(), directories: vec!["/srv/COOKBOOK".to_owned()] }
    }
}

impl AttributeSet for Attributes {
    const KEY: &'static str = "COOKBOOK";
}

#[derive(Serialize)]
struct Motd {
    greeting: String,
    name: String,
}

static MOTD: template::Source<Motd> = template::Source::new("motd.tera", include_str!("../templates/motd.tera"));

/// Directories, and a message of the day.
pub fn default(r: &mut Recipe) -> Result<()> {
    let attributes: Attributes = r.attributes()?;
    for directory in &attributes.directories {
        r.add(Directory::at(directory).mode(0o755));
    }
    let motd = Motd { greeting: attributes.greeting, name: r.node().name().to_owned() };
    let motd = r.add(Template::render("/etc/motd", &MOTD, motd)?.mode(0o644));
    let tell = Execute::new("tell", ["logger", "COOKBOOK: the greeting is new"]);
    r.add(tell.nothing().subscribes(execute::Run, motd, Delayed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use brasa::{host::Fake, prelude::*, spec};
    use serde_json::json;

    use super::cookbook;

    #[test]
    fn it_declares_what_the_node_asks_for() -> Result<()> {
        let machine = Fake::debian("12");
        let run = spec::compile(&machine, json!({"COOKBOOK": {"greeting": "hello"}}), &[cookbook()], &["COOKBOOK"])?;
        let declared = [
            "directory[/srv/COOKBOOK] create",
            "template[/etc/motd] create",
            "  notifies execute[tell] to run (delayed)",
            "execute[tell] nothing",
        ];
        assert_eq!(run.outline().lines().collect::<Vec<_>>(), declared);
        assert_eq!(run.get::<Template>("/etc/motd").map(Template::text), Some("hello to test\n"));
        Ok(())
    }
}
