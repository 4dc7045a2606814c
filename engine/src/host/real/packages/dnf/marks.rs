//! Why packages are there, as dnf 5 remembers it: what came along with others goes when nothing needs it any more.
use std::path::Path;

use toml::{Spanned, de::DeValue};

use super::{super::directory::text_of, groups::table, program::Program};
use crate::Result;

/// Where dnf 5 remembers it. dnf 4 does so in a database of SQLite, and yum in a file for each package.
const PACKAGES: &str = "usr/lib/sysimage/libdnf5/packages.toml";

/// Packages that came along with others, each as `NAME.ARCHITECTURE`.
#[derive(Debug, Default)]
pub struct Marks(Vec<String>);

impl Marks {
    /// What the program that changes packages remembers below `root`.
    pub fn of(root: &Path) -> Result<Self> {
        if !told(root) {
            return Ok(Self::default());
        }
        let Some(text) = text_of(&root.join(PACKAGES))? else { return Ok(Self::default()) };
        let known = table(PACKAGES, &text)?;
        let Some(DeValue::Table(packages)) = known.get("packages").map(Spanned::get_ref) else {
            return Ok(Self::default());
        };
        let automatic = packages.iter().filter(|(_, package)| {
            let reason = package.get_ref().as_table().and_then(|package| package.get("reason")?.get_ref().as_str());
            reason.is_some_and(|reason| reason.ends_with("Dependency"))
        });
        Ok(Self(automatic.map(|(name, _)| name.get_ref().to_string()).collect()))
    }

    /// Whether a package, as `NAME.ARCHITECTURE`, came along with others. What rpm took away without dnf is remembered still:
    /// a name alone may be that of one which is gone.
    pub fn automatic(&self, package: &str) -> bool {
        self.0.iter().any(|known| known == package)
    }
}

/// Whether it is remembered where it can be read.
pub fn told(root: &Path) -> bool {
    Program::of(root).is_ok_and(Program::is_five)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{
        super::super::{Packages, Tools},
        Marks, PACKAGES,
    };
    use crate::{
        Result,
        host::{Answer, Command, Provider},
    };

    #[test]
    fn what_dnf5_remembers_is_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            PACKAGES,
            "version = \"1.0\"\n\n[packages]\n\"lab-app.noarch\" = {reason = \"User\"}\n\"lab-doc.noarch\" = {reason = \"Weak \
             Dependency\"}\n\"lab-lib.noarch\" = {reason = \"Dependency\"}\n\"lab-small.noarch\" = {reason = \"Group\"}\n",
        );
        // dnf 4 writes no such file, and reads none.
        write("usr/bin/dnf", "");
        assert!(!Marks::of(root.path()).unwrap().automatic("lab-lib.noarch"));
        fs::rename(root.path().join("usr/bin/dnf"), root.path().join("usr/bin/dnf5")).unwrap();
        let marks = Marks::of(root.path()).unwrap();
        for (name, automatic) in [
            ("lab-lib.noarch", true),
            ("lab-lib.i686", false),
            ("lab", false),
            ("lab-doc.noarch", true),
            ("lab-app.noarch", false),
            ("lab-small.noarch", false),
        ] {
            assert_eq!(marks.automatic(name), automatic, "{name}");
        }
        write(PACKAGES, "packages = \n");
        assert!(
            Marks::of(root.path()).unwrap_err().to_string().starts_with("`/usr/lib/sysimage/libdnf5/packages.toml`")
        );
    }

    /// rpm with `lab-lib.noarch` alone.
    struct Rpm;

    impl Tools for Rpm {
        fn query(&self, _: &Command) -> Result<Answer> {
            Ok(Answer { stdout: "=\tlab-lib\t0\t1.0\t1\tnoarch\n".to_owned(), ..Answer::default() })
        }

        fn watch(&self, command: &Command, _: &mut dyn FnMut(&str)) -> Result<Answer> {
            self.query(command)
        }
    }

    #[test]
    fn what_is_remembered_of_another_architecture_is_another_package() {
        for (architecture, automatic) in [("i686", false), ("noarch", true)] {
            let root = tempfile::tempdir().unwrap();
            let text = format!("[packages]\n\"lab-lib.{architecture}\" = {{reason = \"Dependency\"}}\n");
            for (path, text) in [("usr/bin/rpm", ""), ("usr/bin/dnf5", ""), (PACKAGES, &text)] {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let packages = Packages::new(root.path(), root.path().join("state"));
            let state = packages.packages(&Rpm, &Provider::Dnf, &["lab-lib".to_owned()]).unwrap().remove(0);
            assert_eq!((state.version.as_deref(), state.automatic), (Some("1.0-1"), automatic), "{architecture}");
        }
    }
}
