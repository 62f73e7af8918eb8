//! What every engine must do, as tests against the trait.
//!
//! [`suite!`] makes one test of each scenario for an engine. A scenario opens its
//! store through [`Engine`], so that it can close it and open it again.

pub(super) mod clock;
pub(super) mod complete;
pub(super) mod excuse;
pub(super) mod intervene;
pub(super) mod leases;
pub(super) mod model;
pub(super) mod order;
pub(super) mod outbox;
pub(super) mod record;
pub(super) mod records;
pub(super) mod retention;
pub(super) mod schedule;
pub(super) mod state;
pub(super) mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;

use super::*;
use tollgate_base::event::{
    ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::time::{ManualClock, SteadyTime, WallTime};

/// A store that a scenario opens, closes (by dropping the ledger) and opens again.
pub(super) trait Engine {
    /// Opens the one store of this engine.
    fn open(&self, clock: ManualClock, sink: Arc<dyn LedgerSink>) -> Arc<dyn Ledger>;

    /// Ends the ledger as the end of its process does: without a close.
    fn crash(&self, ledger: Arc<dyn Ledger>);
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The time at which scenarios begin.
pub(super) const START: WallTime = WallTime::from_millis(MILLIS);
/// That moment by the steady clock, which goes on from there whatever is set.
pub(super) const STEADY: SteadyTime = SteadyTime::from_millis(MILLIS);
const MILLIS: u64 = 1_780_000_000_000;
/// Later than anything is due.
pub(super) const LATEST: SteadyTime = SteadyTime::from_millis(u64::MAX >> 1);

/// An open ledger with what its sink was given.
pub(super) struct Open {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) sink: Arc<Collected>,
    pub(super) clock: ManualClock,
}

/// The result of firing what was due.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct FiredStep {
    pub(super) events: u64,
    /// When the next entry is due.
    pub(super) next: Option<WallTime>,
}

/// A sink that keeps what it is given, and the leases that the scenario holds.
#[derive(Default)]
pub(super) struct Collected {
    deliveries: Mutex<Vec<Delivery>>,
    released: Mutex<Vec<Delivery>>,
    leases: Mutex<HashMap<DeliverySeq, (HandlerName, Lease<DeliverySeq>)>>,
    requests: Mutex<Vec<OutboxRequest>>,
    scheduled: Mutex<Option<WallTime>>,
}

impl LedgerSink for Collected {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.deliveries.lock().extend(self.hold(deliveries));
    }

    fn released(&self, deliveries: Vec<LeasedDelivery>) {
        self.released.lock().extend(self.hold(deliveries));
    }

    fn queued(&self, requests: Vec<OutboxRequest>) {
        self.requests.lock().extend(requests);
    }

    fn scheduled(&self, due: WallTime) {
        *self.scheduled.lock() = Some(due);
    }
}

impl Collected {
    /// Keeps the leases.
    fn hold(&self, leased: Vec<LeasedDelivery>) -> Vec<Delivery> {
        let mut leases = self.leases.lock();
        let hold = |LeasedDelivery { delivery, lease }| {
            let held = (delivery.handler.clone(), lease);
            leases.insert(delivery.seq, held);
            delivery
        };
        leased.into_iter().map(hold).collect()
    }

    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries.lock())
    }

    pub(super) fn released(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.released.lock())
    }

    pub(super) fn requests(&self) -> Vec<OutboxRequest> {
        std::mem::take(&mut self.requests.lock())
    }

    pub(super) fn scheduled(&self) -> Option<WallTime> {
        self.scheduled.lock().take()
    }
}

impl Open {
    pub(super) fn new(engine: &dyn Engine) -> Self {
        Self::with(engine, ManualClock::at(START))
    }

    fn with(engine: &dyn Engine, clock: ManualClock) -> Self {
        let sink = Arc::<Collected>::default();
        Self {
            ledger: engine.open(clock.clone(), sink.clone()),
            sink,
            clock,
        }
    }

    /// Closes the ledger and opens it again, an hour later.
    pub(super) fn reopen(self, engine: &dyn Engine) -> Self {
        let clock = self.clock.clone();
        drop(self);
        clock.advance(ms(3_600_000));
        Self::with(engine, clock)
    }

    pub(super) fn record(&self, events: Vec<NewEvent>) -> Vec<Recorded> {
        block_on(self.ledger.record(events)).unwrap()
    }

    /// Records one event for these handlers and returns its deliveries.
    pub(super) fn deliver(&self, id: &str, handlers: &[&str]) -> Vec<Delivery> {
        let recorded = self.record(vec![event(id, b"{}", handlers)]);
        assert!(matches!(recorded[..], [Recorded::New(_)]));
        self.sink.deliveries()
    }

    /// Completes under the lease that the scenario holds or, where it holds none, under one
    /// that it claims; without a lease if it gets none.
    pub(super) fn complete(&self, mut completion: Completion) -> Result<Completed, LedgerError> {
        let delivery = completion.delivery;
        if self.leases(delivery, &completion.handler) {
            completion.token = self.under(delivery, Lease::token);
        }
        let answer = self.complete_as(completion);
        let goes_on = matches!(
            answer,
            Ok(Completed::Conflict | Completed::Inapplicable(_)) | Err(_)
        );
        if !goes_on {
            self.sink.leases.lock().remove(&delivery);
        }
        answer
    }

    /// Completes under the token that the completion names.
    pub(super) fn complete_as(&self, completion: Completion) -> Result<Completed, LedgerError> {
        let (answer, answered) = mpsc::channel();
        self.ledger.complete_then(
            completion,
            Box::new(move |result| answer.send(result).unwrap()),
        );
        answered.recv().expect("the callback is called")
    }

    /// Whether the scenario holds a lease of the delivery, or gets one now.
    pub(super) fn leases(&self, delivery: DeliverySeq, of: &HandlerName) -> bool {
        let holds = || self.sink.leases.lock().contains_key(&delivery);
        holds() || {
            let claimed = self.claim(of, LATEST);
            self.sink.hold(claimed);
            holds()
        }
    }

    /// Does something with the lease that the scenario holds.
    pub(super) fn under<T>(
        &self,
        delivery: DeliverySeq,
        act: impl FnOnce(&Lease<DeliverySeq>) -> T,
    ) -> T {
        // The ledger may give the sink further ones meanwhile.
        let (of, lease) = self.sink.leases.lock().remove(&delivery).unwrap();
        let came = act(&lease);
        self.sink.leases.lock().insert(delivery, (of, lease));
        came
    }

    /// Does something with a lease of the delivery, which the scenario gets now if it holds none.
    pub(super) fn leased<T>(
        &self,
        delivery: &Delivery,
        act: impl FnOnce(&Lease<DeliverySeq>) -> T,
    ) -> T {
        assert!(self.leases(delivery.seq, &delivery.handler), "{delivery:?}");
        self.under(delivery.seq, act)
    }

    /// Gives a delivery up, and its lease with it.
    pub(super) fn give_up(&self, delivery: &Delivery, turn: Turn) {
        self.leased(delivery, |lease| self.ledger.give_up(lease, turn))
            .unwrap();
        self.sink.leases.lock().remove(&delivery.seq);
    }

    /// Claims all that may run at `now` and that nobody holds.
    pub(super) fn claim(&self, of: &HandlerName, now: SteadyTime) -> Vec<LeasedDelivery> {
        let all = usize::MAX >> 1;
        let claimed = self.ledger.claim(of, now, 10_000, all).unwrap();
        assert!(!claimed.more);
        claimed.leased
    }

    /// Gives all leases of a handler back, but for deliveries that are to be kept.
    pub(super) fn give_back(&self, of: &str, keep: impl Fn(DeliverySeq) -> bool) {
        let mut leases = self.sink.leases.lock();
        leases.retain(|delivery, (handler, _)| handler.as_str() != of || keep(*delivery));
    }

    /// Registers these handlers; how many deliveries became held, and pending again.
    pub(super) fn serve(&self, handlers: &[&str]) -> (u64, u64) {
        let handlers: Vec<_> = handlers.iter().map(|name| handler(name)).collect();
        let Served { held, resumed } = self.ledger.serve(&handlers).unwrap();
        (held, resumed)
    }

    pub(super) fn settle(&self, settlement: Settlement) {
        let (answer, answered) = mpsc::channel();
        self.ledger.settle(
            settlement,
            Box::new(move |result| answer.send(result).unwrap()),
        );
        answered.recv().expect("the callback is called").unwrap();
    }

    /// Fires the first entries that are due, without an order.
    pub(super) fn fire(&self, now: WallTime) -> FiredStep {
        self.fire_to(now, |entry| entry.handler.clone().into())
    }

    /// Fires the first entries that are due, each to its recipient. Nothing changes in between,
    /// so no entry is left out.
    pub(super) fn fire_to(&self, now: WallTime, to: impl Fn(&Scheduled) -> Recipient) -> FiredStep {
        let DueEntries { entries, next } = self.ledger.due(now).unwrap();
        let addressed = entries.into_iter().map(|due| {
            let recipient = to(&due.entry);
            (due, recipient)
        });
        let fired = self.ledger.fire(now, addressed.collect()).unwrap();
        assert_eq!(fired.left_out, 0);
        FiredStep {
            events: fired.events,
            next,
        }
    }

    /// All that a handler may run whatever the time. The scenario holds the leases.
    pub(super) fn pending(&self, of: &str) -> Vec<Delivery> {
        self.due(of, SteadyTime::ZERO)
    }

    /// All that a handler may run at `now`. The scenario holds the leases.
    pub(super) fn due(&self, of: &str, now: SteadyTime) -> Vec<Delivery> {
        self.due_beside(of, now, |_| false)
    }

    /// The same, but for deliveries of which the scenario is to keep its leases.
    pub(super) fn due_beside(
        &self,
        of: &str,
        now: SteadyTime,
        keep: impl Fn(DeliverySeq) -> bool,
    ) -> Vec<Delivery> {
        self.give_back(of, keep);
        let claimed = self.claim(&handler(of), now);
        self.sink.hold(claimed)
    }

    pub(super) fn deliveries_in(&self, state: DeliveryState) -> u64 {
        let counts = self.ledger.counts().unwrap();
        counts
            .deliveries
            .iter()
            .find(|(of, _)| *of == state)
            .unwrap()
            .1
    }

    pub(super) fn outbox_in(&self, state: OutboxState) -> u64 {
        let counts = self.ledger.counts().unwrap();
        counts.outbox.iter().find(|(of, _)| *of == state).unwrap().1
    }

    pub(super) fn value(&self, of: &str, key: &str) -> Option<Vec<u8>> {
        self.ledger.state_get(&handler(of), key).unwrap().value
    }
}

/// Waits until something holds that the ledger does by itself.
pub(super) fn until(holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "it takes too long");
        std::thread::sleep(ms(20));
    }
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

pub(super) fn handler(name: &str) -> HandlerName {
    HandlerName::new(name)
}

/// An event of source `stripe` with this provider's id.
pub(super) fn event(id: &str, payload: &[u8], handlers: &[&str]) -> NewEvent {
    event_of("stripe", id, payload, handlers)
}

pub(super) fn event_of(source: &str, id: &str, payload: &[u8], handlers: &[&str]) -> NewEvent {
    let source = SourceName::new(source);
    NewEvent {
        dedup: DedupKey::new(&source, &DedupBasis::SignedId(id.to_owned())),
        also: Vec::new(),
        event: Event {
            id: EventId::generate(START),
            source,
            provider_id: Some(id.to_owned()),
            kind: "payment_intent.succeeded".to_owned(),
            subject: Some("pi_1".to_owned()),
            account: None,
            created: Some(START - ms(1000)),
            received: START,
            headers: Headers::from_iter([
                ("content-type", "application/json"),
                ("x-twice", "a"),
                ("x-twice", "b\"\u{1f600}"),
            ]),
            metadata: vec![("cause".into(), "test".into())],
            depth: 0,
            payload: Bytes::copy_from_slice(payload),
        },
        handlers: handlers.iter().map(|name| handler(name).into()).collect(),
    }
}

/// An event that is known by each of these keys.
pub(super) fn event_with_keys(source: &str, keys: &[&str]) -> NewEvent {
    let mut new = event_of(source, keys[0], b"{}", &[]);
    let source = &new.event.source;
    let key = |id: &&str| DedupKey::new(source, &DedupBasis::SignedId((*id).to_owned()));
    new.also = keys[1..].iter().map(key).collect();
    new
}

/// The end of a delivery's next attempt, without effects.
pub(super) fn ending(delivery: &Delivery, next: NextState) -> Completion {
    Completion {
        delivery: delivery.seq,
        // `Open::complete` has the real one.
        token: Token::default(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            number: delivery.attempts + 1,
            run: delivery.run,
            started: START + ms(delivery.attempts.into()),
            duration_us: 1500,
            outcome: match next {
                NextState::Done => AttemptOutcome::Done,
                NextState::Ignored => AttemptOutcome::Ignored,
                NextState::Retrying { .. } => AttemptOutcome::Retry,
                NextState::Dead => AttemptOutcome::Reject,
            },
            detail: "because".to_owned(),
            logs: "{\"level\":\"info\"}\n".to_owned(),
            component: ComponentDigest([7; 32]),
        },
        next,
        reads: Vec::new(),
        effects: Effects::default(),
        turn: Turn::default(),
    }
}

/// The end of an attempt that wrote these keys.
pub(super) fn writing(delivery: &Delivery, writes: &[(&str, StateWrite)]) -> Completion {
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.state = writes
        .iter()
        .map(|(key, write)| ((*key).to_owned(), write.clone()))
        .collect();
    completion
}

pub(super) fn set(value: &str) -> StateWrite {
    StateWrite::Set(value.as_bytes().to_vec())
}

/// A request for the outbox.
pub(super) fn request(key: &str) -> NewRequest {
    NewRequest {
        key: key.to_owned(),
        method: "POST".to_owned(),
        url: "https://crm.example.com/orders".to_owned(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: Bytes::from_static(b"{\"order\":1}"),
        order_key: Some("order-1".to_owned()),
        respond: None,
    }
}

/// One test of each scenario, for the engine that the expression makes anew.
macro_rules! suite {
    ($engine:expr, { $($module:ident :: { $($scenario:ident),+ $(,)? }),+ $(,)? }) => {
        $(mod $module {
            use super::*;
            $(#[test]
            fn $scenario() {
                $crate::conformance::$module::$scenario(&$engine);
            })+
        })+
    };
    ($engine:expr) => {
        $crate::conformance::suite!($engine, {
            record::{
                what_is_recorded_is_handed_out_and_read_back,
                a_duplicate_is_recorded_once_and_counted,
                duplicates_within_one_request_and_one_batch,
                one_request_with_new_and_known_events,
                an_event_with_several_keys_is_known_by_any_of_them,
                several_keys_within_one_request,
                an_unrouted_event_is_kept_and_counted,
                many_callers_are_all_answered,
            },
            complete::{
                an_attempt_moves_the_delivery_on,
                an_ended_delivery_is_not_completed_again,
                an_attempt_out_of_turn_changes_nothing,
                effects_of_a_failed_attempt_are_not_applied,
                emitted_events_are_recorded_once,
            },
            state::{
                writes_are_read_back_and_versions_never_repeat,
                a_value_that_changed_since_is_a_conflict,
                a_key_that_appeared_since_is_a_conflict,
                a_deleted_and_set_key_is_a_conflict,
                a_listing_that_changed_since_is_a_conflict,
                adding_never_conflicts,
                adding_to_no_counter_changes_nothing,
                a_counter_loses_no_update,
                listings_are_in_byte_order,
                handlers_do_not_share_state,
            },
            outbox::{
                requests_go_out_in_commit_order,
                a_settled_request_is_not_settled_again,
                requests_are_listed_newest_first,
                an_answer_is_recorded_with_the_end_of_its_request,
                a_dead_request_is_sent_again_behind_all_others,
                a_waiting_request_is_made_due,
                a_cancelled_request_tells_its_handler,
            },
            schedule::{
                what_is_scheduled_is_recorded_when_due,
                a_put_replaces_and_a_cancel_removes,
                a_failed_attempt_schedules_nothing,
                a_run_with_the_same_keys_is_recorded_once,
                a_handler_has_so_many_entries_at_most,
                nothing_is_scheduled_beyond_the_horizon,
                many_that_are_due_come_in_steps,
                an_absent_handlers_scheduled_event_is_held,
                entries_that_were_read_and_not_fired_are_due_after_a_crash,
                an_entry_that_changed_since_it_was_read_is_left_out,
                an_entry_is_fired_once_by_all_who_read_it,
            },
            waiting::{
                retries_are_found_when_due,
                pauses_are_remembered,
                the_backlog_is_what_waits,
                pending_is_read_in_bounds,
                absent_handlers_are_held_and_released,
                a_delivery_held_while_it_ran_completes,
                what_runs_alone_is_due_again_after_a_clean_end,
                everything_is_there_after_reopening,
            },
            leases::{
                nobody_else_gets_what_is_leased,
                what_is_given_back_can_be_claimed_again,
                a_stale_token_commits_nothing,
                a_lease_outlives_a_conflict_and_ends_with_a_commit,
                what_a_commit_hands_out_is_leased_by_it,
                a_claim_takes_some_of_each_kind,
                a_held_delivery_is_claimed_once_it_is_served,
                a_lease_does_not_outlive_its_process,
            },
            clock::{
                what_is_due_at_once_is_so_whatever_was_set,
                due_times_go_on_in_the_next_process,
                with_nothing_due_they_begin_at_the_time_of_day,
                what_waits_is_as_old_as_it_is,
                a_clock_that_is_set_forward_prunes_nothing,
                due_times_are_shown_by_the_time_of_day_that_is_set,
            },
            retention::{
                what_ended_is_pruned_in_its_time,
                what_has_not_ended_is_never_pruned,
                keys_outlive_their_events,
                several_keys_go_with_their_event,
                keys_of_emitted_events_outlive_who_could_emit_them,
                numbers_are_not_given_again,
                payloads_are_erased_once_done,
                an_event_is_erased_on_demand,
                many_are_pruned_in_small_steps,
                a_sweep_ends_though_more_falls_due_meanwhile,
                what_handlers_make_is_erased_as_they_say,
                erasing_an_event_empties_what_it_scheduled,
            },
            excuse::{
                what_a_component_at_fault_failed_is_due_again,
                a_great_many_are_excused_in_steps,
                a_cancelled_request_keeps_no_delivery_back,
            },
            intervene::{
                an_ended_delivery_runs_again,
                an_attempt_of_an_earlier_run_is_stale,
                an_open_delivery_is_cancelled_and_stays_listed,
                a_retry_is_brought_forward,
                a_step_that_is_asked_for_twice_is_done_once,
                the_recorded_component_is_what_the_last_attempt_ran,
                an_event_is_routed_to_who_has_not_had_it,
            },
            records::{
                lists_are_read_page_by_page,
                a_walk_ends_where_it_is_told_to,
                a_cursor_is_of_one_list,
            },
            order::{
                later_ones_of_a_key_wait_for_their_turn,
                one_that_is_tried_again_holds_its_key,
                a_dead_one_holds_its_key_where_that_is_asked_for,
                one_that_is_given_up_makes_way,
                the_order_outlives_a_restart,
                what_is_held_keeps_its_order,
                behind_a_dead_one_of_an_absent_handler_is_held,
                the_newest_is_forgotten_with_what_it_is_compared_to,
                the_newest_stays_while_something_older_is_kept,
                a_crash_lets_nobody_past,
                an_older_one_is_not_done_after_a_newer_one,
                what_an_operator_does_keeps_the_order,
                random_histories_keep_the_order,
            },
            model::{random_histories_match_the_model},
        });
    };
}
pub(super) use suite;
