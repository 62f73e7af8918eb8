//! The log lines of handlers, for a collector of logs.
//!
//! A line carries its handler, event and attempt, and its place in the trace. The lines are not on
//! standard error: they are on record with the attempt, and a handler may write many of them.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_sdk::logs::{SdkLogger, SdkLoggerProvider};
use serde::Deserialize;

use super::traces::TraceContext;
use tollgate_ledger::Completion;

static LOGGER: OnceLock<SdkLogger> = OnceLock::new();

/// Exports the lines of handlers from now on.
pub(super) fn begin(loggers: &SdkLoggerProvider) {
    // A process has one exporter.
    let _ = LOGGER.set(loggers.logger("tollgate.handler"));
}

/// A captured line.
#[derive(Debug, Deserialize)]
struct Line {
    level: String,
    message: String,
    #[serde(default)]
    fields: Vec<(String, String)>,
}

/// Exports the lines of an attempt that has ended, if somebody collects logs.
pub(crate) fn export(completion: &Completion, trace: Option<&TraceContext>) {
    let Some(logger) = LOGGER.get() else {
        return;
    };
    let attempt = &completion.attempt;
    // The lines have no times of their own.
    let started = SystemTime::UNIX_EPOCH + Duration::from_millis(attempt.started.as_millis());
    let ended = started + Duration::from_micros(attempt.duration_us);
    let lines = attempt.logs.lines();
    for line in lines.filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let mut record = logger.create_log_record();
        let (severity, text) = severity(&line.level);
        record.set_timestamp(ended);
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(AnyValue::from(line.message));
        record.add_attribute("tollgate.handler", completion.handler.to_string());
        record.add_attribute("tollgate.event.id", completion.event.to_string());
        record.add_attribute("tollgate.delivery", completion.delivery.0);
        record.add_attribute("tollgate.attempt", i64::from(attempt.number));
        record.add_attribute("tollgate.run", i64::from(attempt.run));
        for (name, value) in line.fields {
            record.add_attribute(name, value);
        }
        if let Some(trace) = trace {
            let (id, span, flags) = trace.parts();
            record.set_trace_context(id, span, Some(flags));
        }
        logger.emit(record);
    }
}

fn severity(level: &str) -> (Severity, &'static str) {
    match level {
        "trace" => (Severity::Trace, "TRACE"),
        "debug" => (Severity::Debug, "DEBUG"),
        "warn" => (Severity::Warn, "WARN"),
        "error" => (Severity::Error, "ERROR"),
        _ => (Severity::Info, "INFO"),
    }
}
