//! `cookbook_file[path]`
use std::path::PathBuf;

pub use super::file::{
    Action,
    Action::{Create, CreateIfMissing, Delete, Touch},
};
use super::file::{File, State, with_file_properties};
use crate::{
    Error, Fault, Result,
    host::{Op, Probe},
    resource::{Change, Content, Found, Goal, Resource},
};

with_file_properties! {
    /// A file whose content comes with the cookbook: `include_bytes!` puts it into the program, so that nothing but the
    /// program has to be brought to the machine. Otherwise as `file`.
    pub struct CookbookFile("path") extends file: File {
        /// The content, as `include_bytes!("../files/motd")`.
        source: Content,
    }
    example r#"r.add(CookbookFile::at("/etc/motd").source(include_bytes!("../files/motd")));"#
}

impl CookbookFile {
    /// The file at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(File::at(path))
    }
}

fn no_source() -> Fault {
    Fault::new("it has no source")
        .hint("give the content with `source`; in Rust that is `include_bytes!(\"../files/NAME\")`")
}

impl Resource for CookbookFile {
    const KIND: &'static str = "cookbook_file";
    const BATCH: Option<&'static str> = File::BATCH;
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.file.name()
    }

    fn batch(&self) -> Option<&'static str> {
        self.file.batch()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.file.check();
        faults.extend(self.file.checksum_fault(self.source.as_ref()));
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Create | CreateIfMissing | Touch if self.source.is_none() => vec![no_source()],
            Create | CreateIfMissing | Touch | Delete => Vec::new(),
        }
    }

    fn is_sensitive(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.secret)
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file.read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.file.found(probe)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.file.goal(action, now, probe, &|| match &self.source {
            Some(source) => Ok(Some(source.blob.clone())),
            None => Err(Error::Faults(vec![no_source()])),
        })
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file.ops(change)
    }
}

#[cfg(test)]
mod tests {
    use super::{CookbookFile, Create, CreateIfMissing, Delete};
    use crate::{
        host::Fake,
        resource::Resource as _,
        resources::trial::{done, faults},
        values::{Digest, Secret},
    };

    #[test]
    fn it_is_a_file_with_the_content_that_comes_along() {
        let file = || CookbookFile::at("/etc/motd").source(b"hello\n").mode(0o600).backup(0_u32);
        let machine = Fake::new().with_directory("/etc");
        assert_eq!(
            done(&file(), Create, &mut machine.clone()),
            ["write /etc/motd \"hello\\n\" 0600 root:root backup 0"]
        );
        let there = machine.with_file("/etc/motd", "hello\n");
        assert_eq!(done(&file(), Create, &mut there.clone()), ["set /etc/motd 0600 root:root"]);
        assert_eq!(done(&file(), CreateIfMissing, &mut there.clone()), Vec::<String>::new());
        assert_eq!(done(&file(), Delete, &mut there.clone()), ["remove /etc/motd backup 0"]);
        assert_eq!(faults(&CookbookFile::at("motd").source("x")).len(), 1);
        assert_eq!(faults(&file().checksum(Digest::of(b"x"))).len(), 1);
        assert_eq!(faults(&file().checksum(Digest::of(b"hello\n"))).len(), 0);
        let bare = CookbookFile::at("/etc/motd");
        assert_eq!(bare.check_action(Create)[0].message, "it has no source");
        assert_eq!((bare.check_action(CreateIfMissing).len(), bare.check_action(Delete).len()), (1, 0));
        assert!(!file().is_sensitive() && file().source(Secret::from("canary")).is_sensitive());
    }
}
