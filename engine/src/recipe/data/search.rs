//! Where a template or file of a cookbook is looked for: Chef's order, the most special folder first.
use crate::facts::Facts;

/// The folders below `templates/` or `files/` to look into, in order; the last one is the folder itself.
pub(super) fn folders(facts: &Facts) -> Vec<String> {
    folders_of(facts.fqdn(), facts.platform(), facts.platform_version())
}

fn folders_of(fqdn: Option<&str>, platform: Option<&str>, version: Option<&str>) -> Vec<String> {
    let mut folders = vec![format!("host-{}", fqdn.unwrap_or_default())];
    if let Some(platform) = platform {
        let mut version = version;
        while let Some(exact) = version {
            folders.push(format!("{platform}-{exact}"));
            version = exact.rsplit_once('.').map(|(shorter, _)| shorter);
        }
        folders.push(platform.to_owned());
    }
    folders.extend(["default".to_owned(), String::new()]);
    folders
}

/// The first of these files that is there, the folders of each tried in order: folder and name by a slash.
pub(super) fn find<'n>(
    folders: &[String],
    names: impl IntoIterator<Item = &'n str>,
    is_there: impl Fn(&str) -> bool,
) -> Option<String> {
    names.into_iter().find_map(|name| {
        let in_folder = |folder: &String| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        folders.iter().map(in_folder).find(|path| is_there(path))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::{find, folders_of};

    #[derive(Deserialize)]
    struct Table {
        nodes: HashMap<String, Node>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Node {
        platform: String,
        platform_version: String,
        fqdn: Option<String>,
    }

    #[derive(Deserialize)]
    struct Case {
        node: String,
        files: Vec<String>,
        source: String,
        expected: Option<String>,
    }

    #[test]
    fn the_order_is_the_one_that_chef_was_seen_to_have() {
        let table: Table =
            serde_json::from_str(include_str!("../../../../tests/golden/small/file_specificity.json")).unwrap();
        assert_eq!(table.cases.len(), 110);
        for Case { node, files, source, expected } in table.cases {
            let Node { platform, platform_version, fqdn } = &table.nodes[&node];
            let folders = folders_of(fqdn.as_deref(), Some(platform), Some(platform_version));
            let found = find(&folders, [source.as_str()], |path| files.iter().any(|file| file == path));
            assert_eq!(found, expected, "{node}: {source} in {files:?}");
        }
        println!("golden small/file_specificity: 110 of 110");
    }

    #[test]
    fn a_machine_of_no_known_platform_has_the_general_folders() {
        assert_eq!(folders_of(Some("a.b"), None, None), ["host-a.b", "default", ""]);
    }
}
