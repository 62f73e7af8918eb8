//! Measures lists and searches in a ledger with many events. Measures the cost of the search blocks
//! while events are recorded.
//!
//! ```text
//! cargo bench -p tollgate-ledger --bench search -- [EVENTS]
//! ```
//!
//! The ledger lies in a temporary folder, which goes at the end. 5 million events take about 8 GB
//! and ten minutes. Each figure is a median in milliseconds, with the processor's time in brackets:
//! of a first run on new connections ("cold" for the engine, not for the disk), and of a second
//! one.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tollgate_base::event::{DedupBasis, DedupKey, Event, EventId, HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::time::{SteadyClock, SystemClock, WallTime};
use tollgate_ledger::{
    Attempt, AttemptOutcome, Completion, Effects, EqualBytes, EventForm, LeasedDelivery,
    LeasedRequest, Ledger, LedgerSink, LedgerUrl, ListOrder, NewEvent, NextState, OrderEffect,
    Page, ReadLedger, RecordFilter, StateFilter, open, open_to_read,
};

/// Events of one call, as many senders together make one commit.
const BATCH: usize = 512;
/// The size of a payload, in bytes.
const PAYLOAD: usize = 700;
/// One event in so many is of the rare kind, source and handler.
const RARE: u64 = 250_000;
const RUNS: usize = 5;

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse().ok());
    let events: u64 = events.unwrap_or(5_000_000);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = LedgerUrl::Sqlite(folder.path().join("tollgate.db"));
    fill(&url, events);
    wait_for_blocks(&url, events);
    measure(&url, events);
}

/// Ends each delivery as soon as it is recorded, so that the ledger is as after a normal life.
struct Ends(parking_lot::Mutex<Vec<LeasedDelivery>>);

impl LedgerSink for Ends {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.0.lock().extend(deliveries);
    }

    fn released(&self, _: Vec<LeasedDelivery>) {}

    fn queued(&self, _: Vec<LeasedRequest>) {}
}

fn fill(url: &LedgerUrl, events: u64) {
    let clock = Arc::new(SteadyClock::new(Arc::new(SystemClock)));
    let sink = Arc::new(Ends(parking_lot::Mutex::default()));
    let ledger = open(url, clock, sink.clone()).expect("the ledger opens");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime can be made");
    let began = Instant::now();
    let mut told = Instant::now();
    for first in (0..events).step_by(BATCH) {
        let last = events.min(first + BATCH as u64);
        let recording = ledger.record((first..last).map(event).collect());
        runtime.block_on(recording).expect("events are recorded");
        let leased = std::mem::take(&mut *sink.0.lock());
        leased.into_iter().for_each(|one| end(&*ledger, one));
        if told.elapsed() > Duration::from_secs(20) {
            told = Instant::now();
            progress(&format!("{last} events after {:.0?}", began.elapsed()));
        }
    }
    let rate = events as f64 / began.elapsed().as_secs_f64();
    progress(&format!(
        "{events} events recorded and ended, {rate:.0} a second"
    ));
    ledger.close();
}

/// Waits until the blocks are made: the engine makes them behind the writer.
fn wait_for_blocks(url: &LedgerUrl, events: u64) {
    let clock = Arc::new(SteadyClock::new(Arc::new(SystemClock)));
    let sink = Arc::new(Ends(parking_lot::Mutex::default()));
    let ledger = open(url, clock, sink).expect("the ledger opens");
    let began = Instant::now();
    let old = RecordFilter {
        provider_id: Some(id(0)),
        ..RecordFilter::default()
    };
    // One page finds the oldest event when there is no long stretch without blocks.
    while ledger
        .events(&old, &page())
        .expect("lists")
        .items
        .is_empty()
    {
        assert!(began.elapsed() < Duration::from_secs(3600), "no blocks");
        std::thread::sleep(Duration::from_millis(500));
    }
    progress(&format!(
        "{events} events have their blocks after {:.0?} more",
        began.elapsed()
    ));
    ledger.close();
}

/// The searches, each with its name.
fn searches(events: u64) -> Vec<(&'static str, RecordFilter)> {
    let text = |text: &str| Some(text.to_owned());
    let old = events / 100;
    let mut searches = vec![("no filter", RecordFilter::default())];
    let mut add = |name, set: &dyn Fn(&mut RecordFilter)| {
        let mut filter = RecordFilter::default();
        set(&mut filter);
        searches.push((name, filter));
    };
    add("provider id, old", &|of| of.provider_id = Some(id(old)));
    add("provider id, new", &|of| {
        of.provider_id = Some(id(events - 9));
    });
    add("provider id, none", &|of| of.provider_id = text("evt_none"));
    add("subject, 5 events", &|of| of.subject = Some(subject(old)));
    add("subject, none", &|of| of.subject = text("cus_none"));
    add("account, 20 events", &|of| of.account = text("acct_rare"));
    add("account, a third", &|of| of.account = text("acct_1"));
    add("account, none", &|of| of.account = text("acct_none"));
    let kind = |kind: &str| Some(EventPattern::new(kind));
    add("type, rare", &|of| of.kind = kind("payout.failed"));
    add("type, rare, by a star", &|of| of.kind = kind("payout.*"));
    add("type, none", &|of| of.kind = kind("nothing.*"));
    add("source, rare", &|of| {
        of.source = Some(SourceName::new("rare"));
    });
    add("handler, rare", &|of| {
        of.handler = Some(HandlerName::new("rare"));
    });
    for state in ["dead", "retrying", "unrouted"] {
        add(state, &|of| of.state = StateFilter::from_name(state));
    }
    add("ten seconds, old", &|of| {
        of.from = Some(received(old));
        of.to = Some(received(old + 1000));
    });
    searches
}

fn measure(url: &LedgerUrl, events: u64) {
    for (name, filter) in searches(events) {
        let of_events = |ledger: &dyn ReadLedger| {
            let listed = ledger.events(&filter, &page()).expect("lists");
            (listed.items.len(), listed.next.is_some())
        };
        measure_one(url, ("events", name), of_events);
        let of_deliveries = |ledger: &dyn ReadLedger| {
            let listed = ledger.deliveries(&filter, &page()).expect("lists");
            (listed.items.len(), listed.next.is_some())
        };
        measure_one(url, ("deliveries", name), of_deliveries);
    }
}

/// Measures one search, which says how many items a page has, and whether more may follow.
fn measure_one(
    url: &LedgerUrl,
    (list, name): (&str, &str),
    ask: impl Fn(&dyn ReadLedger) -> (usize, bool),
) {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    let mut found = (0, false);
    for _ in 0..RUNS {
        let ledger = open_to_read(url).expect("the ledger opens");
        cold.push(timed(|| found = ask(&*ledger)));
        warm.push(timed(|| found = ask(&*ledger)));
    }
    let more = if found.1 { ", more" } else { "" };
    progress(&format!(
        "{list:10} {name:22} cold {} warm {}  found {}{more}",
        shown(cold),
        shown(warm),
        found.0,
    ));
}

/// The time that passed, and the processor's time of this thread: on a busy machine they differ.
fn timed(run: impl FnOnce()) -> (Duration, Duration) {
    let processor = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let (began, before) = (Instant::now(), processor());
    run();
    (began.elapsed(), processor() - before)
}

/// The median of both times.
fn shown(times: Vec<(Duration, Duration)>) -> String {
    let (mut passed, mut processor): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let (passed, processor) = (median(&mut passed), median(&mut processor));
    format!("{passed:7.2} ({processor:6.2})")
}

fn progress(line: &str) {
    // A pipe that is closed is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn page() -> Page {
    Page {
        after: None,
        until: None,
        limit: 50,
        order: ListOrder::Newest,
    }
}

fn id(number: u64) -> String {
    format!("evt_1Q{number:022}")
}

fn subject(number: u64) -> String {
    format!("cus_{:014}", number / 5)
}

/// A hundred events a second, from a fixed moment on.
fn received(number: u64) -> WallTime {
    WallTime::from_millis(1_700_000_000_000 + number * 10)
}

fn event(number: u64) -> NewEvent {
    let is_rare = number % RARE == RARE / 2;
    let source = SourceName::new(if is_rare { "rare" } else { "stripe" });
    let kinds = [
        "payment_intent.succeeded",
        "charge.succeeded",
        "invoice.paid",
        "customer.subscription.updated",
    ];
    let handlers: &[&str] = match number {
        _ if number % RARE == 7 => &[],
        _ if is_rare => &["rare"],
        _ => &["fulfillment"],
    };
    let account = match number % 3 {
        _ if is_rare => Some("acct_rare"),
        0 => None,
        1 => Some("acct_1"),
        _ => Some("acct_2"),
    };
    let id = id(number);
    NewEvent {
        dedup: DedupKey::new(&source, &DedupBasis::SignedId(id.clone())),
        more_dedup: Vec::new(),
        equal_bytes: EqualBytes::SameFact,
        form: EventForm::Whole,
        event: Event {
            id: EventId::generate(received(number)),
            source,
            provider_id: Some(id),
            kind: match is_rare {
                true => "payout.failed".to_owned(),
                false => kinds[(number % 4) as usize].to_owned(),
            },
            subject: Some(subject(number)),
            account: account.map(str::to_owned),
            created: Some(received(number)),
            received: received(number),
            headers: Default::default(),
            metadata: Vec::new(),
            depth: 0,
            payload: Bytes::from(vec![b'x'; PAYLOAD]),
        },
        handlers: handlers
            .iter()
            .map(|name| HandlerName::new(*name).into())
            .collect(),
    }
}

/// Ends a delivery: mostly as done.
fn end(ledger: &dyn Ledger, LeasedDelivery { delivery, lease }: LeasedDelivery) {
    let (next, outcome) = match delivery.id.0 as u64 % RARE {
        11 => (NextState::Dead, AttemptOutcome::Reject),
        12 => (
            NextState::Retrying {
                due: tollgate_base::time::SteadyTime::from_millis(u64::MAX >> 12),
            },
            AttemptOutcome::Retry,
        ),
        _ => (NextState::Done, AttemptOutcome::Done),
    };
    let completion = Completion {
        delivery: delivery.id,
        token: lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            number: 1,
            run: 0,
            started: delivery.event.received,
            duration_us: 900,
            outcome,
            detail: String::new(),
            logs: String::new(),
            component: tollgate_base::event::ComponentDigest([7; 32]),
        },
        next,
        reads: Vec::new(),
        exchanges: Vec::new(),
        effects: Effects::default(),
        order: OrderEffect::default(),
    };
    ledger.complete_then(
        completion,
        Box::new(move |_| {
            drop(lease);
        }),
    );
}
