//! The thread that turns schedule entries into events when they are due.
//!
//! The ledger reads the entries that are due, the thread finds the recipient of each event, and
//! the ledger records the events. The thread looks at the clock every second instead of sleeping
//! until the time, so that a clock that is set or a machine that slept delays no event.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use tollgate_base::event::{Event, HandlerName};
use tollgate_base::thread::OwnedThread;
use tollgate_base::time::{SteadyClock, WallTime};
use tollgate_ledger::{DueEntries, DueEntry, Fired, LedgerError, Recipient, ScheduleStore};

/// The longest time without a look at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// The wait after an error of the ledger.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// Returns the recipient that an event for this handler has, with its order key.
pub type RecipientOf = Arc<dyn Fn(HandlerName, &Event) -> Recipient + Send + Sync>;

/// Knows when the next schedule entry is due. The alarm exists before the ledger, which sets it
/// for new entries.
#[derive(Debug)]
pub struct Alarm {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    next: Option<WallTime>,
    stopping: bool,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                // The entries in the ledger are not known yet: ask at once.
                next: Some(WallTime::EPOCH),
                stopping: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl State {
    fn note(&mut self, due: WallTime) {
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }
}

impl Alarm {
    /// Notes that an entry is due at this time. Does not block.
    pub fn set(&self, due: WallTime) {
        self.state.lock().note(due);
        self.changed.notify_one();
    }

    /// Starts the thread that fires due entries, each to the recipient that `recipient_of` returns.
    /// The thread ends when the guard is dropped, or when the ledger is closed.
    pub fn start(
        self: &Arc<Self>,
        store: Arc<dyn ScheduleStore>,
        clock: Arc<SteadyClock>,
        recipient_of: RecipientOf,
    ) -> io::Result<Timer> {
        let alarm = self.clone();
        let thread = OwnedThread::start("schedule", move |_| {
            alarm.run(&*store, &clock, &recipient_of);
        })?;
        Ok(Timer {
            alarm: self.clone(),
            _thread: thread,
        })
    }

    fn run(&self, store: &dyn ScheduleStore, clock: &SteadyClock, recipient_of: &RecipientOf) {
        let mut state = self.state.lock();
        let mut ahead = clock.ahead();
        while !state.stopping {
            let now = clock.wall();
            let stands = clock.ahead();
            let set = ahead.as_millis() - stands.as_millis();
            if set != 0 {
                // Entries for a time after something are due at another time of day now.
                ahead = stands;
                state.note(WallTime::EPOCH);
                MutexGuard::unlocked(&mut state, || log_clock_set(set));
            }
            let wait = match state.next {
                Some(next) if next > now => next.since(now).min(LOOK),
                None => LOOK,
                Some(_) => {
                    // The answer may or may not have the entries that are made from here on.
                    state.next = None;
                    let began = Instant::now();
                    let fired = MutexGuard::unlocked(&mut state, || fire(store, now, recipient_of));
                    match next_step(fired, now) {
                        Some(NextStep { next, pause }) => {
                            next.into_iter().for_each(|next| state.note(next));
                            // Waits as long as the call took: the ledger has others to serve.
                            pause.unwrap_or_else(|| began.elapsed())
                        }
                        None => return,
                    }
                }
            };
            self.changed.wait_for(&mut state, wait);
        }
    }
}

/// Logs that the time of day was set by this many milliseconds, forward or back.
fn log_clock_set(by: i64) {
    tracing::warn!(
        by_ms = by,
        "the time of day was set; retries and requests are due as before",
    );
}

/// Fires the first entries that are due. Returns when the next entry is due.
fn fire(
    store: &dyn ScheduleStore,
    now: WallTime,
    recipient_of: &RecipientOf,
) -> Result<Option<WallTime>, LedgerError> {
    let DueEntries { entries, next } = store.due(now)?;
    if entries.is_empty() {
        return Ok(next);
    }
    let addressed = entries.into_iter().map(|due: DueEntry| {
        let event = due.entry.event(now);
        let recipient = recipient_of(due.entry.handler.clone(), &event);
        (due, recipient)
    });
    let Fired { events, left_out } = store.fire(now, addressed.collect())?;
    tracing::debug!(events, left_out, "scheduled events were due");
    // An entry that was left out may be due in another form.
    Ok(if left_out > 0 { Some(now) } else { next })
}

/// The next step after a call of the ledger.
struct NextStep {
    next: Option<WallTime>,
    pause: Option<Duration>,
}

/// The next step after a call of the ledger; `None` if the ledger is closed.
fn next_step(fired: Result<Option<WallTime>, LedgerError>, now: WallTime) -> Option<NextStep> {
    match fired {
        Ok(next) => Some(NextStep { next, pause: None }),
        Err(LedgerError::Closed) => None,
        Err(error) => {
            tracing::warn!(%error, "scheduled events wait for the ledger");
            Some(NextStep {
                next: Some(now),
                pause: Some(AFTER_ERROR),
            })
        }
    }
}

/// Owns the thread that waits for the alarm. The thread ends when the owner is dropped.
#[derive(Debug)]
pub struct Timer {
    alarm: Arc<Alarm>,
    _thread: OwnedThread,
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Then the drop of the field waits for the end of the thread.
        self.alarm.state.lock().stopping = true;
        self.alarm.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use bytes::Bytes;

    use super::*;
    use tollgate_base::event::{
        ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
    };
    use tollgate_base::time::ManualClock;
    use tollgate_ledger::{
        Attempt, AttemptOutcome, Completed, Completion, Due, Effects, LeasedDelivery,
        LeasedRequest, Ledger, LedgerSink, LedgerUrl, NewEvent, NewScheduled, NextState,
        OrderEffect, ScheduleWrite, open,
    };

    const START: WallTime = WallTime::from_millis(1_780_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);
    const TICK: Duration = Duration::from_millis(1);
    const PATIENCE: Duration = Duration::from_secs(30);

    struct Sink {
        alarm: Arc<Alarm>,
        deliveries: mpsc::Sender<LeasedDelivery>,
    }

    impl LedgerSink for Sink {
        fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
            for delivery in deliveries {
                self.deliveries.send(delivery).unwrap();
            }
        }

        fn released(&self, deliveries: Vec<LeasedDelivery>) {
            self.recorded(deliveries);
        }

        fn queued(&self, _: Vec<LeasedRequest>) {}

        fn scheduled(&self, due: WallTime) {
            self.alarm.set(due);
        }
    }

    fn unordered() -> RecipientOf {
        Arc::new(|handler, _| handler.into())
    }

    /// A ledger with its alarm. The thread that waits is in `timer`.
    struct Site {
        clock: ManualClock,
        alarm: Arc<Alarm>,
        ledger: Arc<dyn Ledger>,
        deliveries: mpsc::Receiver<LeasedDelivery>,
        timer: Option<Timer>,
        _folder: tempfile::TempDir,
    }

    impl Site {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = ManualClock::at(START);
            let alarm = Arc::new(Alarm::default());
            let (sender, deliveries) = mpsc::channel();
            let sink = Arc::new(Sink {
                alarm: alarm.clone(),
                deliveries: sender,
            });
            let url = LedgerUrl::Sqlite(folder.path().join("tollgate.db"));
            let ledger = open(&url, clock.steady(), sink).unwrap();
            Self {
                clock,
                alarm,
                ledger,
                deliveries,
                timer: None,
                _folder: folder,
            }
        }

        fn started() -> Self {
            let mut site = Self::new();
            let clock = site.clock.steady();
            site.timer = Some(
                site.alarm
                    .start(site.ledger.clone(), clock, unordered())
                    .unwrap(),
            );
            site
        }

        /// Lets a handler schedule an event under this key.
        fn schedule(&self, key: &str, due: Due) {
            let source = SourceName::new("test");
            let event = NewEvent {
                dedup: DedupKey::new(&source, &DedupBasis::SignedId(key.to_owned())),
                more_dedup: Vec::new(),
                equal_bytes: tollgate_ledger::EqualBytes::SameFact,
                form: tollgate_ledger::EventForm::Whole,
                event: Event {
                    id: EventId::generate(START),
                    source,
                    provider_id: None,
                    kind: "plan".into(),
                    subject: None,
                    account: None,
                    created: None,
                    received: START,
                    headers: Headers::default(),
                    metadata: Vec::new(),
                    depth: 0,
                    payload: Bytes::new(),
                },
                handlers: vec![HandlerName::new("h").into()],
            };
            let recorded = self.ledger.record(vec![event]);
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(recorded).unwrap();
            let delivery = self.next().unwrap();
            let put = NewScheduled {
                call: key.to_owned(),
                due,
                kind: "due".into(),
                subject: None,
                account: None,
                depth: 0,
                payload: Bytes::copy_from_slice(key.as_bytes()),
            };
            let effects = Effects {
                schedule: vec![(key.to_owned(), ScheduleWrite::Put(put))],
                ..Effects::default()
            };
            self.complete(&delivery, effects);
        }

        fn complete(&self, leased: &LeasedDelivery, effects: Effects) {
            let delivery = &leased.delivery;
            let (answer, answered) = mpsc::channel();
            let completion = Completion {
                delivery: delivery.id,
                token: leased.lease.token(),
                handler: delivery.handler.clone(),
                event: delivery.event.id,
                attempt: Attempt {
                    number: 1,
                    run: 0,
                    started: START,
                    duration_us: 1,
                    outcome: AttemptOutcome::Done,
                    detail: String::new(),
                    logs: String::new(),
                    component: ComponentDigest([7; 32]),
                },
                next: NextState::Done,
                reads: Vec::new(),
                exchanges: Vec::new(),
                effects,
                order: OrderEffect::default(),
            };
            let then = Box::new(move |result| answer.send(result).unwrap());
            self.ledger.complete_then(completion, then);
            assert_eq!(answered.recv().unwrap(), Ok(Completed::Committed));
        }

        fn next(&self) -> Option<LeasedDelivery> {
            self.deliveries.recv_timeout(PATIENCE).ok()
        }

        /// The key of what fires next.
        fn fires(&self) -> String {
            let delivery = self.next().expect("something fires").delivery;
            assert_eq!(delivery.event.kind, "due");
            String::from_utf8(delivery.event.payload.to_vec()).unwrap()
        }

        /// That nothing fires, although the clock was looked at since.
        fn nothing_fires(&self) {
            let quiet = self.deliveries.recv_timeout(LOOK + LOOK / 2);
            assert!(quiet.is_err(), "{quiet:?}");
        }
    }

    #[test]
    fn an_event_fires_when_the_clock_says_so() {
        let site = Site::started();
        site.schedule("later", Due::At(START + HOUR * 2));
        site.schedule("sooner", Due::At(START + HOUR));
        site.clock.advance(HOUR - TICK);
        site.nothing_fires();
        site.clock.advance(TICK);
        assert_eq!(site.fires(), "sooner");
        site.nothing_fires();
        site.clock.advance(HOUR);
        assert_eq!(site.fires(), "later");
    }

    #[test]
    fn an_entry_for_a_time_of_day_follows_the_clock_that_is_set() {
        let site = Site::started();
        site.schedule("a", Due::At(START + HOUR));
        site.clock.set(START - HOUR);
        site.clock.advance(HOUR * 2 - TICK);
        site.nothing_fires();
        site.clock.set(START + HOUR * 10);
        assert_eq!(site.fires(), "a");
    }

    #[test]
    fn an_entry_for_so_long_after_is_due_then_whatever_is_set() {
        let site = Site::started();
        site.schedule("a", Due::After(HOUR));
        site.clock.set(START + HOUR * 9);
        site.nothing_fires();
        site.schedule("b", Due::After(HOUR * 2));
        site.clock.set(START - HOUR * 9);
        site.nothing_fires();
        site.clock.advance(HOUR);
        assert_eq!(site.fires(), "a");
        site.nothing_fires();
        // As after a night in which the machine slept.
        site.clock.advance(HOUR * 9);
        assert_eq!(site.fires(), "b");
    }

    #[test]
    fn what_was_scheduled_before_the_start_fires() {
        let mut site = Site::new();
        site.schedule("a", Due::At(START));
        let clock = site.clock.steady();
        // As if another process had scheduled it: this one's alarm does not know of it.
        let alarm = Arc::new(Alarm::default());
        site.timer = Some(
            alarm
                .start(site.ledger.clone(), clock, unordered())
                .unwrap(),
        );
        assert_eq!(site.fires(), "a");
    }

    #[test]
    fn more_than_one_step_is_fired_without_waiting_for_the_clock() {
        let site = Site::started();
        let count = 450;
        for number in 0..count {
            site.schedule(&number.to_string(), Due::At(START + HOUR));
        }
        site.clock.set(START + HOUR);
        let fired: std::collections::BTreeSet<_> = (0..count).map(|_| site.fires()).collect();
        assert_eq!(fired.len(), count);
    }

    #[test]
    fn it_ends_with_the_ledger() {
        let site = Site::started();
        site.ledger.close();
        site.alarm.set(WallTime::EPOCH);
        drop(site);
    }
}
