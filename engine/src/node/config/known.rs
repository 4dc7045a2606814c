//! The settings of Chef's solo.rb that have a meaning, and what brasa makes of each.

/// A setting that is known.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// What its value has to be, when brasa uses it.
    pub shape: Shape,
    /// What brasa does with it.
    pub fate: Fate,
    /// What holds when it is not set, in words.
    pub default: &'static str,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    Text,
    /// Text that is shown nowhere.
    Secret,
    /// A path.
    Path,
    /// A path from `/` on.
    AbsolutePath,
    /// A path, or a list of them.
    Paths,
    /// Text, or a list of texts.
    Texts,
    /// Permission bits: `0022`, `"0022"`.
    Mode,
    /// `:verify_peer`, `:verify_none`, or OpenSSL's constants.
    Verification,
    /// `true` or `false`.
    Flag,
    /// A whole number, 0 or more.
    Count,
    /// A symbol or text out of these.
    OneOf(&'static [&'static str]),
    /// `STDOUT`, `STDERR`, `:syslog`, a path, or a list of them.
    LogLocations,
    /// A list of commands: lines for the shell, or lists of a program and its arguments.
    Commands,
    /// Whatever it is: it is not used.
    Any,
}

/// What brasa does with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is used.
    Used,
    /// It is read and not used, for this reason. Nothing comes of it that a run would show.
    Ignored(&'static str),
    /// It is not used, for this reason, though Chef would do something else for it: a run says so.
    Noted(&'static str),
    /// A run that finds it set ends there, for this reason: Chef would do something else altogether.
    Refused(&'static str),
}

const fn used(name: &'static str, shape: Shape, default: &'static str) -> Known {
    Known { name, shape, fate: Fate::Used, default }
}

const fn ignored(name: &'static str, why: &'static str) -> Known {
    Known { name, shape: Shape::Any, fate: Fate::Ignored(why), default: "" }
}

/// Not used, but a value of another shape is a slip all the same.
const fn unused(name: &'static str, shape: Shape, why: &'static str) -> Known {
    Known { name, shape, fate: Fate::Ignored(why), default: "" }
}

/// Not used, which a run says.
const fn noted(name: &'static str, shape: Shape, why: &'static str) -> Known {
    Known { name, shape, fate: Fate::Noted(why), default: "" }
}

/// No run begins when it is set.
const fn refused(name: &'static str, why: &'static str) -> Known {
    Known { name, shape: Shape::Any, fate: Fate::Refused(why), default: "" }
}

const SERVER: &str = "there is no Chef server";
const RUBY: &str = "there is no Ruby to set up";
const ALWAYS: &str = "brasa always does what is safe here";
const OUTPUT: &str = "reports are chosen by `--format`";
const DAEMON: &str = "use the systemd timer, or `chef-solo -i`";
const POLICY: &str = "there are no Policyfiles";
const USER: &str = "start brasa as that user";
const PROXY: &str = "the environment variable of this name, if any";
const PROXY_USER: &str = "none";

/// Words of `package_repair`.
pub(super) const PACKAGE_REPAIR: &[&str] = &["auto", "ask", "never"];

/// Words of `log_level`.
pub(super) const LOG_LEVELS: &[&str] = &["auto", "trace", "debug", "info", "warn", "error", "fatal"];

/// Every setting that is known, by name. Source: chef-solo 18, its documentation of client.rb and solo.rb.
pub const KNOWN: &[Known] = &[
    used(
        "age_identity_credential",
        Shape::Text,
        "`brasa-age-identity` among the credentials that systemd gives, when it is there",
    ),
    used("age_identity_env_file", Shape::Path, "none"),
    used("age_identity_file", Shape::Paths, "`/etc/brasa/age-identity`, when it is there"),
    used("cache_path", Shape::AbsolutePath, "none: see `file_cache_path` and `file_backup_path`"),
    used("chef_repo_path", Shape::Paths, "the directory that holds `cookbook_path`"),
    used("color", Shape::Flag, "on a terminal"),
    used("cookbook_path", Shape::Paths, "`cookbooks` in `chef_repo_path`; compiled-in cookbooks are always there"),
    used("data_bag_path", Shape::Paths, "`data_bags` in `chef_repo_path`"),
    used(
        "encrypted_data_bag_secret",
        Shape::Path,
        "`encrypted_data_bag_secret` in `/etc/brasa`, else in `/etc/chef`, when it is there",
    ),
    used("environment", Shape::Text, "`_default`"),
    used("environment_path", Shape::Paths, "`environments` in `chef_repo_path`"),
    used("file_backup_path", Shape::AbsolutePath, "`backup` in `cache_path`, else `/var/lib/brasa/backups`"),
    used("file_cache_path", Shape::AbsolutePath, "`cache` in `cache_path`, else `/var/cache/brasa`"),
    used("json_attribs", Shape::Text, "none"),
    used("lockfile", Shape::Path, "`/run/brasa/lock`"),
    used("log_level", Shape::OneOf(LOG_LEVELS), "`:auto`"),
    used(
        "log_location",
        Shape::LogLocations,
        "the report on standard output, the log on standard error; `STDERR` and `:syslog` change nothing",
    ),
    used("node_name", Shape::Text, "the host's full name"),
    used(
        "package_repair",
        Shape::OneOf(PACKAGE_REPAIR),
        "`:auto`: what an interrupted dpkg left is finished; `:ask` and `:never` as their names say",
    ),
    used("role_path", Shape::Paths, "`roles` in `chef_repo_path`"),
    used("run_lock_timeout", Shape::Count, "600 seconds"),
    used("solo_d_dir", Shape::Path, "`solo.d` beside solo.rb"),
    used("state_dir", Shape::AbsolutePath, "`/var/lib/brasa`"),
    used("why_run", Shape::Flag, "false"),
    ignored("allowed_automatic_attributes", SERVER),
    ignored("allowed_default_attributes", SERVER),
    ignored("allowed_normal_attributes", SERVER),
    ignored("allowed_override_attributes", SERVER),
    ignored("always_dump_stacktrace", RUBY),
    ignored("blocked_automatic_attributes", SERVER),
    ignored("blocked_default_attributes", SERVER),
    ignored("blocked_normal_attributes", SERVER),
    ignored("blocked_override_attributes", SERVER),
    ignored("checksum_path", SERVER),
    ignored("chef_guid_path", SERVER),
    ignored("chef_license", "brasa has no such licence"),
    ignored("chef_server_url", SERVER),
    ignored("chef_zero", SERVER),
    ignored("clear_gem_sources", RUBY),
    ignored("client_fork", DAEMON),
    ignored("client_key", SERVER),
    ignored("cookbook_artifact_path", SERVER),
    ignored("config_dir", "files are found from the place of solo.rb"),
    ignored("count_log_resource_updates", OUTPUT),
    noted("daemonize", Shape::Any, DAEMON),
    used("data_bag_decrypt_minimum_version", Shape::Count, "1: every version is read"),
    unused("data_bag_encrypt_version", Shape::Count, "version 3 is written"),
    used("diff_disabled", Shape::Flag, "false: every report has diffs"),
    ignored("diff_filesize_threshold", OUTPUT),
    ignored("diff_output_threshold", OUTPUT),
    ignored("download_progress_interval", OUTPUT),
    ignored("enable_selinux_file_permission_fixup", ALWAYS),
    ignored("enforce_default_paths", ALWAYS),
    ignored("enforce_path_sanity", ALWAYS),
    noted("event_handlers", Shape::Any, RUBY),
    used("exception_handlers", Shape::Commands, "none"),
    ignored("file_atomic_update", ALWAYS),
    ignored("file_staging_uses_destdir", ALWAYS),
    refused("fips", "brasa has no FIPS mode"),
    ignored("force_formatter", OUTPUT),
    ignored("force_logger", OUTPUT),
    ignored("formatter", OUTPUT),
    ignored("formatters", OUTPUT),
    used("ftp_proxy", Shape::Text, PROXY),
    used("ftp_proxy_pass", Shape::Secret, PROXY_USER),
    used("ftp_proxy_user", Shape::Text, PROXY_USER),
    refused("group", USER),
    ignored("group_valid_regex", "names are judged by the system's own rules"),
    used("http_proxy", Shape::Text, PROXY),
    used("http_proxy_pass", Shape::Secret, PROXY_USER),
    used("http_proxy_user", Shape::Text, PROXY_USER),
    ignored("http_retry_count", "downloads are tried again by `retries` of the resource"),
    ignored("http_retry_delay", "downloads are tried again by `retries` of the resource"),
    used("https_proxy", Shape::Text, PROXY),
    used("https_proxy_pass", Shape::Secret, PROXY_USER),
    used("https_proxy_user", Shape::Text, PROXY_USER),
    noted("internal_locale", Shape::Any, "commands run with `C.UTF-8`"),
    noted("interval", Shape::Count, DAEMON),
    ignored("local_mode", SERVER),
    ignored("minimal_ohai", "facts are read only when they are asked for"),
    refused("named_run_list", POLICY),
    ignored("no_lazy_load", SERVER),
    used("no_proxy", Shape::Texts, PROXY),
    ignored("node_path", "nothing of a node is kept between runs"),
    ignored("ohai", "facts are native: there are no plugins"),
    ignored("once", DAEMON),
    noted("pid_file", Shape::Path, DAEMON),
    refused("policy_group", POLICY),
    ignored("policy_group_path", POLICY),
    refused("policy_name", POLICY),
    ignored("policy_path", POLICY),
    ignored("policy_persist_run_list", POLICY),
    used("recipe_url", Shape::Text, "none"),
    used("report_handlers", Shape::Commands, "none"),
    noted("resource_unified_mode_default", Shape::Any, RUBY),
    ignored("rest_timeout", "downloads have deadlines of their own"),
    ignored("rubygems_cache_enabled", RUBY),
    noted("rubygems_url", Shape::Texts, "give `source` to the gem_package"),
    ignored("show_download_progress", OUTPUT),
    ignored("silence_deprecation_warnings", RUBY),
    ignored("solo", SERVER),
    ignored("solo_legacy_mode", "brasa always works as chef-solo's legacy mode does"),
    noted("splay", Shape::Count, DAEMON),
    noted("ssl_ca_file", Shape::Any, "servers are verified by the system's certificates"),
    noted("ssl_ca_path", Shape::Any, "servers are verified by the system's certificates"),
    unused("ssl_verify_mode", Shape::Verification, "the servers of downloads are always verified"),
    used("start_handlers", Shape::Commands, "none"),
    ignored("stream_execute_output", OUTPUT),
    ignored("treat_deprecation_warnings_as_errors", RUBY),
    noted("trusted_certs_dir", Shape::Any, "servers are verified by the system's certificates"),
    noted("umask", Shape::Mode, "modes are given by resources; commands have `umask`"),
    refused("user", USER),
    ignored("user_valid_regex", "names are judged by the system's own rules"),
    ignored("validation_client_name", SERVER),
    ignored("validation_key", SERVER),
    ignored("verbose_logging", OUTPUT),
    unused("verify_api_cert", Shape::Flag, SERVER),
];
