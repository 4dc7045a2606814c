//! Arguments, commands, exit codes.
mod arguments;
mod bootstrap;
mod check;
mod chef_solo;
mod completions;
mod config;
mod converge;
mod data_bag;
mod ddns;
mod explain;
mod facts;
mod handlers;
mod history;
mod inspect;
mod logging;
mod man;
mod new;
mod question;
mod repeat;
mod resource;
mod schema;
mod server;
mod session;
mod undo;

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use brasa::{host::environment, prelude::Cookbook};
use clap::{CommandFactory, Parser};
use serde_json::json;

use self::{
    arguments::{Cli, Colour, Command, ConfigCommand, Format, Output},
    chef_solo::Parsed,
};
use crate::{
    failure::{Code, Failure},
    report::{ReportedFailure, Style, printable},
};

/// The whole program, with the cookbooks that are compiled in. A third party's binary is
/// `fn main() -> ExitCode { brasa_cli::run([mine::cookbook()]) }`.
pub fn run(cookbooks: impl IntoIterator<Item = Cookbook>) -> ExitCode {
    let cookbooks: Vec<Cookbook> = cookbooks.into_iter().collect();
    let arguments = environment::arguments();
    environment::prepare_process();
    environment::end_on_panic(Code::Failed.number(), |message, place| {
        complain(&format!("error: a mistake in the program or a cookbook, at {place}: {}", printable(message)));
        complain(
            "hint: tell its authors; what was changed until then is in `brasa history`, and the next run goes on from there",
        );
    });
    let Parsed { cli, notes, repeat } = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    let style = |output: &Output, terminal: bool| Style::new(coloured(output.color, terminal));
    let errors = style(&cli.output, io::stderr().is_terminal());
    for note in notes {
        complain(&format!("{} {note}", errors.yellow("note:")));
    }
    let outcome = match repeat {
        Some(repeat) => repeat::repeat(repeat, &arguments),
        None => dispatch(cli, &cookbooks),
    };
    let code = match outcome {
        Ok(code) => code,
        Err(failure) => {
            complain(&format!("{} {}", errors.red("error:"), printable(&failure.message)));
            for hint in &failure.hints {
                complain(&format!("{} {}", errors.bold("hint:"), printable(hint)));
            }
            failure.code
        }
    };
    ExitCode::from(code.number())
}

fn parse(arguments: &[OsString]) -> Result<Parsed, clap::Error> {
    let name = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if chef_solo::is_called(&name) {
        chef_solo::parse(arguments)
    } else {
        Cli::try_parse_from(arguments).map(|cli| Parsed { cli, notes: Vec::new(), repeat: None })
    }
}

/// Help and version are no failures; anything else is a wrong command line.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    error.print().unwrap_or_default();
    let code = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Code::Success,
        _ => Code::Usage,
    };
    ExitCode::from(code.number())
}

fn dispatch(cli: Cli, cookbooks: &[Cookbook]) -> Result<Code, Failure> {
    let Cli { command, output, root } = cli;
    if let Some(root) = root {
        environment::enter_root(&root)?;
    }
    match command {
        Command::Converge(options) => converge::converge(&options, &output, cookbooks),
        Command::Plan(options) => converge::plan(&options, &output, cookbooks),
        Command::Check(input) => documented("check", &output, check::check(&input, &output, cookbooks)),
        Command::Inspect(input) => documented("inspect", &output, inspect::inspect(&input, &output, cookbooks)),
        Command::Facts { names } => facts::facts(&names, &output),
        Command::History { kept } => history::history(&kept, &output),
        Command::Show { run, kept } => history::show(&run, &kept, &output),
        Command::Undo(options) => undo::undo(&options, &output),
        Command::Explain { kind: Some(word), attribute: Some(name), input } if word == "attribute" => {
            explain::attribute(&name, &input, &output, cookbooks)
        }
        Command::Explain { kind, .. } => explain::explain(kind.as_deref(), &output),
        Command::Resource(present) => documented("resource", &output, resource::resource(&present, &output)),
        Command::DataBag { command } => data_bag::data_bag(&command, &output),
        Command::Ddns { command } => documented("ddns", &output, ddns::ddns(&command, &output)),
        Command::Schema { of } => schema::schema(of),
        Command::New { what } => new::new(&what, &output),
        Command::Server { command } => documented("server", &output, server::server(&command, &output)),
        Command::Bootstrap(options) => documented("bootstrap", &output, bootstrap::bootstrap(&options, &output)),
        Command::Config { command: ConfigCommand::Show { input, origin } } => config::show(&input, origin, &output),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { out } => man::man(out.as_deref()),
    }
}

/// The command line's table, for completions and manual pages.
fn table() -> clap::Command {
    Cli::command()
}

/// Flag, then environment, then terminal.
fn coloured(wish: Colour, terminal: bool) -> bool {
    let set = |name: &str| environment::var(name).is_some_and(|value| !value.is_empty() && value != "0");
    match wish {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto if set("NO_COLOR") => false,
        Colour::Auto if set("CLICOLOR_FORCE") => true,
        Colour::Auto => terminal && environment::var("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Prints to standard output; a reader that went away is no failure, a full disk is.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::unwritten(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a line to standard error.
fn complain(line: &str) {
    writeln!(io::stderr().lock(), "{line}").unwrap_or_default();
}

/// Prints a JSON document to standard output, as one line where lines of JSON are asked for.
fn print_json(value: &impl serde::Serialize, format: Format) -> Result<(), Failure> {
    let text = match format {
        Format::Ndjson => serde_json::to_string(value),
        Format::Human | Format::Json => serde_json::to_string_pretty(value),
    };
    print(&(text.map_err(|error| Failure::failed(error.to_string()))? + "\n"))
}

/// Where JSON is asked for, also a failure is told by a document.
fn documented(command: &str, output: &Output, outcome: Result<Code, Failure>) -> Result<Code, Failure> {
    let Err(failure) = outcome else { return outcome };
    match output.format {
        Format::Human => {}
        Format::Json | Format::Ndjson => print_json(
            &json!({
                "schema_version": crate::report::SCHEMA_VERSION,
                "brasa": env!("CARGO_PKG_VERSION"),
                "command": command,
                "success": false,
                "exit_code": failure.code.number(),
                "error": ReportedFailure::from(&failure).to_json(),
            }),
            output.format,
        )?,
    }
    Err(failure)
}
