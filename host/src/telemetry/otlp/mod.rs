//! Export of traces and logs to a collector, by OTLP.
//!
//! Whoever makes a span or a log record puts it into a bounded queue and goes on: a full queue
//! drops the item. One thread exports. So a collector that is down, slow or talks nonsense delays
//! nothing, and what it does not take is counted. At the end of the process the thread has
//! [`FLUSH`] for what is left.

mod client;
mod exporters;
mod processors;
mod queue;
mod settings;

use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogExporter as _, SdkLoggerProvider};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use tokio::sync::watch;
use tokio::time::Instant;

use processors::{LogQueue, SpanQueue};
use queue::{Counts, End, Queue};
use settings::Settings;

/// How long the end of the process may wait for the export of what is left.
const FLUSH: Duration = Duration::from_secs(2);

static COUNTS: OnceLock<ExportCounts> = OnceLock::new();

/// The counts of all exports.
#[derive(Default)]
struct ExportCounts {
    traces: Arc<Counts>,
    logs: Arc<Counts>,
}

/// What a process exports. Dropping this exports what is left, for [`FLUSH`] at most.
pub(super) struct Otlp {
    pub(super) tracers: Option<SdkTracerProvider>,
    pub(super) loggers: Option<SdkLoggerProvider>,
    end: watch::Sender<Option<Instant>>,
    /// Closes when the thread has ended.
    ended: Receiver<()>,
}

/// The result of a start: what is exported, and what the operator should know.
pub(super) struct Started {
    pub(super) otlp: Option<Otlp>,
    pub(super) warnings: Vec<String>,
}

/// Starts the exports that the environment asks for.
pub(super) fn start() -> Started {
    let mut settings = Settings::read(|name| std::env::var(name).ok());
    let mut warnings = std::mem::take(&mut settings.warnings);
    let otlp = match settings.traces.is_some() || settings.logs.is_some() {
        true => Otlp::start(&settings, &mut warnings)
            .map_err(|error| warnings.push(format!("nothing is exported by OTLP: {error}")))
            .ok(),
        false => None,
    };
    Started { otlp, warnings }
}

/// How many items were exported and dropped, by what they are: none without an export.
pub(crate) fn counts() -> Vec<(&'static str, u64, u64)> {
    let Some(counts) = COUNTS.get() else {
        return Vec::new();
    };
    let of = |name, counts: &Counts| {
        let (exported, dropped) = counts.read();
        (name, exported, dropped)
    };
    vec![of("traces", &counts.traces), of("logs", &counts.logs)]
}

impl Otlp {
    fn start(settings: &Settings, warnings: &mut Vec<String>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let counts = COUNTS.get_or_init(ExportCounts::default);
        let (end, ending) = watch::channel(None);
        let resource = resource(settings);
        let mut tasks = Vec::new();
        let within = runtime.enter();
        let tracers = settings.traces.and_then(|export| {
            let queue = Arc::new(Queue::new(export, counts.traces.clone()));
            let mut exporter = exporters::of_spans(export)
                .map_err(|error| warnings.push(format!("no traces are exported: {error}")))
                .ok()?;
            exporter.set_resource(&resource);
            tasks.push(runtime.spawn(export_spans(queue.clone(), exporter, ending.clone())));
            let tracers = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_span_processor(SpanQueue(queue));
            Some(tracers.build())
        });
        let loggers = settings.logs.and_then(|export| {
            let queue = Arc::new(Queue::new(export, counts.logs.clone()));
            let mut exporter = exporters::of_logs(export)
                .map_err(|error| warnings.push(format!("no logs are exported: {error}")))
                .ok()?;
            exporter.set_resource(&resource);
            tasks.push(runtime.spawn(export_logs(queue.clone(), exporter, ending.clone())));
            let loggers = SdkLoggerProvider::builder()
                .with_resource(resource.clone())
                .with_log_processor(LogQueue(queue));
            Some(loggers.build())
        });
        drop(within);
        let (ends, ended) = channel();
        std::thread::Builder::new()
            .name("telemetry".into())
            .spawn(move || {
                let _ends = ends;
                runtime.block_on(async {
                    for task in tasks {
                        // A task that panicked has written its message.
                        let _ = task.await;
                    }
                });
            })?;
        Ok(Self {
            tracers,
            loggers,
            end,
            ended,
        })
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        self.end.send_replace(Some(Instant::now() + FLUSH));
        // The thread ends by then. If it does not, the process ends without it.
        let _ = self.ended.recv_timeout(FLUSH + FLUSH / 4);
    }
}

async fn export_spans(
    queue: Arc<Queue<opentelemetry_sdk::trace::SpanData>>,
    exporter: opentelemetry_otlp::SpanExporter,
    end: End,
) {
    let exporter = &exporter;
    let export = |batch| async move { exporter.export(batch).await };
    queue.work("traces", end, export).await;
}

async fn export_logs(
    queue: Arc<Queue<processors::LogItem>>,
    exporter: opentelemetry_otlp::LogExporter,
    end: End,
) {
    let exporter = &exporter;
    let export = |batch: Vec<processors::LogItem>| async move {
        let items: Vec<_> = batch.iter().map(|item| (&item.0, &item.1)).collect();
        let batch = opentelemetry_sdk::logs::LogBatch::new(&items);
        exporter.export(batch).await
    };
    queue.work("logs", end, export).await;
}

/// What exports say of this process.
fn resource(settings: &Settings) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let process = KeyValue::new("process.pid", i64::from(std::process::id()));
    let resource = Resource::builder().with_attributes([version, process]);
    match settings.names_service {
        true => resource.build(),
        false => resource.with_service_name("tollgate").build(),
    }
}
