//! Answers to the questions that packages ask through debconf, in the form of debconf-set-selections(1).
use std::{collections::HashMap, path::Path};

use super::entry::resolve;
use crate::{
    Error, Fault, Result,
    host::{Command, EntryKind, Op, Probe},
    resource::Content,
};

/// Where debconf keeps answers, and where those that are passwords.
const DATABASES: [&str; 2] = ["/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat"];

/// The types of questions that have answers. Source: debconf-devel(7).
const TYPES: [&str; 8] = ["string", "boolean", "select", "multiselect", "password", "text", "note", "title"];

/// What a response file answers.
pub(crate) struct Answers<'a> {
    content: &'a Content,
    answers: Vec<Answer>,
}

struct Answer {
    package: String,
    question: String,
    secret: bool,
    value: String,
}

impl<'a> Answers<'a> {
    /// Reads them. Lines that are none are left out: [`check`] tells of them.
    pub(crate) fn of(content: &'a Content) -> Self {
        let text = String::from_utf8_lossy(content.blob.bytes().unwrap_or_default());
        let answers = lines(&text).into_iter().filter_map(|(_, line)| answer(&line).ok().flatten()).collect();
        Self { content, answers }
    }

    /// Those of the packages for which debconf knows other answers. An answer for none of them is one for the first.
    pub(crate) fn differing(&self, packages: &[String], probe: &dyn Probe) -> Result<Vec<String>> {
        let mut known = HashMap::new();
        let asked = [true, self.answers.iter().any(|answer| answer.secret)];
        for (database, _) in DATABASES.iter().zip(asked).filter(|(_, asked)| *asked) {
            if let Some(EntryKind::File { content }) = resolve(Path::new(database), probe)?.1.map(|entry| entry.kind) {
                let Some(bytes) = content.bytes() else {
                    return Err(Error::failed(format!("`{database}` is too large to look for answers in it")));
                };
                stanzas(&String::from_utf8_lossy(bytes), &mut known);
            }
        }
        let differs = |answer: &&Answer| known.get(&answer.question) != Some(&answer.value);
        let owner =
            |answer: &Answer| packages.iter().find(|name| **name == answer.package).or(packages.first()).cloned();
        Ok(self.answers.iter().filter(differs).filter_map(owner).collect())
    }

    /// Tells debconf the answers.
    pub(crate) fn give(&self) -> Op {
        let mut command = Command::new(["debconf-set-selections"]);
        command.sensitive = self.content.secret || self.answers.iter().any(|answer| answer.secret);
        command.stdin = Some(self.content.blob.bytes().unwrap_or_default().to_vec());
        Op::Run(command)
    }
}

/// Has packages that are installed ask again, which takes the answers that are known.
pub(crate) fn reconfigure(packages: &[String]) -> Op {
    let words = ["dpkg-reconfigure", "--frontend=noninteractive", "--"].into_iter();
    Op::Run(Command::new(words.chain(packages.iter().map(String::as_str))))
}

/// What is wrong with a response file, by its lines; never what stands in them.
pub(crate) fn check(content: &Content) -> Vec<Fault> {
    let Some(text) = content.blob.bytes().and_then(|bytes| str::from_utf8(bytes).ok()) else {
        return vec![Fault::new("`response_file` is no text")];
    };
    let wrong = |(number, line): (usize, String)| {
        let why = answer(&line).err()?;
        Some(
            Fault::new(format!("line {number} of `response_file` {why}"))
                .hint("a line is `PACKAGE QUESTION TYPE ANSWER`, as `debconf-get-selections` prints it"),
        )
    };
    lines(text).into_iter().filter_map(wrong).collect()
}

/// Lines that say something, with their numbers; one that ends in a backslash goes on with the next.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| open) {
            Some((_, joined)) => joined.push_str(part),
            None => lines.push((number, part.to_owned())),
        }
        open = goes_on;
    }
    lines.retain(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines
}

/// Reads a line; `None` for one that only marks a question as seen.
fn answer(line: &str) -> Result<Option<Answer>, &'static str> {
    let mut words = line.trim_start().splitn(3, char::is_whitespace);
    let (Some(package), Some(question), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return Err("has less than a package, a question and its type");
    };
    let rest = rest.trim_start();
    let (kind, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if kind == "seen" {
        return Ok(None);
    }
    if !TYPES.contains(&kind) {
        return Err("has no type that debconf knows");
    }
    let value = value.trim().to_owned();
    Ok(Some(Answer { package: package.to_owned(), question: question.to_owned(), secret: kind == "password", value }))
}

/// Answers in a database of debconf, by question. Source: debconf.conf(5), the driver `File`.
fn stanzas(text: &str, into: &mut HashMap<String, String>) {
    for stanza in text.split("\n\n") {
        let field =
            |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        if let Some(name) = field("Name") {
            into.insert(name.to_owned(), field("Value").unwrap_or_default().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{answer, check, lines, stanzas};
    use crate::resource::Content;

    #[test]
    fn lines_and_their_faults() {
        let text =
            "# a comment\nlab-ask lab-ask/port string 80 80 \n\nd-i x/y multiselect a, \\\n  b\nlab a/b seen true\n";
        let read: Vec<_> = lines(text).into_iter().filter_map(|(_, line)| answer(&line).unwrap()).collect();
        let shown: Vec<_> = read.iter().map(|one| (one.question.as_str(), one.value.as_str())).collect();
        assert_eq!(shown, [("lab-ask/port", "80 80"), ("x/y", "a,   b")]);
        assert!(check(&Content::from(text)).is_empty());
        let faults = check(&Content::from("lab-ask port\n# x\nlab-ask lab-ask/port integer s3cret\n"));
        let told: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "line 1 of `response_file` has less than a package, a question and its type",
                "line 3 of `response_file` has no type that debconf knows"
            ]
        );
        assert_eq!(check(&Content::from(vec![0xff])).len(), 1);
    }

    #[test]
    fn a_database_is_read() {
        let mut known = HashMap::new();
        stanzas("Name: a/b\nTemplate: a/b\nValue: 1 2\nOwners: a\nFlags: seen\n\nName: a/c\nOwners: a\n", &mut known);
        assert_eq!(known["a/b"], "1 2");
        assert_eq!(known["a/c"], "");
        assert_eq!(known.len(), 2);
    }
}
