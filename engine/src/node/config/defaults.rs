//! What a setting reads as in the file itself while nothing has set it, and what Ruby has set.
use super::Value;

/// A constant of Ruby. There is none for its version.
pub(super) fn constant(name: &str) -> Option<Value> {
    let text = |text: &str| Value::String(text.to_owned());
    Some(match name {
        "File::SEPARATOR" | "File::Separator" => text("/"),
        "RUBY_PLATFORM" => Value::String(format!("{}-linux", std::env::consts::ARCH)),
        "RbConfig::CONFIG" => Value::Hash(vec![
            (text("host_os"), text("linux")),
            (text("target_os"), text("linux")),
            (text("host_cpu"), text(std::env::consts::ARCH)),
        ]),
        _ => return None,
    })
}

/// Chef's default, where it is a plain value; `None` where it depends on other settings. Source: chef-config 18.
pub(super) fn of(name: &str) -> Option<Value> {
    Some(match name {
        "node_name" | "environment" | "json_attribs" | "recipe_url" | "interval" | "splay" | "daemonize" | "once"
        | "pid_file" | "run_lock_timeout" | "user" | "group" | "rubygems_url" | "http_proxy" | "https_proxy"
        | "ftp_proxy" | "no_proxy" | "ssl_ca_file" | "ssl_ca_path" | "policy_name" | "policy_group"
        | "named_run_list" | "client_fork" | "formatter" => Value::Nil,
        "report_handlers"
        | "exception_handlers"
        | "start_handlers"
        | "event_handlers"
        | "formatters"
        | "silence_deprecation_warnings" => Value::Array(Vec::new()),
        "why_run"
        | "color"
        | "solo_legacy_mode"
        | "minimal_ohai"
        | "diff_disabled"
        | "always_dump_stacktrace"
        | "stream_execute_output"
        | "enforce_default_paths"
        | "rubygems_cache_enabled"
        | "show_download_progress" => Value::Bool(false),
        "verify_api_cert" | "verbose_logging" | "file_atomic_update" | "solo" => Value::Bool(true),
        "log_level" => Value::Symbol("auto".to_owned()),
        "log_location" => Value::Constant("STDOUT".to_owned()),
        "ssl_verify_mode" => Value::Symbol("verify_peer".to_owned()),
        "umask" => Value::Integer(0o022),
        "http_retry_count" | "http_retry_delay" => Value::Integer(5),
        "rest_timeout" => Value::Integer(300),
        "ohai" | "knife" | "chef_zero" => Value::Hash(Vec::new()),
        _ => return None,
    })
}
