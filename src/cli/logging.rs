//! Log lines: on standard error, or in the file that was asked for.
use std::{fs::File, io::Write, sync::Mutex};

use brasa::host::{LogLevel, disk};
use tracing::level_filters::LevelFilter;

use super::{Failure, arguments::Level};

/// Starts logging. Without a wish of the user, warnings and worse are shown.
pub fn start(level: Option<Level>, file: Option<&std::path::Path>) -> Result<(), Failure> {
    let level = match level.unwrap_or(Level::Warn) {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warn | Level::Auto => LevelFilter::WARN,
        Level::Error | Level::Fatal => LevelFilter::ERROR,
    };
    let builder = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_ansi(false);
    let started = match file {
        Some(path) => builder.with_writer(Mutex::new(open(path)?)).try_init(),
        None => builder.without_time().with_writer(std::io::stderr).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}

/// The file that report and log are appended to.
pub fn open(path: &std::path::Path) -> Result<File, Failure> {
    disk::append_to(path).map_err(|error| match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) if !disk::is_directory(parent) => Failure::input(error.to_string())
            .hint(format!("make the directory `{}`, or name a file in another", parent.display())),
        Some(_) | None => Failure::from(error),
    })
}

/// A line of a recipe or of the host.
pub fn line(level: LogLevel, message: &str) {
    match level {
        LogLevel::Debug => tracing::debug!("{message}"),
        LogLevel::Info => tracing::info!("{message}"),
        LogLevel::Warn => tracing::warn!("{message}"),
        LogLevel::Error => tracing::error!("{message}"),
    }
}

/// Where a report goes: standard output, or the log file.
pub fn report_to(file: Option<&std::path::Path>) -> Result<Box<dyn Write>, Failure> {
    Ok(match file {
        Some(path) => Box::new(open(path)?),
        None => Box::new(std::io::LineWriter::new(std::io::stdout())),
    })
}
