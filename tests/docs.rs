//! What the pages in `docs/` show and promise is so.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use brasa::node::config::known::{Fate, KNOWN, Shape};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every Markdown page in and below a directory.
fn pages(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("docs can be listed") {
        let path = entry.expect("docs can be listed").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// What is shown in code blocks of this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let open = format!("```{language}\n");
    let parts = page.split(&open).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_cookbook_that_is_explained_compiles() {
    let example = page("examples/greeting.rs");
    let shown = blocks(&page("docs/cookbooks.md"), "rust");
    assert!(!shown.is_empty());
    for block in shown {
        assert!(example.contains(&block), "examples/greeting.rs does not hold\n{block}");
    }
}

#[test]
fn the_cookbook_in_data_that_is_explained_is_tested() {
    let shown = page("docs/data-cookbooks.md");
    let cases = "tests/data_cookbooks";
    let web = format!("{cases}/site/cookbooks/web");
    for (language, files) in [
        (
            "yaml",
            [
                format!("{web}/metadata.yml"),
                format!("{web}/attributes/default.yml"),
                format!("{web}/recipes/default.yml"),
            ]
            .as_slice(),
        ),
        ("jinja", &[format!("{web}/templates/default/site.conf.tera")]),
        ("json", &[format!("{cases}/attributes/cookbooks/app/attributes/more.json")]),
    ] {
        let tested: Vec<String> = files.iter().map(|file| page(file)).collect();
        assert_eq!(blocks(&shown, language), tested);
    }
}

#[test]
fn every_setting_of_solo_rb_is_listed() {
    let rows: String = KNOWN
        .iter()
        .map(|known| match known.fate {
            Fate::Used if known.shape == Shape::Commands => {
                format!("| `{}` | used | {}: see [handlers](handlers.md) |\n", known.name, known.default)
            }
            Fate::Used => format!("| `{}` | used | {} |\n", known.name, known.default),
            Fate::Ignored(why) => format!("| `{}` | ignored | {why} |\n", known.name),
            Fate::Noted(why) => format!("| `{}` | noted | {why} |\n", known.name),
            Fate::Refused(why) => format!("| `{}` | refused | {why} |\n", known.name),
        })
        .collect();
    assert!(page("docs/files.md").contains(&rows), "docs/files.md should list\n{rows}");
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    pages(&root.join("docs"), &mut found);
    for path in found {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                let there = path.parent().is_some_and(|directory| directory.join(target).exists());
                assert!(there, "{} links to {link}, which is not there", path.display());
            }
        }
    }
}
