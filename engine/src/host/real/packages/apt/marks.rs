use std::{collections::HashSet, path::Path};

use super::super::directory::text_of;
use crate::Result;

/// Where apt remembers it, below the root.
const STATES: &str = "var/lib/apt/extended_states";

/// Packages that apt has marked as come along with others, each as `NAME:ARCHITECTURE`: its `autoremove` takes those that
/// nothing needs any more.
///
/// Source: apt-mark(8), and apt's `pkgDepCache::readStateFile`.
#[derive(Debug, Default)]
pub struct Marks(HashSet<String>);

impl Marks {
    /// What apt has marked below `root`; nothing where it never did.
    pub fn read(root: &Path) -> Result<Self> {
        Ok(text_of(&root.join(STATES))?.map(|text| Self::parse(&text)).unwrap_or_default())
    }

    /// As apt reads it: an empty line ends a stanza, one of blanks does not; of a field that is there twice the last counts.
    fn parse(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let automatic = |stanza: &[&str]| {
            let field = |name: &str| {
                stanza.iter().rev().find_map(|line| {
                    let (known, value) = line.split_once(':')?;
                    known.eq_ignore_ascii_case(name).then(|| value.trim())
                })
            };
            let number = field("Auto-Installed")?.parse::<i32>().ok()?;
            (number > 0).then(|| {
                format!("{}:{}", field("Package").unwrap_or_default(), field("Architecture").unwrap_or_default())
            })
        };
        Self(lines.split(|line| line.is_empty()).filter_map(automatic).collect())
    }

    /// Whether a package is marked. apt has those for all architectures under the machine's own, and once had no other.
    pub fn automatic(&self, name: &str, architecture: &str, native: &str) -> bool {
        let has = |architecture: &str| self.0.contains(&format!("{name}:{architecture}"));
        has(architecture)
            || ((architecture == native || architecture == "all") && (has(native) || has("") || has("all")))
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn marks_are_by_name_and_architecture() {
        let marks = Marks::parse(
            "Package: liba\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: libb\nArchitecture: amd64\nAuto-Installed: 0\n\n\
             Package: libc6\nArchitecture: i386\nAuto-Installed: 1\n\nPackage: old\nAuto-Installed: 1\n\nPackage: data\n\
             Auto-Installed: 1\nArchitecture: all\n",
        );
        for (name, architecture, automatic) in [
            ("liba", "amd64", true),
            ("liba", "i386", false),
            // For all architectures.
            ("liba", "all", true),
            ("libb", "amd64", false),
            ("libc6", "i386", true),
            ("libc6", "amd64", false),
            ("old", "amd64", true),
            ("old", "all", true),
            ("old", "i386", false),
            ("data", "all", true),
            ("lib", "amd64", false),
        ] {
            assert_eq!(marks.automatic(name, architecture, "amd64"), automatic, "{name} {architecture}");
        }
    }

    /// What `apt-mark showauto` of apt 3 says of the same texts.
    #[test]
    fn what_apt_reads_is_read() {
        let tar = "Package: tar\nArchitecture: amd64\nAuto-Installed: 1\n";
        let sed = tar.replace("tar", "sed");
        for (text, of_tar, of_sed) in [
            (format!("{tar} \n{sed}"), false, true),
            (format!("\n\n{tar}\n\n\n{sed}"), true, true),
            (format!("{tar}\n{sed}").replace('\n', "\r\n"), true, true),
            (format!("{tar}\n{}", tar.replace(": 1", ": 0")), true, false),
            (tar.to_lowercase(), true, false),
        ] {
            let marks = Marks::parse(&text);
            let read = ["tar", "sed"].map(|name| marks.automatic(name, "amd64", "amd64"));
            assert_eq!(read, [of_tar, of_sed], "{text:?}");
        }
    }

    #[test]
    fn a_byte_of_no_text_is_in_nobodys_way() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(super::STATES);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"Package: tar\nX: \xff\nArchitecture: amd64\nAuto-Installed: 1\n").unwrap();
        assert!(Marks::read(root.path()).unwrap().automatic("tar", "amd64", "amd64"));
    }
}
