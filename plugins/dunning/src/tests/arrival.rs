//! Tests: all orders of arrival and all repetitions lead to the same end.
//!
//! The reminders on the way do depend on the order: a failure that arrives after its payment causes
//! none. [`check`] checks the rules that hold in every order.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tollgate_handler::testing::{orders, with_repeats};

use super::*;

/// Runs the events in this order. Checks the rules that hold in every order.
fn check(events: &[Event]) -> Host {
    let mut host = host();
    let mut seen = Seen::default();
    for event in events {
        let before = phase(&host);
        let run = tell(&mut host, event);
        seen.add(before, &run);
        seen.check_access(&host);
    }
    host
}

/// Like [`check`], with a number of days that pass before each event.
fn check_in_time(events: &[(Event, u8)]) -> Host {
    let mut host = host();
    let mut seen = Seen::default();
    for (event, days) in events {
        seen.pass(&mut host, u64::from(*days));
        let before = phase(&host);
        let run = tell(&mut host, event);
        seen.add(before, &run);
        seen.check_access(&host);
    }
    // This is longer than the time from a first failure to the suspension.
    seen.pass(&mut host, 100);
    assert!(
        host.scheduled().is_empty(),
        "nothing is scheduled at the end"
    );
    host
}

/// The effects so far.
#[derive(Default)]
struct Seen {
    /// The last change of the access.
    access: String,
    /// The number of each effect that must happen at most once.
    once: BTreeMap<String, u32>,
}

impl Seen {
    /// Lets days pass one by one, with the same checks.
    fn pass(&mut self, host: &mut Host, days: u64) {
        for _ in 0..days {
            let before = phase(host);
            let day = Duration::from_secs(DAY.unsigned_abs());
            let runs = host.advance(handle, day);
            assert!(runs.len() < 10, "woken again and again: {runs:?}");
            for run in runs {
                assert!(run.result.is_ok(), "{run:?}");
                self.add(before, &run);
            }
            self.check_access(host);
        }
    }

    /// Adds the effects of a run, and checks them.
    fn add(&mut self, before: Phase, run: &Run) {
        for (effect, sent) in effects(run).into_iter().zip(sent_or_none(run)) {
            if let Some(change) = effect.strip_prefix("access ") {
                change.clone_into(&mut self.access);
            }
            let known = match sent {
                Some(sent) if effect.starts_with("payment_reminder") => {
                    format!("{effect} {}", sent["invoice"])
                }
                _ if effect == "subscription.canceled" => effect,
                _ => continue,
            };
            let times = self.once.entry(known.clone()).or_default();
            *times += 1;
            assert_eq!(*times, 1, "{known}");
        }
        if before == Phase::Canceled {
            assert!(
                run.sent.is_empty() && run.emitted.is_empty(),
                "after the end: {run:?}"
            );
        }
    }

    /// Checks that the access suits the phase.
    fn check_access(&self, host: &Host) {
        match phase(host) {
            Phase::Suspended => assert_eq!(self.access, "suspended"),
            Phase::Canceled => {}
            now => assert_ne!(self.access, "suspended", "in {now}"),
        }
    }
}

/// Returns the bodies of a run's requests, then `None` for each emitted event.
fn sent_or_none(run: &Run) -> impl Iterator<Item = Option<Value>> {
    let sent = run.sent.iter().map(|sent| Some(sent.json()));
    sent.chain(run.emitted.iter().map(|_| None))
}

fn converges(events: &[Event], expected: Phase) {
    let end = check(events);
    assert_eq!(phase(&end), expected);
    for order in orders(events) {
        assert_eq!(facts(&check(&order)), facts(&end));
        for repeated in with_repeats(&order) {
            assert_eq!(facts(&check(&repeated)), facts(&end));
        }
    }
}

#[test]
fn paid_in_the_end() {
    let events = [
        failed("in_1", 1, START),
        updated("past_due", START),
        failed("in_1", 2, START + 3 * DAY),
        paid("in_1", START + 4 * DAY),
        updated("active", START + 4 * DAY),
    ];
    converges(&events, Phase::Active);
}

#[test]
fn never_paid() {
    let events = [
        failed("in_1", 1, START),
        failed("in_1", 3, START + 6 * DAY),
        failed_at_last("in_1", 4, START + 9 * DAY),
        updated("past_due", START),
        updated("past_due", START + 17 * DAY),
    ];
    converges(&events, Phase::Suspended);
}

#[test]
fn still_in_grace() {
    let events = [
        updated("active", START - DAY),
        failed("in_1", 1, START),
        failed("in_1", 4, START + 9 * DAY),
        failed("in_1", 5, START + 10 * DAY),
        paid("in_0", START - 30 * DAY),
    ];
    converges(
        &events,
        Phase::Grace {
            until: START + 16 * DAY,
        },
    );
}

#[test]
fn canceled_on_the_way() {
    let events = [
        failed_at_last("in_1", 1, START),
        updated("unpaid", START + DAY),
        deleted(START + 2 * DAY),
        paid("in_1", START + 3 * DAY),
        updated("active", START + 3 * DAY),
    ];
    converges(&events, Phase::Canceled);
}

fn at_once(events: &[Event]) -> Vec<(Event, u8)> {
    events.iter().map(|event| (event.clone(), 0)).collect()
}

/// Something that happens to a subscription. Days count from the start.
#[derive(Clone, Debug)]
enum Happening {
    /// An attempt to collect an invoice fails. The attempts are three days apart.
    Failed {
        invoice: u32,
        attempt: u32,
        last: bool,
    },
    Paid {
        invoice: u32,
        day: i64,
    },
    Updated {
        status: &'static str,
        day: i64,
    },
    /// An invoice is voided, is written off, or needs the customer.
    Reported {
        kind: &'static str,
        invoice: u32,
        day: i64,
    },
    /// An event about an invoice that the customer pays by themselves. It is due two weeks later.
    Billed {
        kind: &'static str,
        day: i64,
    },
    Deleted {
        day: i64,
    },
}

impl Happening {
    fn event(&self) -> Event {
        let day = |day: i64| START + day * DAY;
        match *self {
            Happening::Failed {
                invoice,
                attempt,
                last,
            } => {
                let at = day(i64::from(invoice * 20 + attempt * 3));
                let report = if last { failed_at_last } else { failed };
                report(&format!("in_{invoice}"), attempt, at)
            }
            Happening::Paid { invoice, day: at } => paid(&format!("in_{invoice}"), day(at)),
            Happening::Updated { status, day: at } => updated(status, day(at)),
            Happening::Reported {
                kind,
                invoice: id,
                day: at,
            } => invoice(kind, &format!("in_{id}"), day(at), 1, None),
            Happening::Billed { kind, day: at } => bill(kind, "in_bill", day(at), day(at + 14)),
            Happening::Deleted { day: at } => deleted(day(at)),
        }
    }
}

fn events(happenings: &[Happening]) -> Vec<Event> {
    happenings.iter().map(Happening::event).collect()
}

/// Any happening within 60 days, with three invoices and every status.
fn anything() -> impl Strategy<Value = Happening> {
    let status = prop::sample::select(vec![
        "trialing",
        "active",
        "past_due",
        "unpaid",
        "paused",
        "incomplete",
        "something_new",
    ]);
    let report = prop::sample::select(vec![
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.payment_action_required",
    ]);
    let of_bill = prop::sample::select(vec![
        "invoice.sent",
        "invoice.overdue",
        "invoice.payment_failed",
        "invoice.paid",
        "invoice.voided",
    ]);
    prop_oneof![
        8 => (0..3_u32, 1..6_u32, prop::bool::weighted(0.2))
            .prop_map(|(invoice, attempt, last)| Happening::Failed { invoice, attempt, last }),
        2 => (0..3_u32, 0..60_i64).prop_map(|(invoice, day)| Happening::Paid { invoice, day }),
        2 => (report, 0..3_u32, 0..60_i64)
            .prop_map(|(kind, invoice, day)| Happening::Reported { kind, invoice, day }),
        2 => (of_bill, 0..60_i64).prop_map(|(kind, day)| Happening::Billed { kind, day }),
        4 => (status, 0..60_i64).prop_map(|(status, day)| Happening::Updated { status, day }),
        1 => (0..60_i64).prop_map(|day| Happening::Deleted { day }),
    ]
}

/// Happenings, and the same ones in an order of arrival, some of them repeated.
fn any_arrival() -> impl Strategy<Value = (Vec<Happening>, Vec<Happening>)> {
    prop::collection::vec(anything(), 1..14).prop_flat_map(|happenings| {
        let repeats = prop::collection::vec(prop::sample::select(happenings.clone()), 0..4);
        let first = happenings.clone();
        let told =
            repeats.prop_flat_map(move |more| Just([first.clone(), more].concat()).prop_shuffle());
        (Just(happenings), told)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    #[test]
    fn whatever_happens_converges((happenings, told) in any_arrival()) {
        prop_assert_eq!(facts(&check(&events(&told))), facts(&check(&events(&happenings))));
    }

    #[test]
    fn whenever_it_is_told_the_end_is_the_same(
        (happenings, told) in any_arrival(),
        days in prop::collection::vec(0..9_u8, 20),
    ) {
        let end = check_in_time(&at_once(&events(&happenings)));
        let told = events(&told).into_iter().zip(days);
        let other = check_in_time(&told.collect::<Vec<_>>());
        prop_assert_eq!(phase(&other), phase(&end));
    }
}
