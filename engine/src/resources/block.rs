//! `block[name]`
use std::path::PathBuf;

use super::{
    edit,
    file::{File, State},
};
use crate::{
    Error, Fault, Result, actions,
    host::{Op, Probe},
    properties,
    resource::{Change, Found, Goal, Resource},
    values::Words,
};

properties! {
    /// Lines of a file that others manage the rest of, between two marks with the resource's name. What is between the
    /// marks is replaced as a whole; everything else in the file, its mode and its owner stay as they are.
    pub struct Block("name in the marks") {
        name: String;
        /// The file.
        path: PathBuf,
        /// The lines between the marks.
        text: String,
        /// What makes a line a comment in this file; `#` when not given.
        comment: String,
        /// A new block goes behind the last line that matches this regular expression.
        after: String,
        /// A new block goes before the first line that matches this regular expression.
        before: String,
        /// Whether a file that is not there is made. False when not given.
        create_file: bool,
        /// How many earlier versions of the file to keep; 5 when not given, 0 for none.
        backup: u32,
        /// Commands that judge the new content before it replaces the old; `%{path}` in them is the file to judge.
        verify: Words,
        /// Whether to edit the file that a symbolic link at this path leads to. Without it, a link is refused.
        manage_symlink_source: bool,
    }
    example r#"r.add(Block::in_file("/etc/hosts", "cluster").text("10.0.0.1 one\n10.0.0.2 two\n"));"#
}

actions! {
    /// What can be asked of a block.
    pub enum Action {
        Present = "present": "Has the block be there, once, and say this.",
        Absent = "absent": "Removes the block and its marks.",
    }
}
pub use Action::*;

impl Block {
    /// The block of this name in the file at this absolute path.
    #[must_use]
    pub fn in_file(path: impl Into<PathBuf>, name: impl Into<String>) -> Self {
        Self::bare(name.into()).path(path)
    }

    fn file(&self) -> File {
        let follow = self.manage_symlink_source.unwrap_or(false);
        edit::file(self.path.as_deref(), self.backup, self.verify.as_ref(), follow)
    }

    /// The first and the last line of the block.
    fn marks(&self) -> (String, String) {
        let comment = self.comment.as_deref().unwrap_or("#");
        (format!("{comment} BEGIN brasa: {}", self.name), format!("{comment} END brasa: {}", self.name))
    }

    /// From its first mark to behind its last one, wherever it is.
    fn spans(&self, lines: &edit::Lines) -> Result<Vec<(usize, usize)>> {
        let (begin, end) = self.marks();
        let mut marks = lines.bare().enumerate().filter(|(_, line)| *line == begin || *line == end);
        let mut spans = Vec::new();
        while let Some((start, _)) = marks.find(|(_, line)| *line == begin) {
            match marks.next() {
                Some((at, line)) if line == end => spans.push((start, at + 1)),
                Some(_) | None => {
                    let path = self.file().path.display().to_string();
                    let error = Error::failed(format!("{path}:{}: the block `{}` does not end", start + 1, self.name));
                    return Err(error.hint(format!("write `{end}` behind its last line, or remove `{begin}`")));
                }
            }
        }
        Ok(spans)
    }

    fn edit(&self, action: Action, lines: &mut edit::Lines) -> Result<()> {
        let pattern = |what, text: &Option<String>| {
            text.as_ref().map(|text| edit::pattern(what, text)).transpose().map_err(Error::from)
        };
        let (after, before) = (pattern("`after`", &self.after)?, pattern("`before`", &self.before)?);
        let spans = self.spans(lines)?;
        let kept = spans.first().filter(|_| action == Present).copied();
        // From behind, so that what is removed moves nothing that is still to be looked at.
        for (start, stop) in spans.into_iter().rev().filter(|span| Some(*span) != kept) {
            lines.replace(start, stop, []);
        }
        match action {
            Present => {
                let place = lines.place(after.as_ref(), before.as_ref());
                let (start, stop) = kept.unwrap_or((place, place));
                let (begin, end) = self.marks();
                let text = self.text.as_deref().unwrap_or_default();
                let all: Vec<&str> =
                    std::iter::once(begin.as_str()).chain(text.lines()).chain(std::iter::once(end.as_str())).collect();
                if !lines.bare().skip(start).take(stop - start).eq(all.iter().copied()) {
                    lines.replace(start, stop, all);
                }
            }
            Absent => {}
        }
        Ok(())
    }
}

impl Resource for Block {
    const KIND: &'static str = "block";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = edit::path_faults(self.path.as_deref());
        faults.extend(edit::line_fault("the name", &self.name));
        faults.extend(self.comment.as_ref().and_then(|comment| edit::line_fault("`comment`", comment)));
        for (what, text) in [("`after`", &self.after), ("`before`", &self.before)] {
            faults.extend(text.as_ref().and_then(|text| edit::pattern(what, text).err()));
        }
        if self.after.is_some() && self.before.is_some() {
            faults.push(Fault::new("it has both `after` and `before`").hint("leave one of them out"));
        }
        let (begin, end) = self.marks();
        let text = self.text.as_deref().unwrap_or_default();
        if text.lines().any(|line| line == begin || line == end) {
            faults
                .push(Fault::new("`text` holds one of the block's own marks").hint("give the lines between the marks"));
        }
        if text.contains('\0') {
            faults.push(Fault::new("`text` holds a NUL byte"));
        }
        faults
    }

    fn check_action(&self, action: Action) -> Vec<Fault> {
        match action {
            Present if self.text.is_none() => vec![Fault::new("there is no `text` to put into the file")],
            Present | Absent => Vec::new(),
        }
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.file().read(probe)
    }

    fn found(&self, probe: &dyn Probe) -> Result<Option<Found>> {
        let (file, found) = (self.file(), Found::new(Self::KIND, &self.name));
        let state = file.read(probe)?;
        let lines = edit::Lines::of(edit::text(&file, &state)?);
        let found = edit::told(found, &file).with("comment", self.comment.clone());
        let Some((start, stop)) = self.spans(&lines)?.first().copied() else { return Ok(Some(found.action("absent"))) };
        let text: String =
            lines.bare().skip(start + 1).take(stop - start - 2).map(|line| format!("{line}\n")).collect();
        edit::with_text(found, "text", &text, &state).settled::<Self>(Present, probe).map(Some)
    }

    fn want(&self, action: Action, now: &State, probe: &dyn Probe) -> Result<Goal<State>> {
        let create = self.create_file.unwrap_or(false);
        edit::goal(&self.file(), now, probe, create, |lines| self.edit(action, lines))
    }

    fn ops(&self, change: &Change<State>) -> Result<Vec<Op>> {
        self.file().ops(change)
    }
}

#[cfg(test)]
mod tests {
    use super::{Absent, Block, Present};
    use crate::{
        host::Fake,
        resource::Resource as _,
        resources::trial::{done, faults, refused, text},
    };

    const PATH: &str = "/etc/hosts";

    #[test]
    fn a_block_is_shown() {
        let text = "a\n# BEGIN brasa: x\nb\nc\n# END brasa: x\n";
        let machine = Fake::new().with_file(PATH, text);
        let found = Block::in_file(PATH, "x").found(&machine).unwrap().unwrap();
        let expected = serde_json::json!({"path": PATH, "text": "b\nc\n"});
        assert_eq!((serde_json::to_value(found.properties).unwrap(), found.actions), (expected, vec!["present"]));
        assert_eq!(Block::in_file(PATH, "y").found(&machine).unwrap().unwrap().actions, ["absent"]);
        let twice = Fake::new().with_file(PATH, text.repeat(2).as_str());
        assert_eq!(Block::in_file(PATH, "x").found(&twice).unwrap().unwrap().actions, [""; 0]);
    }

    fn edited(block: &Block, action: super::Action, before: &str) -> String {
        let mut machine = Fake::new().with_file(PATH, before);
        done(block, action, &mut machine);
        text(&machine, PATH)
    }

    #[test]
    fn a_block_is_put_in_replaced_and_taken_out() {
        let block = Block::in_file(PATH, "cluster").text("10.0.0.1 one\n10.0.0.2 two");
        let whole = "# BEGIN brasa: cluster\n10.0.0.1 one\n10.0.0.2 two\n# END brasa: cluster\n";
        assert_eq!(edited(&block, Present, "127.0.0.1 localhost"), format!("127.0.0.1 localhost\n{whole}"));
        let old = "a\n# BEGIN brasa: cluster\nold\n# END brasa: cluster\nb\n";
        assert_eq!(edited(&block, Present, old), format!("a\n{whole}b\n"));
        assert_eq!(edited(&block, Absent, old), "a\nb\n");
        assert_eq!(edited(&block, Absent, "a\n"), "a\n");
        let twice = format!("{old}{whole}c\n");
        assert_eq!(edited(&block, Present, &twice), format!("a\n{whole}b\nc\n"));
        assert_eq!(edited(&block, Absent, &twice), "a\nb\nc\n");
        let other = "# BEGIN brasa: other\nx\n# END brasa: other\n";
        assert_eq!(edited(&block, Present, other), format!("{other}{whole}"));
        let first = Block::in_file(PATH, "cluster").text("x").comment(";").before("^a");
        assert_eq!(edited(&first, Present, "a\n"), "; BEGIN brasa: cluster\nx\n; END brasa: cluster\na\n");
    }

    #[test]
    fn a_block_without_an_end_is_left_alone() {
        let block = Block::in_file(PATH, "cluster").text("x");
        let mut machine = Fake::new().with_file(PATH, "a\n# BEGIN brasa: cluster\nmine\n");
        assert_eq!(
            refused(&block, Present, &mut machine),
            "/etc/hosts:2: the block `cluster` does not end\n\
             hint: write `# END brasa: cluster` behind its last line, or remove `# BEGIN brasa: cluster`"
        );
        let second = "# BEGIN brasa: cluster\n# END brasa: cluster\n# BEGIN brasa: cluster\n";
        assert!(refused(&block, Absent, &mut Fake::new().with_file(PATH, second)).starts_with("/etc/hosts:3: "));
        assert_eq!(
            faults(&Block::in_file(PATH, "c").text("# END brasa: c")),
            ["`text` holds one of the block's own marks\nhint: give the lines between the marks"]
        );
        assert_eq!(faults(&Block::in_file(PATH, "a\nb").text("x")), ["the name is more than one line"]);
    }
}
