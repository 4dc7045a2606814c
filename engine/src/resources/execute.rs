//! `execute[name]`: a command with an effect that the engine cannot see.
use crate::{
    Fault, Result, actions,
    host::{Op, Probe},
    resource::{Change, Goal, Resource},
    resources::command::{CommandLine, State, command_properties},
    values::Secret,
};

command_properties! {
    /// A command. It runs each time the resource is converged: give `creates`, a guard, or `nothing` with a notice, so
    /// that it runs only when it has to. It has no terminal, `LC_ALL=C.UTF-8`, and a deadline after which its whole
    /// process group is ended.
    pub struct Execute("command line, or any text with `command`") {
        name: String;
        /// A list is a program with its arguments, which no shell sees; a text is a line for `/bin/sh`. The name when
        /// not given.
        command: CommandLine,
        /// Text for its standard input, never shown.
        input: Secret,
    }
    example r#"r.add(Execute::new("reload dns", ["rndc", "reload"]).nothing());"#
}

actions! {
    /// What can be asked of a command.
    pub enum Action {
        Run = "run": "Runs it.",
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
    }
}
pub use Action::*;

impl Execute {
    /// A program with its arguments; `name` is what reports call it.
    #[must_use]
    pub fn new<W: Into<String>>(name: impl Into<String>, argv: impl IntoIterator<Item = W>) -> Self {
        Self::bare(name.into()).command(CommandLine::Words(argv.into_iter().map(Into::into).collect()))
    }

    /// A line for `/bin/sh`, which is the resource's name too.
    #[must_use]
    pub fn shell(line: impl Into<String>) -> Self {
        Self::bare(line.into())
    }

    fn argv(&self) -> Vec<String> {
        let shell = |line: &str| vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()];
        match &self.command {
            Some(CommandLine::Words(words)) => words.clone(),
            Some(CommandLine::Shell(line)) => shell(line),
            None => shell(&self.name),
        }
    }
}

impl Resource for Execute {
    const KIND: &'static str = "execute";
    type Action = Action;
    type State = State;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Vec<Fault> {
        let mut faults = self.circumstances().check();
        let argv = self.argv();
        if argv.first().is_none_or(String::is_empty)
            || argv.last().is_some_and(|last| last.trim().is_empty()) && argv.len() == 3 && argv[0] == "/bin/sh"
        {
            faults.push(Fault::new("there is no command"));
        }
        if argv.iter().any(|word| word.contains('\0')) {
            faults.push(Fault::new("the command holds a NUL byte"));
        }
        faults
    }

    fn read(&self, probe: &dyn Probe) -> Result<State> {
        self.circumstances().read(probe)
    }

    fn want(&self, action: Action, now: &State, _: &dyn Probe) -> Result<Goal<State>> {
        Ok(match action {
            Run => self.circumstances().want(now),
            Nothing => Goal::State(now.clone()),
        })
    }

    fn ops(&self, _: &Change<State>) -> Result<Vec<Op>> {
        let stdin = self.input.as_ref().map(|input| input.expose().as_bytes().to_vec());
        Ok(vec![Op::Run(self.circumstances().command(self.argv(), stdin))])
    }
}

#[cfg(test)]
mod tests {
    use super::Execute;
    use crate::{
        host::Op,
        resource::{Change, Described, Resource},
        resources::command::State,
    };

    fn faults(execute: &Execute) -> Vec<String> {
        execute.check().iter().map(ToString::to_string).collect()
    }

    fn shown(execute: &Execute) -> String {
        let change = Change { from: State::default(), to: State::default(), event: Some("run") };
        match execute.ops(&change).unwrap().as_slice() {
            [Op::Run(command)] => command.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_name_is_a_line_for_the_shell_unless_there_is_a_command() {
        assert_eq!(shown(&Execute::shell("a | b")), "a | b");
        assert_eq!(shown(&Execute::new("x", ["a", "b c"])), "a 'b c'");
        assert_eq!(shown(&Execute::with_name("x").command("a | b")), "a | b");
        assert_eq!(shown(&Execute::with_name("x").command(["a", "|"])), "a '|'");
    }

    #[test]
    fn faults_of_a_declaration() {
        assert!(faults(&Execute::new("x", ["true"]).cwd("/tmp").creates("made").umask(0o022)).is_empty());
        assert_eq!(faults(&Execute::new("x", Vec::<String>::new())), ["there is no command"]);
        assert_eq!(faults(&Execute::shell(" ")), ["there is no command"]);
        assert_eq!(faults(&Execute::new("x", ["a\0b"])), ["the command holds a NUL byte"]);
        assert_eq!(faults(&Execute::shell("true").cwd("tmp")), ["`cwd` must be an absolute path, `tmp` is not"]);
        assert_eq!(
            faults(&Execute::shell("true").creates("made")),
            ["`creates` is relative (`made`), and there is no `cwd`\nhint: write the whole path, or give `cwd`"]
        );
        assert_eq!(
            faults(&Execute::shell("true").returns([0, 256])),
            ["`returns`: 256 is no exit code; they go from 0 to 255"]
        );
        assert_eq!(
            faults(&Execute::shell("true").returns([])),
            ["`returns` is empty, so no exit code could mean success"]
        );
        assert_eq!(
            faults(&Execute::shell("true").timeout(0)),
            ["`timeout` is 0, so the command could never end in time"]
        );
        assert_eq!(
            faults(&Execute::shell("true").environment([("A=B", "c")])),
            ["`environment`: `A=B` is no name of a variable"]
        );
        assert_eq!(faults(&Execute::shell("true").user("a:b")), ["`user`: \"a:b\" is no account name"]);
        assert_eq!(faults(&Execute::shell("true").group("")), ["`group`: \"\" is no account name"]);
        assert_eq!(
            faults(&Execute::shell("true").umask(99999)),
            ["`umask`: mode 99999 (octal 303237) is beyond 7777; write permission bits in octal, as in `0o644`"]
        );
    }

    #[test]
    fn what_stands_on_its_input_is_shown_nowhere() {
        let execute = Execute::shell("cat").input("s3cret-canary");
        let change = Change { from: State::default(), to: State::default(), event: Some("run") };
        let ops = execute.ops(&change).unwrap();
        let [Op::Run(command)] = ops.as_slice() else { panic!("{ops:?}") };
        assert_eq!(command.stdin.as_deref(), Some("s3cret-canary".as_bytes()));
        assert!(!serde_json::to_string(&ops).unwrap().contains("canary"));
        assert!(!format!("{execute:?}").contains("canary"));
    }
}
