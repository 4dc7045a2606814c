//! `script[name]`, `bash[name]` and `sh[name]`: code for an interpreter.
//!
//! The code is handed over on standard input, so that it is in no command line and no file for others to read. A shell
//! reads such code piece by piece, and whatever the script starts would eat the rest of it; so a shell is told to read
//! all of it first and then to run it with `/dev/null` as its input. Other interpreters read all of it by themselves.
use std::path::Path;

use crate::{
    Fault, Result, actions,
    host::{Command, Op, Probe},
    resource::{Change, Goal, Resource},
    resources::command::{Circumstances, State, command_properties},
    values::Words,
};

command_properties! {
    /// Code for any interpreter that reads a program from its standard input. Prefer `bash` and `sh` for shells.
    pub struct Script("any text") {
        name: String;
        /// The program that runs the code.
        interpreter: String,
        /// Options for the interpreter, a word each. Of a shell `-e` when not given: a failing line ends the script.
        flags: Words,
        /// The code.
        code: String,
    }
    example r#"r.add(Script::new("greet").interpreter("python3").code("print('hello')").creates("/var/lib/greeted"));"#
}

command_properties! {
    /// Code for bash. It runs each time the resource is converged: give `creates` or a guard. Other than in Chef, a
    /// failing line ends the script (`flags` is `-e` when not given), so that no error is lost.
    pub struct Bash("any text") {
        name: String;
        /// Options for bash, a word each; `-e` when not given. An empty list goes on after a failing line.
        flags: Words,
        /// The code.
        code: String,
    }
    example r#"r.add(Bash::new("unpack").cwd("/opt").code("tar xf tool.tar\n./tool/install").creates("/opt/tool/bin"));"#
}

command_properties! {
    /// Code for `/bin/sh`. It runs each time the resource is converged: give `creates` or a guard. A failing line ends
    /// the script (`flags` is `-e` when not given), so that no error is lost.
    pub struct Sh("any text") {
        name: String;
        /// Options for sh, a word each; `-e` when not given. An empty list goes on after a failing line.
        flags: Words,
        /// The code.
        code: String,
    }
    example r#"r.add(Sh::new("swap").code("mkswap /swap\nswapon /swap").nothing());"#
}

actions! {
    /// What can be asked of a script.
    pub enum Action {
        Run = "run": "Runs it.",
        Nothing = "nothing": "Does nothing by itself: acts only when it is told to.",
    }
}
pub use Action::*;

fn is_shell(interpreter: &str) -> bool {
    let name = Path::new(interpreter).file_name().and_then(|name| name.to_str()).unwrap_or(interpreter);
    ["sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "zsh"].contains(&name)
}

fn check(circumstances: Circumstances, interpreter: &str, code: Option<&String>) -> Vec<Fault> {
    let mut faults = circumstances.check();
    if interpreter.trim().is_empty() {
        faults.push(Fault::new("there is no `interpreter`"));
    }
    match code {
        None => faults.push(Fault::new("there is no `code`")),
        Some(code) if code.contains('\0') => faults.push(Fault::new("the code holds a NUL byte")),
        Some(code) if code.starts_with("#!") => faults.push(
            Fault::new("the code begins with `#!`, which has no effect here")
                .hint("name the program as `interpreter` of a `script`, and leave the line out"),
        ),
        Some(_) => {}
    }
    faults
}

fn command(circumstances: Circumstances, name: &str, interpreter: &str, flags: Option<&Words>, code: &str) -> Command {
    let mut argv = vec![interpreter.to_owned()];
    let given = flags.map(|flags| flags.0.iter().filter(|flag| !flag.is_empty()).cloned());
    if is_shell(interpreter) {
        argv.extend(given.map_or_else(|| vec!["-e".to_owned()], Iterator::collect));
        // What follows the program is its `$0`: the shell's own messages begin with it.
        argv.extend(["-c".to_owned(), Command::READ_ALL.to_owned(), name.to_owned()]);
    } else {
        argv.extend(given.into_iter().flatten());
    }
    Command { script: true, ..circumstances.command(argv, Some(code.as_bytes().to_vec())) }
}

macro_rules! script {
    ($name:ident, $kind:literal, $interpreter:expr) => {
        impl $name {
            /// A script; `name` is what reports call it.
            #[must_use]
            pub fn new(name: impl Into<String>) -> Self {
                Self::bare(name.into())
            }

            fn program(&self) -> &str {
                let interpreter: fn(&Self) -> &str = $interpreter;
                interpreter(self)
            }
        }

        impl Resource for $name {
            const KIND: &'static str = $kind;
            type Action = Action;
            type State = State;

            fn name(&self) -> String {
                self.name.clone()
            }

            fn check(&self) -> Vec<Fault> {
                check(self.circumstances(), self.program(), self.code.as_ref())
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
                let code = self.code.as_deref().unwrap_or_default();
                let flags = self.flags.as_ref();
                Ok(vec![Op::Run(command(self.circumstances(), &self.name, self.program(), flags, code))])
            }
        }
    };
}

script!(Script, "script", |script| script.interpreter.as_deref().unwrap_or_default());
script!(Bash, "bash", |_| "bash");
script!(Sh, "sh", |_| "/bin/sh");

#[cfg(test)]
mod tests {
    use super::{Bash, Script, Sh};
    use crate::{
        host::{Command, Op},
        resource::{Change, Resource},
        resources::command::State,
        values::Words,
    };

    fn command<R: Resource<State = State>>(script: &R) -> Command {
        let change = Change { from: State::default(), to: State::default(), event: Some("run") };
        match script.ops(&change).unwrap().remove(0) {
            Op::Run(command) => command,
            other => panic!("{other:?}"),
        }
    }

    fn faults<R: Resource>(script: &R) -> Vec<String> {
        script.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_shell_reads_the_whole_program_before_it_runs() {
        let command = command(&Bash::new("x").code("s3cret-canary"));
        assert_eq!(command.argv, ["bash", "-e", "-c", r#"eval "$(cat)" </dev/null"#, "x"]);
        assert_eq!(command.stdin.as_deref(), Some("s3cret-canary".as_bytes()));
        assert!(!serde_json::to_string(&Op::Run(command)).unwrap().contains("canary"));
    }

    #[test]
    fn flags_take_the_place_of_the_default_ones() {
        let flags = |argv: &Command| argv.argv[1..argv.argv.len() - 3].to_vec();
        assert_eq!(flags(&command(&Sh::new("x").code("true").flags(["-e", "-u"]))), ["-e", "-u"]);
        assert!(flags(&command(&Sh::new("x").code("true").flags(Words::default()))).is_empty());
    }

    #[test]
    fn other_interpreters_read_their_program_by_themselves() {
        assert_eq!(command(&Script::new("x").interpreter("python3").code("pass")).argv, ["python3"]);
        assert_eq!(command(&Script::new("x").interpreter("perl").flags("-w").code("1")).argv, ["perl", "-w"]);
        assert_eq!(command(&Script::new("x").interpreter("/bin/dash").code("1")).argv[..2], ["/bin/dash", "-e"]);
    }

    #[test]
    fn faults_of_a_declaration() {
        assert!(faults(&Bash::new("x").code("true")).is_empty());
        assert_eq!(faults(&Bash::new("x")), ["there is no `code`"]);
        assert_eq!(faults(&Script::new("x").code("1")), ["there is no `interpreter`"]);
        assert_eq!(faults(&Sh::new("x").code("a\0")), ["the code holds a NUL byte"]);
        assert_eq!(
            faults(&Sh::new("x").code("#!/usr/bin/perl\n1")),
            ["the code begins with `#!`, which has no effect here\n\
              hint: name the program as `interpreter` of a `script`, and leave the line out"]
        );
    }
}
