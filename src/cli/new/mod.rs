//! `brasa new cookbook`: a starting point that compiles, with a test.
mod engine;

use std::path::{Path, PathBuf};

use brasa::host::disk;
use serde_json::json;

use super::{
    Code, Failure, Output,
    arguments::{Format, New},
    print, print_json,
};

/// Files by their path in the cookbook. `COOKBOOK` in them stands for its name, and a line `ENGINE` for the dependency on it.
type Files = &'static [(&'static str, &'static str)];

const DATA: Files = &[
    ("metadata.yml", include_str!("data/metadata.yml")),
    ("attributes/default.yml", include_str!("data/attributes.yml")),
    ("recipes/default.yml", include_str!("data/recipe.yml")),
    ("templates/default/motd.tera", include_str!("data/motd.tera")),
    ("test/solo.rb", include_str!("data/solo.rb")),
    ("test/dna.json", include_str!("data/dna.json")),
    ("test/run", include_str!("data/run")),
    ("test/expected", include_str!("data/expected")),
];

const RUST: Files = &[
    ("Cargo.toml", include_str!("rust/manifest.toml")),
    ("src/lib.rs", include_str!("rust/lib.rs")),
    ("templates/motd.tera", include_str!("rust/motd.tera")),
];

/// What a crate says that lies in a workspace but is no member of it: cargo refuses it otherwise.
const ALONE: &str = "
# Without this, cargo takes it for a member of the workspace around it.
[workspace]
";

/// Names of crates that a cookbook in Rust depends on, or that the program is made of.
const TAKEN: [&str; 4] = ["brasa", "brasa-cli", "serde", "serde-json"];

/// `brasa new ...`
pub fn new(what: &New, output: &Output) -> Result<Code, Failure> {
    let New::Cookbook { name, data: _, rust, engine, path } = what;
    check_name(name)?;
    let directory = path.join(name);
    if disk::exists(&directory) {
        return Err(Failure::usage(format!("`{}` is there already; nothing was written", directory.display()))
            .hint("choose another name, or another directory with `--path`"));
    }
    if *rust && TAKEN.contains(&name.replace('_', "-").as_str()) {
        return Err(Failure::usage(format!("a cookbook in Rust cannot be called `{name}`: a crate that it needs is"))
            .hint("choose another name: it becomes that of a crate"));
    }
    let made = if *rust {
        let engine = engine::dependency(engine.as_deref(), &directory)?;
        let alone = if engine::stands_alone(&directory) { ALONE } else { "" };
        write(&directory, RUST, &[("COOKBOOK", name), ("ENGINE\n", &format!("{engine}\n")), ("ALONE\n", alone)])?
    } else {
        write(&directory, DATA, &[("COOKBOOK", name)])?
    };
    match output.format {
        Format::Human if output.quiet => {}
        Format::Human => print(&told(&directory, name, &made, *rust))?,
        Format::Json | Format::Ndjson => print_json(
            &json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "cookbook": name,
                "files": made.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            }),
            output.format,
        )?,
    }
    Ok(Code::Success)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let starts = name.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    let good = starts && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if good {
        return Ok(());
    }
    Err(Failure::usage(format!("`{name}` is no name for a cookbook"))
        .hint("a name begins with a lower-case letter; letters, digits, `_` and `-` follow"))
}

fn write(directory: &Path, files: Files, words: &[(&str, &str)]) -> Result<Vec<PathBuf>, Failure> {
    let mut made = Vec::new();
    for (path, text) in files {
        let path = directory.join(path);
        disk::create_dirs(path.parent().unwrap_or(directory))?;
        let text = words.iter().fold((*text).to_owned(), |text, (word, meant)| text.replace(word, meant));
        disk::create(&path, text.as_bytes())?;
        made.push(path);
    }
    Ok(made)
}

fn told(directory: &Path, name: &str, made: &[PathBuf], rust: bool) -> String {
    let mut text: String = made.iter().map(|path| format!("made {}\n", path.display())).collect();
    let (shown, ident) = (directory.display(), name.replace('-', "_"));
    text += &if rust {
        format!(
            "\nTest it:   cd {shown} && cargo test\n\
             Use it:    name the crate in your program's Cargo.toml, and hand `{ident}::cookbook()` to `brasa_cli::run`\n"
        )
    } else {
        format!(
            "\nTest it:   cd {shown} && sh test/run\n\
             Use it:    `cookbook_path \"{}\"` in solo.rb, and `\"run_list\": [\"{name}\"]` in dna.json\n",
            directory.parent().unwrap_or(Path::new(".")).display()
        )
    };
    text
}
