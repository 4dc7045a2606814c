//! `remote_file[path]`
use std::path::PathBuf;

pub use super::file::{
    Action,
    Action::{Create, CreateIfMissing, Delete, Touch},
};
use super::file::{File, State, with_file_properties};
use crate::{
    Error, Fault, Result,
    host::{EntryKind, Op, Probe, Request},
    resource::{Change, Environment, Found, Goal, Resource},
    values::{Blob, Seconds, Words},
};

/// Deadline of a download whose recipe names none.
const TIMEOUT: Seconds = Seconds(300);

with_file_properties! {
    /// A file downloaded by http, https or from a `file:` address. When the file on disk already has the `checksum`,
    /// nothing is fetched. Otherwise the server is asked each time, and answers "not modified" when it can: a plan asks it
    /// too, for only so it can tell, and changes nothing.
    pub struct RemoteFile("path") extends file: File {
        /// Where it comes from; of several addresses, the first that answers.
        source: Words,
        /// Extra headers of the request.
        headers: Environment,
        /// Whether the server may answer that an earlier download still holds (ETag, Last-Modified); it may when not given.
        use_conditional_get: bool,
        /// Deadline of the whole download in seconds; 300 when not given.
        timeout: Seconds,
    }
    example r#"r.add(RemoteFile::at("/usr/local/bin/tool").source("https://example.com/tool").mode(0o755));"#
}

impl RemoteFile {
    /// The file at this absolute path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::bare(File::at(path))
    }

    fn urls(&self) -> &[String] {
        self.source.as_ref().map_or(&[], |source| &source.0)
    }

    fn fetch(&self, now: &State, probe: &dyn Probe) -> Result<Blob> {
        if let (Some(checksum), Some(EntryKind::File { content })) =
            (self.file.checksum, now.entry.as_ref().map(|entry| &entry.kind))
            && content.digest() == checksum
        {
            return Ok(content.clone());
        }
        let mut refused = Vec::new();
        for url in self.urls() {
            let request = Request {
                url: url.clone(),
                checksum: self.file.checksum,
                headers: self.headers.clone().unwrap_or_default().0.into_iter().collect(),
                conditional: self.use_conditional_get.unwrap_or(true),
                timeout: self.timeout.unwrap_or(TIMEOUT),
            };
            match probe.fetch(&request) {
                Ok(fetched) => match self.file.checksum {
                    Some(checksum) if fetched.content.digest() != checksum => refused.push(format!(
                        "{} has the checksum {}, not {}",
                        shown(url),
                        fetched.content.digest(),
                        checksum
                    )),
                    Some(_) | None => return Ok(fetched.content),
                },
                Err(error @ Error::Interrupted(_)) => return Err(error),
                // The only address: what went wrong is said as it is, with its own hints.
                Err(error) if self.urls().len() == 1 => return Err(error),
                Err(error) => refused.push(error.to_string()),
            }
        }
        let sentence = match refused.as_slice() {
            [] => format!("`{}` has no source to be fetched from", self.name()),
            [only] => only.clone(),
            [_, ..] => format!("no source of `{}` answered: {}", self.name(), refused.join("; ")),
        };
        Err(Error::failed(sentence))
    }
}

/// An address without the password in it.
fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

impl Resource for RemoteFile {
    const KIND: &'static str = "remote_file";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.file.name()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.file.check();
        if self.urls().is_empty() {
            faults.push(Fault::new("it has no source").hint("say with `source` where it comes from, as `https://..`"));
        }
        for url in self.urls() {
            let known = ["http://", "https://", "file://"].iter().find_map(|scheme| url.strip_prefix(scheme));
            if known.is_none_or(str::is_empty) || url.contains(|c: char| c.is_control() || c == ' ') {
                let fault = Fault::new(format!("source `{}` is no address", shown(url).escape_debug()));
                faults.push(fault.hint("`http://`, `https://` and `file://` addresses are"));
            }
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file.read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        self.file.found(probe)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        self.file.goal(action, now, probe, &|| self.fetch(now, probe).map(Some))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file.ops(change)
    }
}

#[cfg(test)]
mod tests {
    use super::{Create, CreateIfMissing, Delete, RemoteFile, shown};
    use crate::{
        host::Fake,
        resources::trial::{done, faults, refused},
        values::Digest,
    };

    const AT: &str = "/usr/bin/tool";
    const URL: &str = "https://example.com/tool";
    const MIRROR: &str = "https://mirror.example.com/tool";

    fn tool() -> RemoteFile {
        RemoteFile::at(AT).source(URL).mode(0o755)
    }

    fn machine() -> Fake {
        Fake::new().with_directory("/usr/bin").with_url(URL, "v2")
    }

    #[test]
    fn it_is_fetched_and_replaced_when_it_differs() {
        let write = ["write /usr/bin/tool \"v2\" 0755 root:root backup 5"];
        assert_eq!(done(&tool(), Create, &mut machine()), write);
        assert_eq!(
            done(&tool(), Create, &mut machine().with_file(AT, "v1")),
            ["write /usr/bin/tool \"v2\" 0755 root:root backup 5"]
        );
        assert_eq!(done(&tool(), Create, &mut machine().with_file(AT, "v2")), ["set /usr/bin/tool 0755 root:root"]);
    }

    #[test]
    fn nothing_is_fetched_when_it_is_not_needed() {
        // There is nothing to be fetched here: asking would be an error.
        let offline = Fake::new().with_file(AT, "v1");
        let known = tool().checksum(Digest::of(b"v1"));
        assert_eq!(done(&known, Create, &mut offline.clone()), ["set /usr/bin/tool 0755 root:root"]);
        assert_eq!(done(&tool(), CreateIfMissing, &mut offline.clone()), Vec::<String>::new());
        assert_eq!(done(&tool(), Delete, &mut offline.clone()), ["remove /usr/bin/tool backup 5"]);
        refused(&tool(), Create, &mut offline.clone());
    }

    #[test]
    fn the_first_source_that_answers_rightly_is_taken() {
        let both = || RemoteFile::at(AT).source([MIRROR, URL]);
        assert_eq!(done(&both(), Create, &mut machine()), ["write /usr/bin/tool \"v2\" 0644 root:root backup 5"]);
        let wrong = machine().with_url(MIRROR, "v9");
        let sure = || both().checksum(Digest::of(b"v2"));
        assert_eq!(done(&sure(), Create, &mut wrong.clone()), ["write /usr/bin/tool \"v2\" 0644 root:root backup 5"]);
        let none = Fake::new().with_directory("/usr/bin");
        let sentence = refused(&both(), Create, &mut none.clone());
        assert!(sentence.starts_with("no source of `/usr/bin/tool` answered: "), "{sentence}");
        assert!(sentence.contains(MIRROR) && sentence.contains(URL), "{sentence}");
    }

    #[test]
    fn another_content_than_the_one_asked_for_is_not_put_in_place() {
        let known = tool().checksum(Digest::of(b"v1"));
        let sentence = refused(&known, Create, &mut machine());
        assert!(sentence.contains(&Digest::of(b"v1").to_string()), "{sentence}");
    }

    #[test]
    fn bad_sources_are_found_without_a_machine() {
        let hint = "hint: `http://`, `https://` and `file://` addresses are";
        assert_eq!(
            faults(&RemoteFile::at(AT)),
            ["it has no source\nhint: say with `source` where it comes from, as `https://..`"]
        );
        assert_eq!(
            faults(&RemoteFile::at(AT).source(["ftp://user:secret@host/x", "tool", "http://a b"])),
            [
                format!("source `ftp://host/x` is no address\n{hint}"),
                format!("source `tool` is no address\n{hint}"),
                format!("source `http://a b` is no address\n{hint}"),
            ]
        );
        assert_eq!(shown("https://me:secret@host/a@b"), "https://host/a@b");
        assert_eq!(shown(URL), URL);
    }
}
