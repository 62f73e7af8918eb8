//! A collector of traces and logs, which decodes OTLP with the official package of OpenTelemetry.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::{eventually, skip};

/// A running collector. Dropping it kills the process.
pub(crate) struct Collector {
    child: Child,
    pub(crate) http: String,
    pub(crate) grpc: String,
    exports: Arc<Mutex<Vec<Value>>>,
}

/// A span, as the collector writes it.
#[derive(Clone, Debug)]
pub(crate) struct Span(pub(crate) Value);

impl Span {
    /// A text of the span, such as `name`.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// An attribute; null if the span does not have it.
    pub(crate) fn attribute(&self, name: &str) -> &Value {
        &self.0["attributes"][name]
    }

    /// Whether this span is right below another one.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.text("trace") == other.text("trace") && self.text("parent") == other.text("span")
    }
}

impl Collector {
    /// Starts a collector in one of its modes. `None` if its package is not installed: then the
    /// skipped test is reported.
    pub(crate) fn start(mode: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python: PathBuf = root.join("target/collector/python/bin/python");
        if !python.exists() {
            skip("OpenTelemetry's package is not installed (.ci/prepare collector)");
            return None;
        }
        let mut child = Command::new(python)
            .arg(root.join("tests/collector/collector.py"))
            .arg(mode)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ports: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let exports = Arc::<Mutex<Vec<Value>>>::default();
        let read = exports.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let export = serde_json::from_str(&line).unwrap();
                read.lock().unwrap().push(export);
            }
        });
        Some(Self {
            child,
            http: format!("http://127.0.0.1:{}", ports["http"]),
            grpc: format!("http://127.0.0.1:{}", ports["grpc"]),
            exports,
        })
    }

    /// All exports so far.
    pub(crate) fn exports(&self) -> Vec<Value> {
        self.exports.lock().unwrap().clone()
    }

    /// All items of a signal so far.
    pub(crate) fn items(&self, signal: &str) -> Vec<Value> {
        let exports = self.exports();
        let of = exports.iter().filter(|export| export["signal"] == signal);
        of.flat_map(|export| export["items"].as_array().unwrap().clone())
            .collect()
    }

    /// The span of this name, as soon as it has come.
    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> Span {
        self.spans(name, 1).remove(0)
    }

    /// So many spans of this name in the order of their start, as soon as they have come.
    #[track_caller]
    pub(crate) fn spans(&self, name: &str, many: usize) -> Vec<Span> {
        let found = || -> Vec<Span> {
            let spans = self.items("traces").into_iter();
            spans
                .filter(|span| span["name"] == name)
                .map(Span)
                .collect()
        };
        eventually(&format!("{many} spans {name:?}"), || found().len() >= many);
        let mut spans = found();
        spans.sort_by_key(|span| span.0["start"].as_u64());
        assert_eq!(spans.len(), many, "{spans:#?}");
        spans
    }

    /// The variables that let a gateway export to this collector over HTTP, soon.
    pub(crate) fn variables(&self) -> [(&'static str, String); 3] {
        variables(&self.http)
    }
}

/// The variables that let a gateway export to an endpoint, soon and with little patience.
pub(crate) fn variables(endpoint: &str) -> [(&'static str, String); 3] {
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "20".to_owned()),
        (
            "OTEL_EXPORTER_OTLP_TIMEOUT",
            Duration::from_millis(400).as_millis().to_string(),
        ),
    ]
}

impl Drop for Collector {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
