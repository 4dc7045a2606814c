//! Scripts as real shells run them: what a recipe's code sees, and how it fails.
#![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use brasa::{
    host::Op,
    prelude::*,
    resource::{Change, Resource},
    resources::command::State,
};

/// Runs the command of a script the way a host does: its code on standard input.
fn run<R: Resource<State = State>>(script: &R) -> Output {
    let change = Change { from: State::default(), to: State::default(), event: Some("run") };
    let mut ops = script.ops(&change).unwrap();
    let Op::Run(command) = ops.remove(0) else { panic!("a script is a command") };
    let mut child = Command::new(&command.argv[0])
        .args(&command.argv[1..])
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&command.stdin.unwrap()).unwrap();
    child.wait_with_output().unwrap()
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_a_script_starts_cannot_eat_the_rest_of_it() {
    for code in ["cat\necho after", "read line || echo empty\necho after", "head -c 3 >/dev/null; echo after"] {
        let (status, stdout, stderr) = ended(&run(&Sh::new("x").code(code)));
        assert_eq!((status, stderr.as_str()), (0, ""), "{code}");
        assert!(stdout.ends_with("after\n"), "{code}: {stdout}");
    }
    assert_eq!(ended(&run(&Bash::new("x").code("cat\necho after"))), (0, "after\n".into(), String::new()));
}

#[test]
fn a_failing_line_ends_it_unless_the_flags_say_otherwise() {
    let code = "echo one\nfalse\necho two";
    assert_eq!(ended(&run(&Bash::new("x").code(code))), (1, "one\n".into(), String::new()));
    assert_eq!(ended(&run(&Sh::new("x").code(code))), (1, "one\n".into(), String::new()));
    let careless = Sh::new("x").code(code).flags(Vec::<String>::new());
    assert_eq!(ended(&run(&careless)), (0, "one\ntwo\n".into(), String::new()));
    assert_eq!(ended(&run(&Bash::new("x").code("exit 7"))).0, 7);
}

#[test]
fn functions_here_documents_and_quotes_are_as_in_a_file() {
    let code = "greet() { printf '%s|' \"$@\"; }\ngreet 'a b' \"c'd\"\ncat <<END\nx=$((1 + 1)) \\$y\nEND\n";
    for output in [run(&Bash::new("x").code(code)), run(&Sh::new("x").code(code))] {
        assert_eq!(ended(&output), (0, "a b|c'd|x=2 $y\n".into(), String::new()));
    }
}

#[test]
fn an_error_of_the_shell_begins_with_the_name_of_the_resource() {
    let (status, _, stderr) = ended(&run(&Sh::new("make swap").code("\nno-such-program")));
    assert_eq!(status, 127);
    assert!(stderr.starts_with("make swap: ") && stderr.contains("no-such-program"), "{stderr}");
}

#[test]
fn a_program_of_another_language_comes_on_standard_input() {
    let perl = Script::new("x").interpreter("perl").flags(["-w"]).code("print 6 * 7, \"\\n\"; exit 3");
    assert_eq!(ended(&run(&perl)), (3, "42\n".into(), String::new()));
}
