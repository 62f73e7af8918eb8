//! Logs, to stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What is logged where `TOLLGATE_LOG` does not say otherwise. hyper warns of every slow
/// sender, which strangers could flood the log with; refusals are logged by the ingress.
const DEFAULT: &str = "info,hyper=error";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends logs to stderr. The environment variable `TOLLGATE_LOG` filters them, in the form
/// that tracing's `EnvFilter` documents.
pub(crate) fn start(format: LogFormat) {
    let filter =
        EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
}
