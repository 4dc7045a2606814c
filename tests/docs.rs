//! What the pages in `docs/` show and promise is so.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use brasa::{
    node::config::known::{Fate, KNOWN, Shape},
    recipe::kinds,
};

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
fn every_kind_is_explained_with_each_property_and_two_examples() {
    for kind in kinds() {
        let shown = page(&format!("docs/reference/kinds/{}.md", kind.name));
        assert_eq!(blocks(&shown, "rust"), [format!("{}\n", kind.example)], "{}", kind.name);
        assert_eq!(blocks(&shown, "yaml").len(), 1, "{}", kind.name);
        let rows: Vec<Vec<&str>> =
            shown.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").collect()).collect();
        let explains = |word: &str, cells: usize| {
            let word = format!("| `{word}`");
            rows.iter().any(|row| {
                let about = row.last().map_or(0, |about| about.trim_end_matches(" |").len());
                row.len() == cells && row[0].split(" (default)").next() == Some(&word) && about > 5
            })
        };
        for action in kind.actions() {
            assert!(explains(action.name, 2), "{}: action {}", kind.name, action.name);
        }
        for property in kind.properties() {
            assert!(explains(property.name, 3), "{}: property {}", kind.name, property.name);
        }
    }
}

/// Each in a recipe of its own, for they may name the same thing.
#[test]
fn the_examples_of_kinds_as_data_are_recipes() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let cookbook = place.path().join("cookbooks/site");
    let put = |path: &str, text: &str| {
        let path = cookbook.join(path);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("directories");
        fs::write(path, text).expect("a file");
    };
    put("metadata.yml", "name: site\nversion: 1.0.0\n");
    for (file, text) in
        [("templates/motd.tera", "{{ name }}\n"), ("files/motd", "x\n"), ("files/www/index.html", "x\n")]
    {
        put(file, text);
    }
    for kind in kinds() {
        let data = blocks(&page(&format!("docs/reference/kinds/{}.md", kind.name)), "yaml").concat();
        put(&format!("recipes/{}.yml", kind.name), &format!("resources:\n{data}"));
    }
    fs::write(place.path().join("solo.rb"), "cookbook_path 'cookbooks'\n").expect("a file");
    let run_list: Vec<_> = kinds().iter().map(|kind| format!("site::{}", kind.name)).collect();
    let mut brasa = Command::new(env!("CARGO_BIN_EXE_brasa"));
    brasa.args(["inspect", "-c", "solo.rb", "-o", &run_list.join(",")]).current_dir(place.path());
    let output = brasa.output().expect("brasa runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
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
