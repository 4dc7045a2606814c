//! What the manifest of a cookbook in Rust says of the engine that it is written against.
use std::path::{Path, PathBuf};

use brasa::host::{
    disk,
    environment::{current_dir, program},
};
use serde_json::json;
use toml::de::DeTable;

use super::super::Failure;

/// Longest manifest that is read, in bytes.
const MANIFEST_LIMIT: u64 = 1 << 20;

/// The dependency on the engine, as one line of `Cargo.toml`: what was asked for; else the sources that `directory` lies in; else
/// those that this program lies in, as one that was just built does.
///
/// # Errors
/// When what was asked for does not hold the engine, or nothing was and none is near: what would be written would not compile.
pub fn dependency(asked: Option<&str>, directory: &Path) -> Result<String, Failure> {
    if let Some(asked) = asked {
        if is_address(asked) {
            return Ok(format!("brasa = {{ git = {} }}", json!(asked)));
        }
        return match engine_in(&absolute(Path::new(asked))) {
            Some(found) => Ok(by_path(&found)),
            None => Err(Failure::usage(format!("`{asked}` does not hold brasa's sources; nothing was written"))
                .hint("name the directory that they lie in, or the address of a git repository")),
        };
    }
    let near = [Some(absolute(directory)), program()].into_iter().flatten();
    let found = near.into_iter().find_map(|path| path.ancestors().find_map(engine_in));
    found.map(|found| by_path(&found)).ok_or_else(|| {
        Failure::usage("a cookbook in Rust is compiled with brasa's sources, and none are near; nothing was written")
            .hint("say where they are: `--engine DIR`, or `--engine https://...` for a git repository")
            .hint("a cookbook in YAML needs none: leave out `--rust`")
    })
}

/// Whether a crate in `directory` has to say that it stands alone: it lies in a workspace that does not count it as a member.
pub fn stands_alone(directory: &Path) -> bool {
    let directory = absolute(directory);
    directory.ancestors().skip(1).find_map(|root| counts_as_member(root, &directory)) == Some(false)
}

/// Whether the workspace whose root this is has the crate as a member, or leaves it out by name; nothing when it is no such root.
fn counts_as_member(root: &Path, directory: &Path) -> Option<bool> {
    let text = manifest(root)?;
    let table = DeTable::parse(&text).ok()?.into_inner();
    let workspace = table.get("workspace")?.get_ref();
    let below = directory.strip_prefix(root).unwrap_or(directory);
    let named = |key: &str, fits: &dyn Fn(&str) -> bool| {
        let list = workspace.get(key).and_then(|list| list.get_ref().as_array());
        list.is_some_and(|list| list.iter().filter_map(|item| item.get_ref().as_str()).any(fits))
    };
    Some(
        named("members", &|pattern| matches(Path::new(pattern), below))
            || named("exclude", &|path| below.starts_with(path)),
    )
}

/// Whether a pattern of members stands for a path: `*` for any one directory. The other signs of patterns are seldom used there.
fn matches(pattern: &Path, path: &Path) -> bool {
    pattern.components().count() == path.components().count()
        && pattern.iter().zip(path).all(|(pattern, name)| pattern == "*" || pattern == name)
}

fn by_path(engine: &Path) -> String {
    // A text of JSON is one of TOML.
    format!("brasa = {{ path = {} }}", json!(engine))
}

/// Whether it is an address of a git repository rather than a directory.
fn is_address(asked: &str) -> bool {
    asked.contains("://") || asked.starts_with("git@")
}

/// The engine's own directory: this one, or `engine` in it.
fn engine_in(directory: &Path) -> Option<PathBuf> {
    [directory.to_owned(), directory.join("engine")].into_iter().find(|at| {
        let name = |text: &str| {
            let table = DeTable::parse(text).ok()?.into_inner();
            let name = table.get("package")?.get_ref().get("name")?.get_ref();
            name.as_str().map(|name| name == "brasa")
        };
        manifest(at).and_then(|text| name(&text)) == Some(true)
    })
}

/// The text of a directory's `Cargo.toml`. One that cannot be read is not what is looked for.
fn manifest(directory: &Path) -> Option<String> {
    let bytes = disk::read_limited(&directory.join("Cargo.toml"), MANIFEST_LIMIT).ok()??;
    String::from_utf8(bytes).ok()
}

/// A path from the root, without `.` and `..`.
fn absolute(path: &Path) -> PathBuf {
    let whole = current_dir().unwrap_or_default().join(path);
    let mut made = PathBuf::new();
    for part in whole.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(made.pop()),
            _ => made.push(part),
        }
    }
    made
}
