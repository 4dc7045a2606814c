//! A cookbook of one's own, and the program that it is compiled into: what `docs/cookbooks.md` explains.
use std::process::ExitCode;

use brasa::prelude::*;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    brasa_cli::run([cookbook(), bind::cookbook()])
}

/// The cookbook: its name, and the recipes that run-lists can name.
fn cookbook() -> Cookbook {
    Cookbook::new("greeting", "1.0.0").recipe("default", default)
}

/// `node["greeting"]`: what `dna.json` may say, and what holds when it does not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Greeting {
    text: String,
    port: u16,
}

impl Default for Greeting {
    fn default() -> Self {
        Self { text: "welcome".to_owned(), port: 80 }
    }
}

impl AttributeSet for Greeting {
    const KEY: &'static str = "greeting";
}

#[derive(Serialize)]
struct Site {
    name: String,
    port: u16,
}

/// In a crate of your own the text is in a file: `include_str!("../templates/site.tera")`.
static SITE: template::Source<Site> =
    template::Source::new("site.tera", "server { listen {{ port }}; server_name {{ name }}; root /srv/site; }\n");

/// A web server that greets.
fn default(r: &mut Recipe) -> Result<()> {
    let greeting: Greeting = r.attributes()?;
    r.add(Package::named("nginx"));
    r.add(Directory::at("/srv/site").mode(0o755));
    r.add(File::at("/srv/site/index.html").content(greeting.text).mode(0o644));
    let site = Site { name: r.node().name().to_owned(), port: greeting.port };
    let site = Template::render("/etc/nginx/conf.d/site.conf", &SITE, site)?.mode(0o644);
    let site = r.add(site);
    r.add(Service::named("nginx").action([service::Enable, service::Start]).subscribes(service::Reload, site, Delayed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use brasa::{compile_function, host::Fake, prelude::*, spec};
    use serde_json::json;

    use super::default;

    #[test]
    fn it_greets_with_the_text_of_the_node() -> Result<()> {
        let machine = Fake::debian("12");
        let node = spec::node(&machine, json!({"greeting": {"text": "hello"}}));
        let run = compile_function(&node, "greeting", default)?;
        let declared = [
            "package[nginx] install",
            "directory[/srv/site] create",
            "file[/srv/site/index.html] create",
            "template[/etc/nginx/conf.d/site.conf] create",
            "  notifies service[nginx] to reload (delayed)",
            "service[nginx] enable+start",
        ];
        assert_eq!(run.outline().lines().collect::<Vec<_>>(), declared);
        Ok(())
    }

    #[test]
    fn a_slip_in_an_attribute_is_found() {
        let machine = Fake::debian("12");
        let node = spec::node(&machine, json!({"greeting": {"txt": "hello"}}));
        let error = compile_function(&node, "greeting", default).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("txt")));
    }
}
