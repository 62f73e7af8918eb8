//! Logs, to stderr; and traces and logs for a collector, if the environment asks for that.

pub(crate) mod guest_logs;
mod otlp;
pub(crate) mod traces;

use std::io::IsTerminal;

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tollgate_base::printable::{PrintableWriter, Unprintable};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use otlp::{Otlp, Started};

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

/// What a process exports of its logs and traces. Dropping this exports what is left, for two
/// seconds at most.
#[must_use]
pub(crate) struct Telemetry(#[expect(dead_code, reason = "it is dropped")] Option<Otlp>);

/// Writes logs to stderr. The environment variable `TOLLGATE_LOG` filters them, in the syntax of
/// tracing's `EnvFilter`. Exports traces and logs if the environment asks for it.
pub(crate) fn start(format: LogFormat) -> Telemetry {
    start_with(format, DEFAULT)
}

/// As [`start`], and without the variable only warnings and errors.
pub(crate) fn start_quiet(format: LogFormat) -> Telemetry {
    start_with(format, QUIET)
}

fn start_with(format: LogFormat, default: &str) -> Telemetry {
    let filter =
        EnvFilter::try_from_env("TOLLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal();
    let unprintable = match format {
        // tracing-subscriber escapes the ASCII control characters of texts itself.
        LogFormat::Text if colours => Unprintable::ReplacedBesideColours,
        LogFormat::Text => Unprintable::Replaced,
        LogFormat::Json => Unprintable::Escaped,
    };
    let Started { otlp, warnings } = otlp::start();
    let lines = fmt::layer()
        .with_writer(move || PrintableWriter::new(std::io::stderr(), unprintable))
        .with_target(false);
    let exported = otlp.as_ref().and_then(|otlp| otlp.loggers.as_ref());
    let exported = exported.map(|loggers| {
        OpenTelemetryTracingBridge::new(loggers)
            .with_filter(filter_fn(|of| !is_exporting(of.target())))
    });
    let all = tracing_subscriber::registry().with(filter).with(exported);
    match format {
        LogFormat::Text => all.with(lines.with_ansi(colours)).init(),
        LogFormat::Json => all.with(lines.json()).init(),
    }
    if let Some(tracers) = otlp.as_ref().and_then(|otlp| otlp.tracers.as_ref()) {
        traces::begin(tracers);
    }
    if let Some(loggers) = otlp.as_ref().and_then(|otlp| otlp.loggers.as_ref()) {
        guest_logs::begin(loggers);
    }
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Telemetry(otlp)
}

/// Whether a log line is from a part that the exporter uses. Its lines are not exported: each
/// export would make more of them.
fn is_exporting(target: &str) -> bool {
    const PARTS: [&str; 7] = [
        "h2",
        "hyper",
        "hyper_rustls",
        "hyper_util",
        "opentelemetry",
        "rustls",
        "tonic",
    ];
    let part = target.split("::").next().unwrap_or_default();
    PARTS.contains(&part) || part.starts_with("opentelemetry") || part.starts_with("tower")
}

/// The counts of exported and dropped items, by what they are. Empty without an export.
pub(crate) fn exports() -> Vec<(&'static str, u64, u64)> {
    otlp::counts()
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
