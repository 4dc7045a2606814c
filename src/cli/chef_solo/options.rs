//! chef-solo's options that have no use here: each is ignored or refused, and says why.
use clap::{Arg, ArgAction};

/// An option that is not used.
pub struct Other {
    /// With two dashes.
    pub long: &'static str,
    /// With one.
    pub short: Option<char>,
    /// What it takes.
    pub takes: Takes,
    /// What becomes of it.
    pub fate: Fate,
}

/// What an option takes.
#[derive(Clone, Copy)]
pub enum Takes {
    Nothing,
    Perhaps(&'static str),
    One(&'static str),
}

/// What becomes of an option, and why.
#[derive(Clone, Copy)]
pub enum Fate {
    Ignored(&'static str),
    Refused(&'static str),
}

/// Name of the positional arguments.
pub const FILES: &str = "recipe files";

const fn ignored(long: &'static str, short: Option<char>, takes: Takes, why: &'static str) -> Other {
    Other { long, short, takes, fate: Fate::Ignored(why) }
}

const fn refused(long: &'static str, short: Option<char>, takes: Takes, why: &'static str) -> Other {
    Other { long, short, takes, fate: Fate::Refused(why) }
}

const REPORT: &str = "the report looks as brasa's does";
const SERVER: &str = "there is no Chef server";
const RUBY: &str = "there is no Ruby";
const POLICY: &str = "there are no Policyfiles";
const USER: &str = "start brasa as that user";

/// All of them. Source: `chef-solo --help` of version 18.
pub const OTHERS: &[Other] = &[
    ignored("force-formatter", None, Takes::Nothing, REPORT),
    ignored("force-logger", None, Takes::Nothing, REPORT),
    ignored("always-dump-stacktrace", None, Takes::Nothing, RUBY),
    ignored("no-always-dump-stacktrace", None, Takes::Nothing, RUBY),
    ignored("profile-ruby", None, Takes::Nothing, RUBY),
    ignored("no-profile-ruby", None, Takes::Nothing, RUBY),
    refused(
        "daemonize",
        Some('d'),
        Takes::Perhaps("WAIT"),
        "brasa stays in the foreground: use the systemd timer in packaging/systemd, or `-i` under a supervisor",
    ),
    ignored("pid", Some('P'), Takes::One("PIDFILE"), "brasa stays in the foreground, where its supervisor knows it"),
    refused("user", Some('u'), Takes::One("USER"), USER),
    refused("group", Some('g'), Takes::One("GROUP"), USER),
    ignored("minimal-ohai", None, Takes::Nothing, "facts are read only when they are asked for"),
    refused("named-run-list", Some('n'), Takes::One("NAME"), POLICY),
    refused("target", Some('t'), Takes::One("TARGET"), "brasa converges the machine it runs on"),
    ignored("local-mode", Some('z'), Takes::Nothing, SERVER),
    ignored("no-local-mode", None, Takes::Nothing, SERVER),
    ignored("listen", None, Takes::Nothing, SERVER),
    ignored("no-listen", None, Takes::Nothing, SERVER),
    ignored("chef-zero-host", None, Takes::One("HOST"), SERVER),
    ignored("chef-zero-port", None, Takes::One("PORT"), SERVER),
    ignored("server", Some('S'), Takes::One("CHEFSERVERURL"), SERVER),
    ignored("client_key", Some('k'), Takes::One("KEY_FILE"), SERVER),
    ignored("validation_key", Some('K'), Takes::One("KEY_FILE"), SERVER),
    ignored("rest", Some('R'), Takes::Nothing, SERVER),
    ignored("skip-cookbook-sync", None, Takes::Nothing, SERVER),
    ignored("no-skip-cookbook-sync", None, Takes::Nothing, SERVER),
    ignored("chef-license", None, Takes::One("ACCEPTANCE"), "brasa has no such licence"),
    refused("fips", None, Takes::Nothing, "brasa has no FIPS mode"),
    ignored("no-fips", None, Takes::Nothing, "brasa has no FIPS mode"),
    ignored("ez", None, Takes::Nothing, "it only greets"),
];

impl Other {
    /// As clap knows it.
    pub fn argument(&self) -> Arg {
        let help = match self.fate {
            Fate::Ignored(why) => format!("Ignored: {why}"),
            Fate::Refused(why) => format!("Refused: {why}"),
        };
        let mut argument = Arg::new(self.long).long(self.long).help(help).help_heading("Options without a use here");
        if let Some(short) = self.short {
            argument = argument.short(short);
        }
        match self.takes {
            Takes::Nothing => argument.action(ArgAction::SetTrue),
            Takes::Perhaps(name) => argument.num_args(0..=1).default_missing_value("").value_name(name),
            Takes::One(name) => argument.num_args(1).value_name(name),
        }
    }
}
