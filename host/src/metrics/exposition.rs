//! Writes figures as a page of metrics.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use super::families::*;
use super::figures::{Figures, SourceFigures};
use super::format::Format;
use super::page::Page;
use super::process::ProcessFigures;
use tollgate_base::time::WallTime;
use tollgate_ledger::Totals;

/// The digits of a component's digest that a page shows.
const SHORT: usize = 12;

/// About the length of the next page, by the last one.
static LAST_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// The page in this format.
///
/// # Errors
/// None: a text takes whatever is written to it.
pub(crate) fn write(figures: Figures, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(Mutex::new(figures))));
    // A text that grows as it is written would be copied again and again.
    let mut page = String::with_capacity(LAST_LENGTH.load(Ordering::Relaxed));
    match format {
        Format::Prometheus => prometheus_text::encode(&mut page, &registry)?,
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
    }
    LAST_LENGTH.store(page.len() + page.len() / 16, Ordering::Relaxed);
    Ok(page)
}

/// Gives the registry the figures of one scrape. The lock is for the compiler alone: a collector
/// may be shared between threads.
#[derive(Debug)]
struct Scrape(Mutex<Figures>);

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = &*self.0.lock();
        let page = &mut Page(encoder);
        page.facts(&BUILD, [[env!("CARGO_PKG_VERSION")]])?;
        page.gauge(&READY, flag(figures.ready))?;
        sources(page, &figures.sources)?;
        requests(page, figures)?;
        handlers(page, figures)?;
        deliveries(page, &figures.totals, figures.oldest_due)?;
        outbox(page, figures)?;
        ledger(page, figures)?;
        generation(page, figures)?;
        telemetry(page, figures)?;
        process(page, &figures.process)
    }
}

fn sources(page: &mut Page<'_>, sources: &[SourceFigures]) -> fmt::Result {
    let events = sources.iter().flat_map(|source| {
        [
            ([source.name.as_str(), "new"], source.new_events),
            ([source.name.as_str(), "duplicate"], source.duplicates),
        ]
    });
    page.counters(&EVENTS_RECEIVED, events)?;
    let last = sources.iter();
    let last = last.filter_map(|source| Some(([source.name.as_str()], seconds(source.last?))));
    page.gauges(&LAST_EVENT, last)?;
    let acknowledged = sources.iter();
    let acknowledged =
        acknowledged.map(|source| ([source.name.as_str()], source.acknowledgements.clone()));
    page.histograms(&ACK_DURATION, acknowledged)?;
    let numbers: Vec<_> = (1..=most_secrets(sources)).map(|n| n.to_string()).collect();
    let secrets = || {
        sources.iter().flat_map(|source| {
            let numbered = numbers.iter().zip(&source.secrets);
            numbered.map(|(number, secret)| ([source.name.as_str(), number.as_str()], secret))
        })
    };
    let uses = secrets().map(|(labels, secret)| (labels, secret.matched));
    page.counters(&SECRET_USES, uses)?;
    let ends = secrets();
    let ends = ends.filter_map(|(labels, secret)| Some((labels, seconds(secret.expires?))));
    page.gauges(&SECRET_EXPIRY, ends)
}

fn most_secrets(sources: &[SourceFigures]) -> usize {
    let many = sources.iter().map(|source| source.secrets.len());
    many.max().unwrap_or(0)
}

fn requests(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let rejections = figures.rejections.iter();
    let rejections = rejections.map(|(source, code, count)| ([source.as_str(), *code], *count));
    page.counters(&REJECTIONS, rejections)?;
    let odd = figures.odd.iter().map(|(code, count)| ([*code], *count));
    page.counters(&ODD_REQUESTS, odd)?;
    let notices = figures.notices.iter();
    let notices = notices.map(|(source, notice, count)| ([source.as_str(), *notice], *count));
    page.counters(&NOTICES, notices)?;
    let certificates = figures.certificates.iter();
    let certificates = certificates.map(|(name, end)| ([name.as_str()], seconds(*end)));
    page.gauges(&CERTIFICATE_EXPIRY, certificates)?;
    let admin: Vec<_> = figures
        .admin_requests
        .iter()
        .map(|(resource, status, count)| (*resource, status.to_string(), *count))
        .collect();
    let admin = admin
        .iter()
        .map(|(resource, status, count)| ([*resource, status.as_str()], *count));
    page.counters(&ADMIN_REQUESTS, admin)
}

fn handlers(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let handlers = || figures.handlers.iter().map(|of| ([of.name.as_str()], of));
    let durations = handlers().flat_map(|([name], of)| {
        let read = of.durations.read();
        read.map(move |(outcome, durations)| ([name, outcome.name()], durations))
    });
    page.histograms(&HANDLER_DURATION, durations)?;
    page.gauges(
        &HANDLER_QUEUED,
        handlers().map(|(labels, of)| (labels, of.queued as f64)),
    )?;
    page.gauges(
        &HANDLER_RUNNING,
        handlers().map(|(labels, of)| (labels, of.running as f64)),
    )?;
    page.gauges(
        &HANDLER_BREAKER,
        handlers().map(|(labels, of)| (labels, f64::from(of.breaker as u8))),
    )?;
    page.gauges(
        &HANDLER_PAUSED,
        handlers().map(|(labels, of)| (labels, flag(of.paused))),
    )?;
    page.gauges(
        &HANDLER_ROLLED_BACK,
        handlers().map(|(labels, of)| (labels, flag(of.rolled_back))),
    )?;
    page.facts(
        &HANDLER_COMPONENT,
        handlers().map(|([name], of)| {
            let component = of.component.get(..SHORT).unwrap_or(&of.component);
            [name, component]
        }),
    )?;
    page.gauge(&GUESTS_RUNNING, figures.guests_running as f64)?;
    page.gauge(&GUEST_MEMORY, figures.guest_memory as f64)?;
    page.gauge(&GUEST_MEMORY_LIMIT, figures.guest_memory_limit as f64)
}

fn deliveries(page: &mut Page<'_>, totals: &Totals, oldest_due: f64) -> fmt::Result {
    use tollgate_ledger::DeliveryState::Pending;
    let counts = &totals.counts;
    let states = counts.deliveries.iter();
    page.gauges(
        &DELIVERIES,
        states.map(|(state, many)| ([state.name()], *many as f64)),
    )?;
    let pending = counts.deliveries.iter();
    let pending = pending.filter(|(state, _)| *state == Pending);
    let pending: u64 = pending.map(|(_, many)| many).sum();
    page.gauge(&DELIVERIES_DUE, (pending + totals.retries_due) as f64)?;
    page.counters(&DELIVERIES_DIED, [([], counts.died)])?;
    page.gauge(&OLDEST_DUE, oldest_due)?;
    page.gauge(&EVENTS, counts.events as f64)?;
    page.gauge(&UNROUTED_EVENTS, counts.unrouted as f64)?;
    page.gauge(&UNRESOLVED_EVENTS, counts.resolving as f64)?;
    page.gauge(&SCHEDULED_EVENTS, counts.scheduled as f64)
}

fn outbox(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let states = figures.totals.counts.outbox.iter();
    page.gauges(
        &OUTBOX_REQUESTS,
        states.map(|(state, many)| ([state.name()], *many as f64)),
    )?;
    page.gauge(&OUTBOX_OLDEST, figures.oldest_request)?;
    let tries = figures.tries.iter();
    let tries = tries.map(|(outcome, durations)| ([*outcome], durations.clone()));
    page.histograms(&OUTBOX_TRY_DURATION, tries)
}

fn ledger(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    page.gauge(&LEDGER_WRITABLE, flag(figures.writable))?;
    page.gauge(&LEDGER_BYTES, figures.totals.bytes as f64)?;
    page.gauge(&WAL_BYTES, figures.wal_bytes as f64)?;
    let disk = |value: fn((u64, u64)) -> u64| {
        let disk = figures.disk.iter();
        disk.map(move |disk| ([], value(*disk) as f64))
    };
    page.gauges(&DISK_FREE, disk(|(free, _)| free))?;
    page.gauges(&DISK_SIZE, disk(|(_, all)| all))?;
    let commits = &figures.commits;
    page.histograms(&COMMIT_BATCH_SIZE, [([], commits.operations.clone())])?;
    page.histograms(&COMMIT_DURATION, [([], commits.duration.clone())])?;
    page.counters(&COMMIT_FAILURES, [([], commits.failed)])
}

fn generation(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let of = &figures.generation;
    page.facts(&GENERATION, [[of.origin]])?;
    page.gauge(&GENERATION_NUMBER, of.number as f64)?;
    page.gauge(&GENERATION_LOADED, seconds(of.loaded))?;
    page.counters(
        &RELOADS,
        [
            (["loaded"], of.reloads_loaded),
            (["failed"], of.reloads_failed),
        ],
    )?;
    page.gauge(&RELOAD_FAILING, flag(of.failing))?;
    let alerts = figures.alerts.iter();
    page.gauges(
        &ALERTS,
        alerts.map(|(alert, many)| ([alert.as_str()], *many as f64)),
    )
}

fn telemetry(page: &mut Page<'_>, figures: &Figures) -> fmt::Result {
    let items = figures.exports.iter();
    let items = items.flat_map(|(signal, exported, dropped)| {
        [
            ([*signal, "exported"], *exported),
            ([*signal, "dropped"], *dropped),
        ]
    });
    page.counters(&TELEMETRY_ITEMS, items)
}

fn process(page: &mut Page<'_>, of: &ProcessFigures) -> fmt::Result {
    page.counter_of_seconds(&PROCESS_CPU, of.cpu_seconds)?;
    page.gauge(&PROCESS_RESIDENT, of.resident_bytes as f64)?;
    page.gauge(&PROCESS_VIRTUAL, of.virtual_bytes as f64)?;
    page.gauge(&PROCESS_THREADS, of.threads as f64)?;
    page.gauge(&PROCESS_OPEN_FDS, of.open_files as f64)?;
    page.gauge(&PROCESS_MAX_FDS, of.max_files as f64)?;
    page.gauge(&PROCESS_START, seconds(of.started))
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// A time in seconds since 1970.
fn seconds(at: WallTime) -> f64 {
    at.as_millis() as f64 / 1e3
}
