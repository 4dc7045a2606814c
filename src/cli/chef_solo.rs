//! The chef-solo face: the same program, called by a link of that name, takes chef-solo's options.
use std::path::PathBuf;

use clap::{ArgAction, Parser};

use super::arguments::{self, Cli, Colour, Command, Format, Input, Level, Output, Places};

/// Converge this machine as chef-solo would, without Ruby
#[derive(Debug, Parser)]
#[command(
    name = "chef-solo",
    version = concat!(env!("CARGO_PKG_VERSION"), " (brasa)"),
    disable_version_flag = true,
    after_help = "This is brasa called as chef-solo; `brasa help` shows everything it can do."
)]
struct ChefSolo {
    /// Settings file
    #[arg(short, long, value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// Run-list and attributes: a file, a URL, or - for standard input
    #[arg(short, long, value_name = "JSON_ATTRIBS")]
    json_attributes: Option<String>,
    /// Replace the run-list with these items
    #[arg(short, long, value_name = "RunlistItem,RunlistItem...", value_delimiter = ',')]
    override_runlist: Option<Vec<String>>,
    /// Show what would be done, and change nothing
    #[arg(short = 'W', long)]
    why_run: bool,
    /// Least weight of the log lines (auto, trace, debug, info, warn, error, fatal)
    #[arg(short = 'l', long = "log_level", value_name = "LEVEL")]
    log_level: Option<Level>,
    /// Append log and report to this file
    #[arg(short = 'L', long, value_name = "LOGLOCATION")]
    logfile: Option<PathBuf>,
    /// The node's name
    #[arg(short = 'N', long, value_name = "NODE_NAME")]
    node_name: Option<String>,
    /// Coloured output
    #[arg(long, overrides_with = "no_color")]
    color: bool,
    /// No coloured output
    #[arg(long, overrides_with = "color")]
    no_color: bool,
    /// Ignore interval and splay; brasa always runs once
    #[arg(long)]
    once: bool,
    /// Seconds to wait for another run to finish
    #[arg(long, value_name = "SECONDS")]
    run_lock_timeout: Option<u64>,
    /// Accepted for old scripts: brasa has one way to show a run
    #[arg(short = 'F', long, value_name = "FORMATTER")]
    format: Option<String>,
    /// Accepted for old scripts
    #[arg(long)]
    force_formatter: bool,
    /// Accepted for old scripts
    #[arg(long)]
    force_logger: bool,
    /// Accepted for old scripts: brasa never forks
    #[arg(short = 'f', long)]
    fork: bool,
    /// Accepted for old scripts: brasa never forks
    #[arg(long)]
    no_fork: bool,
    /// Accepted for old scripts: brasa reads files directly, as this mode of Chef
    #[arg(long)]
    legacy_mode: bool,
    /// Accepted for old scripts: brasa needs no licence
    #[arg(long, value_name = "ACCEPT")]
    chef_license: Option<String>,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Whether the program was called by this name.
pub fn is_called(argv0: &str) -> bool {
    std::path::Path::new(argv0).file_name().is_some_and(|name| name == "chef-solo")
}

/// Reads chef-solo's options into ours. The second part are notes about options that mean nothing here.
pub fn parse(arguments: &[std::ffi::OsString]) -> Result<(Cli, Vec<String>), clap::Error> {
    let chef = ChefSolo::try_parse_from(arguments)?;
    let mut notes = Vec::new();
    if let Some(format) = &chef.format {
        notes.push(format!("option -F {format} is ignored: the report looks as brasa's does"));
    }
    for (given, name) in [(chef.force_formatter, "--force-formatter"), (chef.force_logger, "--force-logger")] {
        if given {
            notes.push(format!("option {name} is ignored: the report looks as brasa's does"));
        }
    }
    let color = match (chef.color, chef.no_color) {
        (true, _) => Colour::Always,
        (false, true) => Colour::Never,
        (false, false) => Colour::Auto,
    };
    let input = Input {
        config: chef.config,
        json_attributes: chef.json_attributes,
        override_runlist: chef.override_runlist,
        node_name: chef.node_name,
        places: Places::default(),
    };
    let command = if chef.why_run {
        Command::Plan(arguments::Plan { input, detailed_exitcode: false })
    } else {
        let run_lock_timeout = chef.run_lock_timeout;
        Command::Converge(arguments::Converge { input, detailed_exitcode: false, run_lock_timeout })
    };
    let output = Output {
        format: Format::Human,
        verbose: 0,
        quiet: false,
        color,
        log_level: chef.log_level,
        log_file: chef.logfile,
    };
    Ok((Cli { command, output }, notes))
}
