//! Logs, to stderr.

use std::io::IsTerminal;

use tollgate_base::printable::{PrintableWriter, Unprintable};
use tracing_subscriber::EnvFilter;

/// The filter of logs unless `TOLLGATE_LOG` is set. hyper and h2 warn of single senders, so
/// strangers could flood the log; the ingress logs refused requests itself.
const DEFAULT: &str = "info,hyper=error,h2=error";

/// The same without what goes well. What is compiled stays, since that takes long.
const QUIET: &str = "warn,tollgate_sandbox=info,hyper=error,h2=error";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes logs to stderr. The environment variable `TOLLGATE_LOG` filters them, in the syntax of
/// tracing's `EnvFilter`.
pub(crate) fn start(format: LogFormat) {
    start_with(format, DEFAULT);
}

/// As [`start`], and without the variable only warnings and errors.
pub(crate) fn start_quiet(format: LogFormat) {
    start_with(format, QUIET);
}

fn start_with(format: LogFormat, default: &str) {
    let filter =
        EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal();
    let unprintable = match format {
        // tracing-subscriber escapes the ASCII control characters of texts itself.
        LogFormat::Text if colours => Unprintable::ReplacedBesideColours,
        LogFormat::Text => Unprintable::Replaced,
        LogFormat::Json => Unprintable::Escaped,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || PrintableWriter::new(std::io::stderr(), unprintable))
        .with_target(false);
    match format {
        LogFormat::Text => builder.with_ansi(colours).init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Shows on a terminal what takes a command long: the compiling of components. Without a terminal,
/// nothing is shown.
pub(crate) fn start_progress() {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let shown = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("tollgate_sandbox=info,tollgate=warn"))
        .with_writer(|| PrintableWriter::new(std::io::stderr(), Unprintable::Replaced))
        .with_ansi(false)
        .with_target(false)
        .with_level(false)
        .without_time();
    // A program that embeds the command may have a log of its own.
    let _ = shown.try_init();
}
