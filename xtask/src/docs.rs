//! `cargo xtask docs`: the reference pages, made from what the program says about itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

use crate::steps::{cargo, show, step};
use crate::{Failure, example};

/// The pages that are made, by their path below `docs/reference`.
type Pages = BTreeMap<PathBuf, String>;

const MADE: &str = "<!-- Made by `cargo xtask docs`: change the source it is made from. -->\n";

pub fn run(arguments: &[&str]) -> Result<ExitCode, Failure> {
    match arguments {
        [] => step("reference pages", || {
            let program = program()?;
            write(&pages(&program)?)
        }),
        ["--check"] => step("reference pages", check),
        [other, ..] => Err(format!("`docs` takes `--check` or nothing, not `{other}`")),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Fails when a page in the tree is not what the program now says.
pub fn check() -> Result<(), Failure> {
    let program = program()?;
    let (wanted, found) = (pages(&program)?, committed()?);
    let names = wanted.keys().chain(found.keys().filter(|path| !wanted.contains_key(*path)));
    let wrong: Vec<_> = names
        .filter(|path| wanted.get(*path) != found.get(*path))
        .map(|path| format!("  {}", path.display()))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("out of date in docs/reference (`cargo xtask docs` makes them anew):\n{}", wrong.join("\n")))
}

fn directory() -> PathBuf {
    lab::workspace().join("docs/reference")
}

fn program() -> Result<PathBuf, Failure> {
    show(&mut cargo(&["build", "--quiet", "--package", "brasa-cli", "--bin", "brasa"]))?;
    Ok(lab::target_directory().map_err(|error| error.to_string())?.join("debug/brasa"))
}

fn pages(program: &Path) -> Result<Pages, Failure> {
    let said = says(program, program, &["explain", "--format", "json"])?;
    let kinds: Vec<Value> = serde_json::from_str(&said).map_err(|error| format!("`brasa explain`: {error}"))?;
    let mut pages = Pages::new();
    let mut index = format!("{MADE}# Kinds of resources\n\n");
    for kind in &kinds {
        let name = text(kind, "kind");
        let about = text(kind, "about");
        let first = about.split_once(". ").map_or(about, |(first, _)| first).trim_end_matches('.');
        index += &format!("- [`{name}`]({name}.md): {first}.\n");
        pages.insert(PathBuf::from(format!("kinds/{name}.md")), kind_page(kind, &as_data(&example::of(name)?)));
    }
    let said = says(program, program, &["explain", "rust_block", "--format", "json"])?;
    let code = serde_json::from_str(&said).map_err(|error| format!("`brasa explain rust_block`: {error}"))?;
    pages.insert("kinds/rust_block.md".into(), kind_page(&code, "Recipes as data do not have it."));
    index += "\nOnly recipes in Rust have [`rust_block`](rust_block.md): Rust code that runs each time it is converged. A plan shows that it is to be run, not \
              what it does, and nothing of it can be undone. What became of Chef's other kinds is in [a table](../../chef.md#kinds-that-are-not-there).\n";
    index += OF_EVERY_RESOURCE;
    pages.insert("kinds/README.md".into(), index);
    pages.insert("commands.md".into(), commands(program)?);
    Ok(pages)
}

const OF_EVERY_RESOURCE: &str = "
## What every resource can say

| word | what it does |
|---|---|
| `action` | the action to take, or several in order, in place of the kind's default |
| `nothing` | it waits until another resource notifies it |
| `only_if`, `not_if` | a guard: a shell command, or a question to the machine; it is asked before each action |
| `notifies` | when this one changes something, another takes an action: `Before`, `Immediately` or `Delayed` (at the end) |
| `subscribes` | the same, said by the one that is told |
| `ignore_failure` | its failure is reported and the run goes on |
| `retries`, `retry_delay` | it is tried again after a failure, after a delay (2 s when not given) |
| `sensitive` | its content is shown in no diff, report or log |
";

fn as_data(example: &str) -> String {
    format!("As data:\n\n```yaml\n{example}```")
}

fn kind_page(kind: &Value, data: &str) -> String {
    let (name, named) = (text(kind, "kind"), text(kind, "named"));
    let mut page = format!("{MADE}# {name}\n\n`{name}[{named}]`\n\n{}\n\n", text(kind, "about"));
    page += &format!(
        "```rust\n{}\n```\n\n{data}\n\n## Actions\n\n| action | what it does |\n|---|---|\n",
        text(kind, "example").trim()
    );
    for (number, action) in list(kind, "actions").iter().enumerate() {
        let default = if number == 0 { " (default)" } else { "" };
        page += &format!("| `{}`{default} | {} |\n", text(action, "name"), cell(text(action, "about")));
    }
    let properties = list(kind, "properties");
    if !properties.is_empty() {
        page += "\n## Properties\n\n| property | takes | what it means |\n|---|---|---|\n";
    }
    for property in properties {
        let (name, takes, about) = (text(property, "name"), text(property, "type"), text(property, "about"));
        page += &format!("| `{name}` | {} | {} |\n", cell(takes), cell(about));
    }
    page += "\nWhat every resource can say beside these stands [in the list of kinds](README.md#what-every-resource-can-say).\n";
    page
}

/// Text that may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn commands(program: &Path) -> Result<String, Failure> {
    let help = says(program, program, &["--help"])?;
    let mut page = format!("{MADE}# Commands\n\n```text\n{help}```\n");
    for command in named(&help) {
        let help = says(program, program, &[&command, "--help"])?;
        page += &format!("\n## brasa {command}\n\n```text\n{help}```\n");
        for part in named(&help) {
            let help = says(program, program, &[&command, &part, "--help"])?;
            page += &format!("\n### brasa {command} {part}\n\n```text\n{help}```\n");
        }
    }
    let help = says(program, Path::new("chef-solo"), &["--help"])?;
    page += &format!("\n## chef-solo\n\nThe same program, called by a link of this name.\n\n```text\n{help}```\n");
    Ok(page)
}

/// The commands that a help lists, in its order: all there are, so that none can be forgotten here.
fn named(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next())
        .filter(|command| *command != "help")
        .map(str::to_owned)
        .collect()
}

/// What the program prints, called by this name, with no blank at the end of a line.
fn says(program: &Path, name: &Path, arguments: &[&str]) -> Result<String, Failure> {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(program);
    // No terminal and no COLUMNS: the width is the same everywhere.
    command.arg0(name).args(arguments).env_remove("COLUMNS").env_remove("LINES");
    let said = lab::call("ask the program about itself", &mut command).map_err(|error| error.to_string())?;
    Ok(said.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn committed() -> Result<Pages, Failure> {
    let mut pages = Pages::new();
    for below in ["", "kinds"] {
        let entries = match fs::read_dir(directory().join(below)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot list docs/reference/{below}: {error}")),
        };
        for entry in entries {
            let path = entry.map_err(|error| format!("cannot list docs/reference/{below}: {error}"))?.path();
            if path.is_file() {
                let page =
                    fs::read_to_string(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                pages.insert(Path::new(below).join(path.file_name().unwrap_or_default()), page);
            }
        }
    }
    Ok(pages)
}

fn write(pages: &Pages) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error| format!("cannot write `{path}`: {error}")
    };
    for old in committed()?.keys().filter(|path| !pages.contains_key(*path)) {
        let path = directory().join(old);
        fs::remove_file(&path).map_err(failed(&path))?;
    }
    fs::create_dir_all(directory().join("kinds")).map_err(failed(&directory()))?;
    for (path, page) in pages {
        let path = directory().join(path);
        fs::write(&path, page).map_err(failed(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{as_data, cell, kind_page};

    #[test]
    fn a_kind_makes_a_page() {
        let kind = serde_json::json!({
            "kind": "dish", "named": "name", "about": "A dish.", "example": "r.add(Dish::named(\"soup\"));",
            "actions": [{"name": "cook", "about": "Cooks it."}, {"name": "eat", "about": "Eats it."}],
            "properties": [{"name": "salt", "type": "a | b", "about": "How much."}],
        });
        let page = kind_page(&kind, &as_data("- type: dish\n  name: soup\n"));
        assert!(page.contains("| `cook` (default) | Cooks it. |\n| `eat` | Eats it. |\n"), "{page}");
        assert!(page.contains("```yaml\n- type: dish\n  name: soup\n```\n"), "{page}");
        assert!(page.contains("| `salt` | a \\| b | How much. |\n"), "{page}");
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        assert_eq!(cell("a|b"), "a\\|b");
    }
}
