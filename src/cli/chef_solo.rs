//! The chef-solo face: the same program, called by a link of that name, takes chef-solo's options.
mod options;

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, error::ErrorKind, parser::ValueSource};

use self::options::{Fate, OTHERS};
use super::{
    arguments::{self, Cli, Colour, Command, Format, Input, Level, Output, Places},
    repeat::Repeat,
};

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
    /// Read no settings file
    #[arg(long)]
    disable_config: bool,
    /// Run-list and attributes: a file, a URL, or - for standard input
    #[arg(short, long, value_name = "JSON_ATTRIBS")]
    json_attributes: Option<String>,
    /// Replace the run-list with these items
    #[arg(short, long, value_name = "RunlistItem,RunlistItem...", value_delimiter = ',')]
    override_runlist: Option<Vec<String>>,
    /// Unpack this archive (tar.gz; http, https or file) into the repository of cookbooks first
    #[arg(short, long, value_name = "RECIPE_URL")]
    recipe_url: Option<String>,
    /// With --recipe-url: empty the repository before
    #[arg(long, requires = "recipe_url")]
    delete_entire_chef_repo: bool,
    /// The environment, unless the attributes name another
    #[arg(short = 'E', long, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// The node's name
    #[arg(short = 'N', long, value_name = "NODE_NAME")]
    node_name: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(short = 'W', long)]
    why_run: bool,
    /// Least weight of the log lines (auto, trace, debug, info, warn, error, fatal)
    #[arg(short = 'l', long = "log_level", visible_alias = "log-level", value_name = "LEVEL")]
    log_level: Option<Level>,
    /// Append log and report to this file
    #[arg(short = 'L', long, value_name = "LOGLOCATION")]
    logfile: Option<PathBuf>,
    /// What the report shows: every resource (doc), changes (minimal or min), failures (null)
    #[arg(short = 'F', long, value_name = "FORMATTER")]
    format: Option<Formatter>,
    /// Coloured output
    #[arg(long, overrides_with = "no_color")]
    color: bool,
    /// No coloured output
    #[arg(long, overrides_with = "color")]
    no_color: bool,
    /// Name the slowest actions at the end [default: 10 of them]
    #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "10", overrides_with = "no_slow_report")]
    slow_report: Option<usize>,
    /// Do not
    #[arg(long, overrides_with = "slow_report")]
    no_slow_report: bool,
    /// Run again and again, so many seconds after each other
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    interval: Option<u64>,
    /// Wait up to so many seconds more before each run, at random
    #[arg(short, long, value_name = "SECONDS")]
    splay: Option<u64>,
    /// Run once, whatever interval and splay say
    #[arg(long)]
    once: bool,
    /// This is one of the runs of an interval
    #[arg(long = "run-of-an-interval", hide = true)]
    repeated: bool,
    /// The file that keeps two runs from going on at once
    #[arg(long, value_name = "LOCKFILE")]
    lockfile: Option<String>,
    /// Seconds to wait for another run to finish [default: 600]
    #[arg(long, value_name = "SECONDS")]
    run_lock_timeout: Option<u64>,
    /// Set a setting; the value is YAML
    #[arg(long, value_name = "OPTION=VALUE")]
    config_option: Vec<String>,
    /// Run each converge in a process of its own, as is always done with an interval
    #[arg(short = 'f', long)]
    fork: bool,
    /// Do not; refused with an interval
    #[arg(long, conflicts_with_all = ["fork", "interval"])]
    no_fork: bool,
    /// Files are read directly, as always
    #[arg(long)]
    legacy_mode: bool,
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Chef's formatters, as far as they differ in what they show
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Formatter {
    /// Every resource
    Doc,
    /// Changes and failures
    Minimal,
    /// As minimal
    Min,
    /// Failures
    Null,
}

/// What a command line means.
pub struct Parsed {
    /// In our own terms.
    pub cli: Cli,
    /// About options that mean nothing here.
    pub notes: Vec<String>,
    /// Whether and how it is run again.
    pub repeat: Option<Repeat>,
}

/// Whether the program was called by this name.
pub fn is_called(argv0: &str) -> bool {
    std::path::Path::new(argv0).file_name().is_some_and(|name| name == "chef-solo")
}

/// The whole table: what is used, then what is ignored or refused.
fn table() -> clap::Command {
    let others = OTHERS.iter().map(options::Other::argument);
    ChefSolo::command().args(others).arg(
        clap::Arg::new(options::FILES)
            .num_args(0..)
            .hide(true)
            .value_name("FILE")
            .help("Recipe files: refused, they are Ruby"),
    )
}

/// Reads chef-solo's options into ours.
pub fn parse(arguments: &[OsString]) -> Result<Parsed, clap::Error> {
    let matches = table().try_get_matches_from(arguments)?;
    let chef = ChefSolo::from_arg_matches(&matches)?;
    let refuse = |sentence: String| table().error(ErrorKind::InvalidValue, sentence);
    let mut notes = Vec::new();
    for other in OTHERS.iter().filter(|other| matches.value_source(other.long) == Some(ValueSource::CommandLine)) {
        match other.fate {
            Fate::Ignored(why) => notes.push(format!("option --{} is ignored: {why}", other.long)),
            Fate::Refused(why) => return Err(refuse(format!("option --{} is refused: {why}", other.long))),
        }
    }
    if let Some(file) = matches.get_one::<String>(options::FILES) {
        return Err(refuse(format!(
            "`{file}` is refused: recipe files are Ruby, which is not read; name recipes with -o, or as `run_list` in dna.json"
        )));
    }
    if chef.config.as_ref().is_some_and(|config| config.to_str().is_some_and(|name| name.contains("://"))) {
        return Err(refuse(
            "settings are read from a file, not from a URL: fetch them first, and name the file with -c".to_owned(),
        ));
    }
    if chef.repeated {
        notes.clear(); // they have been told
    }
    let repeat = (!chef.once && !chef.repeated && (chef.interval.is_some() || chef.splay.is_some()))
        .then(|| Repeat { interval: chef.interval, splay: chef.splay.unwrap_or_default() });
    if chef.json_attributes.as_deref() == Some("-") && repeat.is_some() {
        return Err(refuse("-j - cannot be read again for every run of an interval: write it into a file".to_owned()));
    }
    Ok(Parsed { cli: in_our_terms(chef), notes, repeat })
}

fn in_our_terms(chef: ChefSolo) -> Cli {
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
        environment: chef.environment,
        recipe_url: chef.recipe_url,
        config_option: chef.config_option,
        places: Places::default(),
        lockfile: chef.lockfile,
        empty_repository: chef.delete_entire_chef_repo,
        disable_config: chef.disable_config,
    };
    let command = if chef.why_run {
        Command::Plan(arguments::Plan { input, detailed_exitcode: false })
    } else {
        let run_lock_timeout = chef.run_lock_timeout;
        Command::Converge(arguments::Converge { input, detailed_exitcode: false, run_lock_timeout })
    };
    let output = Output {
        format: Format::Human,
        verbose: u8::from(chef.format == Some(Formatter::Doc)),
        quiet: chef.format == Some(Formatter::Null),
        color,
        log_level: chef.log_level,
        log_file: chef.logfile,
        slowest: chef.slow_report,
    };
    Cli { command, output, root: None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests may touch the machine")]
    use std::ffi::OsString;

    use super::{OTHERS, Parsed, options::Fate, parse, table};

    fn parsed(words: &[&str]) -> Result<Parsed, String> {
        let all: Vec<OsString> =
            std::iter::once("chef-solo").chain(words.iter().copied()).map(OsString::from).collect();
        parse(&all).map_err(|error| error.to_string())
    }

    /// The rows of the page: the options in the first column, what is said of them in the second.
    fn rows() -> Vec<(Vec<String>, String)> {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/chef.md")).unwrap();
        let section = page.split("\n## ").find(|section| section.starts_with("chef-solo's options")).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `-"));
        rows.map(|row| {
            let row = format!("`-{row}");
            let (options, fate) = row.split_once(" | ").unwrap();
            let options = options.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            (options, fate.trim_end_matches('|').trim().to_owned())
        })
        .collect()
    }

    /// A command line with an option as the page writes it: `-c FILE`, `--slow-report [N]`.
    fn sample(option: &str) -> Vec<String> {
        let mut words: Vec<String> = option.split_whitespace().map(str::to_owned).collect();
        if let Some(value) = words.get_mut(1) {
            let sample = match value.trim_matches(['[', ']']) {
                "SECONDS" | "NUMBER" => "5",
                "LEVEL" => "debug",
                "FORMATTER" => "doc",
                "OPTION=VALUE" => "why_run=true",
                "ITEM,ITEM" => "recipe[a],b",
                _ => "x",
            };
            sample.clone_into(value);
        }
        if option.starts_with("--delete-entire") {
            words.extend(["--recipe-url".to_owned(), "x".to_owned()]);
        }
        words
    }

    #[test]
    fn every_option_of_the_page_parses_as_the_page_says() {
        let rows = rows();
        assert!(rows.len() > 40, "{}", rows.len());
        for (options, fate) in &rows {
            for option in options {
                let words = sample(option);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let result = parsed(&words);
                let refused = fate.starts_with("refused");
                let ignored = fate.starts_with("ignored");
                match (&result, words[0]) {
                    (Err(text), "-h" | "--help" | "-v" | "--version") => assert!(!text.starts_with("error:"), "{text}"),
                    (Ok(parsed), _) => {
                        assert!(!refused, "{option} is not refused");
                        assert_eq!(!parsed.notes.is_empty(), ignored, "{option}: {:?} and `{fate}`", parsed.notes);
                    }
                    (Err(text), _) => assert!(refused && text.contains("is refused: "), "{option}: {text}"),
                }
            }
        }
    }

    #[test]
    fn the_page_has_every_option() {
        let rows = rows();
        let listed: Vec<&str> = rows
            .iter()
            .flat_map(|(options, _)| options)
            .filter_map(|option| option.split_whitespace().next())
            .collect();
        for argument in table().get_arguments().filter(|argument| !argument.is_hide_set()) {
            for name in argument
                .get_long()
                .map(|long| format!("--{long}"))
                .into_iter()
                .chain(argument.get_short().map(|short| format!("-{short}")))
            {
                assert!(listed.contains(&name.as_str()), "docs/chef.md does not list {name}");
            }
        }
        for other in OTHERS {
            let row = rows.iter().find(|(options, _)| {
                options.iter().any(|option| option.split_whitespace().next() == Some(&format!("--{}", other.long)))
            });
            let (_, said) = row.unwrap_or_else(|| panic!("docs/chef.md does not list --{}", other.long));
            let wanted = match other.fate {
                Fate::Ignored(why) => format!("ignored: {why}"),
                Fate::Refused(why) => format!("refused: {why}"),
            };
            assert_eq!(*said, wanted, "--{}", other.long);
        }
    }

    #[test]
    fn an_interval_is_run_here_and_each_run_is_told() {
        let repeat = parsed(&["-i", "60", "-s", "5"]).unwrap().repeat.unwrap();
        assert_eq!((repeat.interval, repeat.splay), (Some(60), 5));
        assert!(parsed(&["-i", "60", "--once"]).unwrap().repeat.is_none());
        assert!(parsed(&["-i", "60", "--run-of-an-interval"]).unwrap().repeat.is_none());
        assert!(parsed(&["-i", "60", "-j", "-"]).is_err_and(|text| text.contains("standard") || text.contains("-j -")));
        assert!(parsed(&["-i", "0"]).is_err());
        assert!(parsed(&["-i", "5", "--no-fork"]).is_err());
        assert!(parsed(&["-c", "https://example.test/solo.rb"]).is_err_and(|text| text.contains("not from a URL")));
        assert!(parsed(&["recipe.rb"]).is_err_and(|text| text.contains("Ruby")));
    }
}
