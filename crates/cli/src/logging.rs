//! Logs: to stderr, as text or JSON. WARN is odd but nothing is lost; ERROR means lost or stopped.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::LevelFilter;

use crate::arguments::{CommonOptions, LogFormat};

/// Starts logging as the options say.
pub(crate) fn start(common: &CommonOptions) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    match common.log_format {
        LogFormat::Text => builder.without_time().init(),
        LogFormat::Json => builder.json().init(),
    }
}
