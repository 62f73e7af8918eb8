//! The cost of effects in a completion: two state writes and a request, committed with the
//! end of a delivery, compared with that end alone. The bench writes to a ledger without
//! guests.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use tollgate_base::event::{
    ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::time::{Clock, SteadyClock, SystemClock};
use tollgate_ledger::{
    self, Attempt, AttemptOutcome, Completed, Completion, Delivery, Effects, Intake,
    LeasedDelivery, LeasedRequest, LedgerSink, LedgerUrl, NewEvent, NewRequest, NextState,
    OrderEffect, StateWrite,
};

use crate::options::Options;
use crate::report::Report;
use crate::stats::median;

const PART: &str = "a completion";

/// The numbers of completions under way at once.
const UNDER_WAY: [usize; 2] = [1, 64];

/// The number of events in one transaction that makes deliveries ready.
const CHUNK: usize = 200;

/// Measures both kinds in turns.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join("completion");
    std::fs::create_dir_all(&folder)?;
    for under_way in UNDER_WAY {
        // A single completion waits for a sync each time.
        let count = if under_way == 1 {
            options.requests / 20
        } else {
            options.requests
        };
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..options.rounds {
            for turn in 0..2 {
                let effects = (round + turn) % 2 == 1;
                let took = run(&folder.join("bench.db"), count.max(1), under_way, effects)?;
                if effects { &mut with } else { &mut without }.push(took);
            }
        }
        let ratio = median(&with) / median(&without);
        let name = format!("{under_way} under way");
        report.figure(PART, format!("{name}: without effects"), "µs", without);
        report.figure(
            PART,
            format!("{name}: two writes and a request"),
            "µs",
            with,
        );
        report.ratio(
            format!("completion with effects / without, {name}"),
            ratio,
            Some("at most 1.5"),
        );
    }
    Ok(())
}

/// Returns the microseconds of a completion, on a new ledger.
fn run(path: &std::path::Path, count: usize, under_way: usize, effects: bool) -> Result<f64> {
    for ending in ["", "-wal", "-shm", ".lock", ".running", ".progress"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // The file may not exist.
        let _ = std::fs::remove_file(name);
    }
    let sink = Arc::<Collected>::default();
    let ledger = tollgate_ledger::open(
        &LedgerUrl::Sqlite(path.to_owned()),
        Arc::new(SteadyClock::new(Arc::new(SystemClock))),
        sink.clone(),
    )?;
    record(&*ledger, count)?;
    let deliveries = std::mem::take(&mut *sink.0.lock());
    let (answer, answered) = mpsc::channel();
    let started = Instant::now();
    let mut open = 0;
    for (number, delivery) in deliveries.iter().enumerate() {
        if open == under_way {
            committed(&answered)?;
            open -= 1;
        }
        let answer = answer.clone();
        let completion = completion(delivery, number, effects);
        ledger.complete_then(
            completion,
            Box::new(move |result| drop(answer.send(result))),
        );
        open += 1;
    }
    for _ in 0..open {
        committed(&answered)?;
    }
    Ok(started.elapsed().as_secs_f64() * 1e6 / count as f64)
}

fn committed(
    answered: &mpsc::Receiver<Result<Completed, tollgate_ledger::LedgerError>>,
) -> Result<()> {
    let completed = answered.recv()??;
    anyhow::ensure!(completed == Completed::Committed, "{completed:?}");
    Ok(())
}

#[derive(Default)]
struct Collected(Mutex<Vec<LeasedDelivery>>);

impl LedgerSink for Collected {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.0.lock().extend(deliveries);
    }

    fn released(&self, _: Vec<LeasedDelivery>) {}

    fn queued(&self, _: Vec<LeasedRequest>) {}
}

fn record(ledger: &dyn Intake, count: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for first in (0..count).step_by(CHUNK) {
        let events = (first..count.min(first + CHUNK)).map(event).collect();
        runtime
            .block_on(ledger.record(events))
            .context("the ledger takes events")?;
    }
    Ok(())
}

fn event(number: usize) -> NewEvent {
    let source = SourceName::new("stripe");
    let now = SystemClock.now();
    NewEvent {
        dedup: DedupKey::new(&source, &DedupBasis::SignedId(number.to_string())),
        more_dedup: Vec::new(),
        equal_bytes: tollgate_ledger::EqualBytes::SameFact,
        form: tollgate_ledger::EventForm::Whole,
        handlers: vec![HandlerName::new("bench").into()],
        event: Event {
            id: EventId::generate(now),
            source,
            provider_id: Some(number.to_string()),
            kind: "payment_intent.succeeded".into(),
            subject: None,
            account: None,
            created: None,
            received: now,
            headers: Headers::default(),
            metadata: Vec::new(),
            depth: 0,
            payload: Bytes::from(vec![b'x'; crate::payload::BODY]),
        },
    }
}

fn completion(leased: &LeasedDelivery, number: usize, effects: bool) -> Completion {
    let delivery = &leased.delivery;
    Completion {
        delivery: delivery.id,
        token: leased.lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            number: 1,
            run: 0,
            started: SystemClock.now(),
            duration_us: 100,
            outcome: AttemptOutcome::Done,
            detail: String::new(),
            logs: String::new(),
            component: ComponentDigest([7; 32]),
        },
        next: NextState::Done,
        reads: Vec::new(),
        exchanges: Vec::new(),
        effects: if effects {
            effects_of(delivery, number)
        } else {
            Effects::default()
        },
        order: OrderEffect::default(),
    }
}

/// Returns two state writes and a request.
fn effects_of(delivery: &Delivery, number: usize) -> Effects {
    let value = || StateWrite::Set(vec![b'v'; 100]);
    Effects {
        state: vec![
            (format!("order/{number}"), value()),
            (format!("seen/{number}"), value()),
        ],
        outbox: vec![NewRequest {
            key: delivery.idempotency_key(0),
            method: "POST".into(),
            url: "https://warehouse.example.com/orders".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: Bytes::from(vec![b'b'; 500]),
            order_key: None,
            respond: None,
        }],
        ..Effects::default()
    }
}
