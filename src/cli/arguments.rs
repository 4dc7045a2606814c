//! The command line: one table for parsing, `help`, the man page and completions.
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Seconds that a run waits for another one to finish. Chef waits for ever, and runs pile up.
pub const RUN_LOCK_TIMEOUT: u64 = 600;

/// Native configuration management in the style of chef-solo
#[derive(Debug, Parser)]
#[command(
    name = "brasa",
    version,
    disable_help_subcommand = false,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done; 1 failed; 2 changes (with --detailed-exitcode); 35 a reboot is scheduled; 41 it could not be; \
                  64 wrong command line; 65 wrong input, nothing changed; 69 no answer, or no address; 73 a provider refused; \
                  75 another run holds the lock; 77 credentials or keys were not accepted; 128+N ended by signal N.
\
                  Called as `chef-solo` (by a link of that name) it takes chef-solo's options."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub output: Output,
    /// Work on the system in this directory (an image, a mounted disk) instead of the running one. Every path, those of -c and
    /// -j too, is one inside it
    #[arg(long, value_name = "DIR", global = true)]
    pub root: Option<PathBuf>,
}

/// What can be done
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring this machine to the state that the run-list describes
    Converge(Converge),
    /// Show what `converge` would do, and change nothing
    Plan(Plan),
    /// Compile the run-list and report every fault, without looking at the machine's state
    Check(Input),
    /// Print the node as its recipes see it: expanded run-list, merged attributes, resources
    Inspect(Input),
    /// Print what is known of this machine, with ohai's names, as JSON
    Facts {
        /// Print only these (dots lead into nested ones, as in `memory.total`)
        names: Vec<String>,
    },
    /// List the runs that changed something, newest last
    History {
        #[command(flatten)]
        kept: Kept,
    },
    /// Show what a run did
    Show {
        /// The run's number, or `last`
        run: String,
        #[command(flatten)]
        kept: Kept,
    },
    /// Take back what a run did
    Undo(Undo),
    /// Show a kind of resource: its properties, actions and an example; or who gave an attribute its value
    Explain {
        /// The kind, as `file`; without it all kinds are listed. Or the word `attribute`
        kind: Option<String>,
        /// After `attribute`: its keys with dots between them, as `bind.dynamic_dns.ttl`, or `at["dot.key"]` where a key holds one:
        /// who says what of it, and who wins
        attribute: Option<String>,
        #[command(flatten)]
        input: Input,
    },
    /// Show how a thing is on this machine, as the recipe that would have it so
    Resource(Present),
    /// Show, edit and encrypt items of data bags
    DataBag {
        #[command(subcommand)]
        command: DataBag,
    },
    /// Keep a host's own name up to date in a zone of dynamic DNS, by signed updates
    Ddns {
        #[command(subcommand)]
        command: Ddns,
    },
    /// Print the JSON Schema of a kind of file, for editors
    Schema {
        /// The kind of file
        #[arg(default_value = "recipe")]
        of: SchemaOf,
    },
    /// Write the start of something new
    New {
        #[command(subcommand)]
        what: New,
    },
    /// Make, converge and destroy servers that are described in servers/NAME.toml
    Server {
        #[command(subcommand)]
        command: Server,
    },
    /// Put this program on a machine that ssh reaches, and converge it
    Bootstrap(Bootstrap),
    /// Show the settings
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff), or write one page for each command into a directory
    Man {
        /// Where to write the pages
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// What to look at
#[derive(Args, Clone, Debug)]
pub struct Present {
    /// The kind, as `file`
    pub kind: String,
    /// The thing's name, as the path; without it all of the kind, where there is a list of them
    pub name: Option<String>,
    /// Properties that say which thing is meant, as `key=Port` of a `setting`; a value is JSON, or text
    #[arg(value_name = "PROPERTY=VALUE")]
    pub properties: Vec<String>,
    /// The language of the recipe
    #[arg(long = "as", value_name = "LANGUAGE", default_value = "yaml")]
    pub language: Language,
    /// Also show what not everybody on the machine may read: contents of files, password hashes
    #[arg(long)]
    pub private: bool,
}

/// Languages of recipes
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// An entry of a recipe as data
    Yaml,
    /// A line of a recipe in Rust
    Rust,
}

/// Files that have a schema
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// A recipe as data: `recipes/*.yml`, `recipes/*.json`
    Recipe,
    /// Attributes as data: `attributes/*.yml`, `attributes/*.json`
    Attributes,
    /// `metadata.yml`, `metadata.json`
    Metadata,
    /// `dna.json`
    Dna,
    /// The reports of `--format json` and `ndjson`
    Report,
}

/// What can be begun
#[derive(Debug, Subcommand)]
pub enum New {
    /// A cookbook that compiles, with a test
    Cookbook {
        /// Its name; it is made in a directory of this name
        name: String,
        /// Recipes in YAML, for a directory on `cookbook_path` [default]
        #[arg(long)]
        data: bool,
        /// Recipes in Rust: a crate, to be compiled into a program
        #[arg(long, conflicts_with = "data")]
        rust: bool,
        /// Where brasa's sources are, for one in Rust: a directory, or the address of a git repository [default: what is around
        /// the new directory, or around this program]
        #[arg(long, value_name = "DIR|URL", requires = "rust")]
        engine: Option<String>,
        /// The directory to make it in
        #[arg(long, value_name = "DIR", default_value = ".")]
        path: PathBuf,
    },
}

/// What can be done with data bags
#[derive(Debug, Subcommand)]
pub enum DataBag {
    /// Print an item, decrypted; or the names of a bag's items; or those of all bags
    Show {
        /// The bag
        bag: Option<String>,
        /// The item
        item: Option<String>,
        #[command(flatten)]
        of: Bags,
    },
    /// Edit an item in $VISUAL or $EDITOR. One that is encrypted, or new, is saved encrypted; plain text stays as it is
    Edit {
        /// The bag
        bag: String,
        /// The item
        item: String,
        #[command(flatten)]
        of: Bags,
    },
    /// Encrypt an item: what is plain text in its file, or an item from elsewhere. Or a single value, with age
    Encrypt {
        /// The bag
        #[arg(required_unless_present = "age")]
        bag: Option<String>,
        /// The item
        #[arg(required_unless_present = "age")]
        item: Option<String>,
        /// Take the item from this file in place of its own; - is standard input
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Encrypt standard input for this recipient of age, and print what to write into attributes or an item
        #[arg(long, value_name = "RECIPIENT", conflicts_with_all = ["bag", "item", "from"])]
        age: Option<String>,
        #[command(flatten)]
        of: Bags,
    },
    /// Encrypt a bag's encrypted items anew, as version 3; with another secret where one is given
    Rekey {
        /// The bag
        bag: String,
        /// The item; without it all of the bag
        item: Option<String>,
        /// The file with the new secret [default: the secret stays]
        #[arg(long, value_name = "FILE")]
        new_secret_file: Option<PathBuf>,
        #[command(flatten)]
        of: Bags,
    },
}

/// What can be done with names in dynamic zones
#[derive(Debug, Subcommand)]
pub enum Ddns {
    /// Make a key that signs updates: the files tsig.key and tsig.private, and what the name server has to know of it
    Keygen {
        /// The key's name: that of the host whose records it may change
        name: String,
        /// What it signs with: hmac-sha256, hmac-sha224, hmac-sha384, hmac-sha512, hmac-sha1, or hmac-md5 for old servers
        #[arg(short, long, default_value = "hmac-sha256")]
        algorithm: String,
        /// The directory to make the files in; nothing in it is overwritten
        #[arg(short, long, value_name = "DIR", default_value = ".")]
        directory: PathBuf,
    },
    /// Have a name lead to this machine; nothing is sent when it does already
    Update(DdnsUpdate),
    /// Remove a name's records
    Delete {
        /// The name
        name: String,
        /// Remove these types only
        #[arg(long = "type", value_name = "TYPE,...", value_delimiter = ',', default_values = ["A", "AAAA", "TXT"])]
        types: Vec<String>,
        #[command(flatten)]
        zone: DdnsZone,
    },
}

/// Which name leads where
#[derive(Args, Clone, Debug, Default)]
pub struct DdnsUpdate {
    /// The name [default: `name` of the settings, else this machine's fully qualified name]
    pub name: Option<String>,
    /// Where the IPv4 address comes from, the first that has one: interface, interface:NAME, route, metadata, metadata:private,
    /// an address, or none to remove the record [default: interface, when neither A, AAAA nor TXT is set]
    #[arg(long = "a", value_name = "SOURCE,...", value_delimiter = ',')]
    pub four: Option<Vec<String>>,
    /// The same for the IPv6 address
    #[arg(long = "aaaa", value_name = "SOURCE,...", value_delimiter = ',')]
    pub six: Option<Vec<String>>,
    /// A text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub txt: Option<Vec<String>>,
    /// Seconds for which resolvers may keep the records [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub ttl: Option<u32>,
    /// Print what would be sent as input for nsupdate, and ask and send nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub print_nsupdate: bool,
    #[command(flatten)]
    pub zone: DdnsZone,
}

/// Who keeps the zone, and by which key it takes updates
#[derive(Args, Clone, Debug, Default)]
pub struct DdnsZone {
    /// Settings, where options say nothing else [default: /etc/brasa/ddns.toml, when it is there]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The zone's primary name server: a name or an address, with :PORT when that is not 53
    #[arg(short, long, value_name = "SERVER")]
    pub server: Option<String>,
    /// The zone [default: the one that the server has the name in]
    #[arg(short, long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// The file with the key: tsig.private beside tsig.key, a `key` stanza, or the secret alone
    #[arg(short, long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The key's name, where the file does not say it or has several
    #[arg(long, value_name = "NAME")]
    pub key_name: Option<String>,
    /// The key's algorithm, where the file does not say it
    #[arg(long, value_name = "ALGORITHM")]
    pub algorithm: Option<String>,
    /// Only say what would be changed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Go on trying for so long while the network, the name server or the address is not there: 90, 90s, 5m, 1h
    #[arg(short, long, value_name = "DURATION")]
    pub wait: Option<String>,
    #[command(flatten)]
    pub places: Places,
}

/// Where data bags and their secret are
#[derive(Args, Clone, Debug, Default)]
pub struct Bags {
    /// Settings: solo.rb or brasa.toml [default: those in /etc/brasa, else in /etc/chef]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The file with the secret of encrypted items [default: `encrypted_data_bag_secret` of the settings]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

/// What can be done with servers
#[derive(Debug, Subcommand)]
pub enum Server {
    /// Make a server and converge it; an interrupted `create` is gone on with
    #[command(after_help = DESCRIPTION)]
    Create {
        #[command(flatten)]
        of: OneServer,
        #[command(flatten)]
        remote: Remote,
    },
    /// List servers: those that are described, those that are recorded, and those that their providers know
    List {
        #[command(flatten)]
        places: ServerPlaces,
    },
    /// Show a server: its record, and what its provider says of it
    Show {
        #[command(flatten)]
        of: OneServer,
    },
    /// Log in to a server, or run a command there
    Ssh {
        #[command(flatten)]
        of: OneServer,
        /// The command; without one a shell
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Converge a server again, with the program and the files as they are here now
    Converge {
        #[command(flatten)]
        of: OneServer,
        #[command(flatten)]
        remote: Remote,
    },
    /// Destroy a server, and take its name out of the DNS where its description says how
    Destroy {
        #[command(flatten)]
        of: OneServer,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Ask and destroy nothing: only forget the record of a server that is gone, or whose provider can be asked no more
        #[arg(long)]
        forget: bool,
    },
    /// Make a server, converge it twice (the second run must change nothing), check it, and destroy it
    Test {
        #[command(flatten)]
        of: OneServer,
        #[command(flatten)]
        remote: Remote,
        /// A script of shell that is run there as root with `set -eu`; `verify` of the description when not given
        #[arg(long, value_name = "FILE")]
        verify: Option<PathBuf>,
        /// Leave the server there, to look at it
        #[arg(long)]
        keep: bool,
    },
    /// Print the user-data of cloud-init, for other tools that make servers
    UserData {
        #[command(flatten)]
        of: OneServer,
        /// Let the server converge itself: it fetches the program from here
        #[arg(long, value_name = "URL", requires = "sha256")]
        pull: Option<String>,
        /// What the program must be
        #[arg(long, value_name = "HEX", requires = "pull")]
        sha256: Option<String>,
    },
}

/// The least and the most of a description, for the help.
const DESCRIPTION: &str = "\
A description, servers/NAME.toml (paths start in its directory):
  dna = \"dna.json\"                run-list and attributes; all else may be left out
  solo = \"solo.rb\"                settings
  provider = \"local\"              who makes it; a table of this name holds the provider's own keys
  fqdn = \"web1.example.com\"       its full name [default: NAME]
  user = \"root\"                   who logs in
  ssh_key = \"~/.ssh/id_ed25519\"   the key to log in by [default: one that is made for it]
  authorized_keys = [\"ops.pub\"]   who else may log in
  binary = \"brasa\"                the program to put there [default: this one]
  ready_within = 900               seconds in which it must be ready
  verify = \"check.sh\"             what `brasa server test` runs there
  [files]                          files and directories to put there: \"/where/there\" = \"from/here\"
  [keys]                           the same for secrets: for root alone, never in user-data
  [dns]                            key = \"tsig.private\": `destroy` removes the name's records by it";

/// A server and where its description is
#[derive(Args, Clone, Debug)]
pub struct OneServer {
    /// Its name, or the path of its description
    pub name: String,
    #[command(flatten)]
    pub places: ServerPlaces,
}

/// Where servers are described and recorded
#[derive(Args, Clone, Debug)]
pub struct ServerPlaces {
    /// The directory of descriptions
    #[arg(long, value_name = "DIR", default_value = "servers")]
    pub servers: PathBuf,
    /// The directory of records [default: $XDG_STATE_HOME/brasa/servers, else ~/.local/state/brasa/servers]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// What the run on the machine is told
#[derive(Args, Clone, Debug, Default)]
pub struct Remote {
    /// Converge these items in place of the run-list
    #[arg(short, long, value_name = "ITEM,...")]
    pub override_runlist: Option<String>,
    /// Exit with 2 when something was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Options of `bootstrap`
#[derive(Args, Clone, Debug)]
pub struct Bootstrap {
    /// The machine, as ssh takes it: HOST, USER@HOST, or a name in ~/.ssh/config. ssh's own settings and known hosts hold
    pub host: String,
    /// Run-list and attributes
    #[arg(short, long, value_name = "FILE")]
    pub json_attributes: PathBuf,
    /// Settings: a solo.rb
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The program to put there [default: this one]
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,
    /// Put a file or a directory there, as `/where/there=from/here`
    #[arg(long = "file", value_name = "THERE=HERE")]
    pub files: Vec<String>,
    /// The same for a secret: for root alone
    #[arg(long = "key", value_name = "THERE=HERE")]
    pub keys: Vec<String>,
    /// The port
    #[arg(short, long, value_name = "PORT")]
    pub port: Option<u16>,
    #[command(flatten)]
    pub remote: Remote,
}

/// What can be asked about settings
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting that the settings files set
    Show {
        #[command(flatten)]
        input: Input,
        /// Say of every setting where its value came from, also of those that nothing sets
        #[arg(long)]
        origin: bool,
    },
}

/// How things are shown
#[derive(Args, Clone, Debug, Default)]
pub struct Output {
    /// What the report looks like
    #[arg(long, value_name = "FORMAT", global = true, default_value = "human")]
    pub format: Format,
    /// Show unchanged resources too; twice: operations and places
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show failures and the verdict only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: Colour,
    /// Least weight of the log lines shown on standard error
    #[arg(long, value_name = "LEVEL", global = true)]
    pub log_level: Option<Level>,
    /// Append log and report to this file instead of printing them
    #[arg(long, value_name = "FILE", global = true)]
    pub log_file: Option<PathBuf>,
    /// How many of the slowest actions are named at the end; by chef-solo's `--slow-report`.
    #[arg(skip)]
    pub slowest: Option<usize>,
}

/// Forms of the report
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON document
    Json,
    /// One JSON line for each event, as it happens
    Ndjson,
}

/// When to colour
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set; everywhere when CLICOLOR_FORCE is
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Weights of log lines
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Everything
    Trace,
    /// For authors
    Debug,
    /// What is going on
    Info,
    /// What deserves a look
    Warn,
    /// As warn
    Auto,
    /// What went wrong
    Error,
    /// What ended the run
    Fatal,
}

/// What to converge
#[derive(Args, Clone, Debug, Default)]
pub struct Input {
    /// Settings: solo.rb or brasa.toml [default: those in /etc/brasa, else in /etc/chef]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Run-list and attributes: a file, a URL, or - for standard input [default: /etc/brasa/dna.json, else /etc/chef/dna.json]
    #[arg(short, long, value_name = "FILE")]
    pub json_attributes: Option<String>,
    /// Converge these items in place of the run-list
    #[arg(short, long, value_name = "ITEM,...", value_delimiter = ',')]
    pub override_runlist: Option<Vec<String>>,
    /// The node's name [default: its fully qualified name]
    #[arg(short = 'N', long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// The environment, unless the attributes name another
    #[arg(short = 'E', long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Unpack this archive (tar.gz; a file or a URL) into the repository of cookbooks first
    #[arg(long, value_name = "URL")]
    pub recipe_url: Option<String>,
    /// Set a setting; the value is YAML
    #[arg(long, value_name = "NAME=VALUE")]
    pub config_option: Vec<String>,
    #[command(flatten)]
    pub places: Places,
    /// The lock's file; by chef-solo's `--lockfile`.
    #[arg(skip)]
    pub lockfile: Option<String>,
    /// Whether the repository is emptied before the archive is unpacked; by chef-solo's `--delete-entire-chef-repo`.
    #[arg(skip)]
    pub empty_repository: bool,
    /// Whether no settings file is read; by chef-solo's `--disable-config`.
    #[arg(skip)]
    pub disable_config: bool,
}

/// Where brasa keeps its own files
#[derive(Args, Clone, Debug, Default)]
pub struct Places {
    /// Journals, history and what undo needs [default: /var/lib/brasa]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// Where to find what earlier runs left
#[derive(Args, Clone, Debug, Default)]
pub struct Kept {
    /// Settings: solo.rb or brasa.toml [default: those in /etc/brasa, else in /etc/chef]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub places: Places,
}

/// Options of `converge`
#[derive(Args, Clone, Debug, Default)]
pub struct Converge {
    #[command(flatten)]
    pub input: Input,
    /// Exit with 2 when something was changed
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Seconds to wait for another run to finish [default: 600]
    #[arg(long, value_name = "SECONDS")]
    pub run_lock_timeout: Option<u64>,
}

/// Options of `plan`
#[derive(Args, Clone, Debug, Default)]
pub struct Plan {
    #[command(flatten)]
    pub input: Input,
    /// Exit with 2 when something would be changed
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Options of `undo`
#[derive(Args, Clone, Debug)]
pub struct Undo {
    /// The run's number, or `last`
    pub run: String,
    /// Also what was changed by others since
    #[arg(long)]
    pub force: bool,
    /// Only say what would be taken back, and what cannot be
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Seconds to wait for another run to finish
    #[arg(long, value_name = "SECONDS", default_value_t = RUN_LOCK_TIMEOUT)]
    pub run_lock_timeout: u64,
    #[command(flatten)]
    pub kept: Kept,
}
