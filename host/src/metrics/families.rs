//! Every metric: its name, meaning and labels.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// A metric with all of its series.
#[derive(Debug)]
pub(super) struct Family {
    /// The name without its unit and the ending of its kind.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) scale: Scale,
    pub(super) unit: &'static str,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// The kinds of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// What the values of a histogram are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// Microseconds, which are shown as seconds.
    Micros,
    /// Numbers.
    Plain,
}

impl Family {
    const fn new(
        kind: Kind,
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        let scale = match unit.len() {
            0 => Scale::Plain,
            _ => Scale::Micros,
        };
        Self {
            name,
            kind,
            scale,
            unit,
            labels,
            help,
        }
    }

    pub(super) fn unit(&self) -> Option<Unit> {
        match self.unit {
            "" => None,
            "seconds" => Some(Unit::Seconds),
            "bytes" => Some(Unit::Bytes),
            other => Some(Unit::Other(other.to_owned())),
        }
    }

    pub(super) fn kind(&self) -> MetricType {
        match self.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
            Kind::Info => MetricType::Info,
        }
    }

    /// The name as queries have it. A histogram has further endings.
    #[cfg(test)]
    pub(super) fn full_name(&self) -> String {
        let unit = match self.unit {
            "" => String::new(),
            unit => format!("_{unit}"),
        };
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{unit}{ending}", self.name)
    }
}

/// Declares the families, and the list of all of them.
macro_rules! families {
    ($($name:ident = $kind:ident $text:literal $unit:literal $labels:tt $help:literal;)*) => {
        $(pub(super) const $name: Family = Family::new(Kind::$kind, $text, $unit, &$labels, $help);)*
        /// All families, in the order of the page.
        #[cfg(test)]
        pub(super) const ALL: &[&Family] = &[$(&$name),*];
    };
}

families! {
    BUILD = Info "tollgate_build" "" ["version"]
        "The version of the gateway";
    READY = Gauge "tollgate_ready" "" []
        "Whether the gateway accepts events: 1 or 0";
    EVENTS_RECEIVED = Counter "tollgate_events_received" "" ["source", "result"]
        "Events of acknowledged requests. Result: new or duplicate";
    LAST_EVENT = Gauge "tollgate_source_last_event_timestamp" "seconds" ["source"]
        "When the last event of a source came, new or duplicate. Absent until one has come";
    ACK_DURATION = Histogram "tollgate_ack_duration" "seconds" ["source"]
        "From the last byte of a request to its acknowledgement";
    REJECTIONS = Counter "tollgate_rejections" "" ["source", "reason"]
        "Refused requests. Source `-`: no source, such as an unknown path";
    ODD_REQUESTS = Counter "tollgate_odd_requests" "" ["reason"]
        "Requests that were taken although their sender is in doubt";
    NOTICES = Counter "tollgate_notices" "" ["source", "notice"]
        "Accepted events that an operator should know of: unreadable, other_mode, same_bytes";
    SECRET_USES = Counter "tollgate_secret_uses" "" ["source", "secret"]
        "Requests signed with a secret of the source. Secret: its place in the manifest, from 1";
    SECRET_EXPIRY = Gauge "tollgate_secret_expiry_timestamp" "seconds" ["source", "secret"]
        "When a secret with an end expires";
    CERTIFICATE_EXPIRY = Gauge "tollgate_certificate_expiry_timestamp" "seconds" ["certificate"]
        "When a certificate of the ingress expires";
    HANDLER_DURATION = Histogram "tollgate_handler_duration" "seconds" ["handler", "outcome"]
        "The duration of committed attempts. Outcome: done, ignored, retry, reject, trap, timeout, limit, crash or error";
    HANDLER_QUEUED = Gauge "tollgate_handler_queued" "" ["handler"]
        "Deliveries of a handler that wait in memory";
    HANDLER_RUNNING = Gauge "tollgate_handler_running" "" ["handler"]
        "Runs of a handler under way";
    HANDLER_BREAKER = Gauge "tollgate_handler_breaker_state" "" ["handler"]
        "The breaker of a handler: 0 closed, 1 half-open, 2 open";
    HANDLER_PAUSED = Gauge "tollgate_handler_paused" "" ["handler"]
        "Whether an operator has paused a handler: 1 or 0";
    HANDLER_ROLLED_BACK = Gauge "tollgate_handler_rolled_back" "" ["handler"]
        "Whether an earlier component serves because the one in the file failed its trial: 1 or 0";
    HANDLER_COMPONENT = Info "tollgate_handler_component" "" ["handler", "component"]
        "The component that a handler runs, by the first 12 digits of its sha256";
    GUESTS_RUNNING = Gauge "tollgate_guests_running" "" []
        "Runs of all handlers under way";
    GUEST_MEMORY = Gauge "tollgate_guest_memory_reserved" "bytes" []
        "The memory that runs under way may use";
    GUEST_MEMORY_LIMIT = Gauge "tollgate_guest_memory_limit" "bytes" []
        "The memory that all runs together may use";
    DELIVERIES = Gauge "tollgate_deliveries" "" ["state"]
        "Deliveries on record. State: pending, running, retrying, held, done, ignored or dead";
    DELIVERIES_DUE = Gauge "tollgate_deliveries_due" "" []
        "Deliveries that wait for a run now: pending ones, and up to 10000 whose time for another attempt has come";
    DELIVERIES_DIED = Counter "tollgate_deliveries_died" "" []
        "How often a delivery became dead by its handling, since the ledger was made";
    OLDEST_DUE = Gauge "tollgate_oldest_due" "seconds" []
        "For how long the oldest due delivery has been due. Paused handlers do not count";
    EVENTS = Gauge "tollgate_events" "" []
        "Events on record";
    UNROUTED_EVENTS = Gauge "tollgate_unrouted_events" "" []
        "Events without a handler in the routes";
    UNRESOLVED_EVENTS = Gauge "tollgate_unresolved_events" "" []
        "Thin events that wait for their objects";
    SCHEDULED_EVENTS = Gauge "tollgate_scheduled_events" "" []
        "Events that handlers have scheduled";
    OUTBOX_REQUESTS = Gauge "tollgate_outbox_requests" "" ["state"]
        "Requests of the outbox on record. State: waiting, sent or dead";
    OUTBOX_OLDEST = Gauge "tollgate_outbox_oldest" "seconds" []
        "For how long the oldest waiting request has waited";
    OUTBOX_TRY_DURATION = Histogram "tollgate_outbox_try_duration" "seconds" ["outcome"]
        "The duration of tries. Outcome: sent, again or dead";
    LEDGER_WRITABLE = Gauge "tollgate_ledger_writable" "" []
        "Whether the last write of the ledger succeeded: 1 or 0";
    LEDGER_BYTES = Gauge "tollgate_ledger" "bytes" []
        "The size of the ledger, without its write-ahead log";
    WAL_BYTES = Gauge "tollgate_wal" "bytes" []
        "The size of the ledger's write-ahead log";
    DISK_FREE = Gauge "tollgate_disk_free" "bytes" []
        "The free space on the disk of the data folder";
    DISK_SIZE = Gauge "tollgate_disk_size" "bytes" []
        "The size of the disk of the data folder";
    COMMIT_BATCH_SIZE = Histogram "tollgate_commit_batch_size" "" []
        "The writes that share a commit";
    COMMIT_DURATION = Histogram "tollgate_commit_duration" "seconds" []
        "The duration of commits, with their sync";
    COMMIT_FAILURES = Counter "tollgate_commit_failures" "" []
        "Commits that failed";
    GENERATION = Info "tollgate_generation" "" ["origin"]
        "The serving generation. Origin: manifest, or last-good if the files cannot be used";
    GENERATION_NUMBER = Gauge "tollgate_generation_number" "" []
        "The number of the serving generation since the start, from 1";
    GENERATION_LOADED = Gauge "tollgate_generation_loaded_timestamp" "seconds" []
        "When the serving generation was loaded";
    RELOADS = Counter "tollgate_reloads" "" ["result"]
        "Reloads since the start. Result: loaded or failed";
    RELOAD_FAILING = Gauge "tollgate_reload_failing" "" []
        "Whether the files as they are cannot serve, so that an earlier generation does: 1 or 0";
    ALERTS = Gauge "tollgate_alerts" "" ["alert"]
        "Alerts of the manifest that last, by name: one for each source or handler that an alert is about";
    ADMIN_REQUESTS = Counter "tollgate_admin_requests" "" ["resource", "status"]
        "Requests to the admin service";
    TELEMETRY_ITEMS = Counter "tollgate_telemetry_items" "" ["signal", "result"]
        "Spans and log records for a collector. Signal: traces or logs. Result: exported or dropped";
    PROCESS_CPU = Counter "process_cpu" "seconds" []
        "Total user and system CPU time spent in seconds";
    PROCESS_RESIDENT = Gauge "process_resident_memory" "bytes" []
        "Resident memory size in bytes";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory" "bytes" []
        "Virtual memory size in bytes";
    PROCESS_THREADS = Gauge "process_threads" "" []
        "Number of OS threads in the process";
    PROCESS_OPEN_FDS = Gauge "process_open_fds" "" []
        "Number of open file descriptors";
    PROCESS_MAX_FDS = Gauge "process_max_fds" "" []
        "Maximum number of open file descriptors";
    PROCESS_START = Gauge "process_start_time" "seconds" []
        "Start time of the process since unix epoch in seconds";
}
