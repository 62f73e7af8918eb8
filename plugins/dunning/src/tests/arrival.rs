//! Every order of arrival, and every repetition, leads to the same end.
//!
//! Which reminders go out on the way does depend on the order: one that comes after
//! its payment must not. What must hold in every order is checked by [`check`].

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollgate_handler::testing::{orders, with_repeats};

use super::*;

/// Runs the events in this order; checks what must hold whatever the order is.
fn check(events: &[Event]) -> Host {
    let mut host = host();
    let mut access = "granted".to_owned();
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for event in events {
        let before = phase(&host);
        let run = tell(&mut host, event);
        let now = phase(&host);
        for effect in effects(&run) {
            if let Some(change) = effect.strip_prefix("access ") {
                access = change.to_owned();
            }
            if effect.starts_with("payment_reminder") {
                assert!(matches!(now, Phase::Reminded(_)), "{effect} in {now}");
                let reminder = format!("{effect} {}", run.sent[0].json()["invoice"]);
                *times.entry(reminder).or_default() += 1;
            }
            if effect == "subscription.canceled" {
                *times.entry(effect).or_default() += 1;
            }
        }
        if before == Phase::Canceled {
            assert!(
                run.sent.is_empty() && run.emitted.is_empty(),
                "after the end: {run:?}"
            );
        }
        match now {
            Phase::Suspended => assert_eq!(access, "suspended"),
            Phase::Canceled => {}
            _ => assert_ne!(access, "suspended", "in {now}"),
        }
    }
    for (effect, count) in times {
        assert_eq!(count, 1, "{effect}");
    }
    host
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

/// Something that happens to a subscription; days are counted from the start.
#[derive(Clone, Debug)]
enum Happening {
    /// An attempt at an invoice fails; the attempts are three days apart.
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
            Happening::Deleted { day: at } => deleted(day(at)),
        }
    }
}

fn events(happenings: &[Happening]) -> Vec<Event> {
    happenings.iter().map(Happening::event).collect()
}

/// Anything within 60 days, to three invoices, with every status.
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
    prop_oneof![
        8 => (0..3_u32, 1..6_u32, prop::bool::weighted(0.2))
            .prop_map(|(invoice, attempt, last)| Happening::Failed { invoice, attempt, last }),
        2 => (0..3_u32, 0..60_i64).prop_map(|(invoice, day)| Happening::Paid { invoice, day }),
        4 => (status, 0..60_i64).prop_map(|(status, day)| Happening::Updated { status, day }),
        1 => (0..60_i64).prop_map(|day| Happening::Deleted { day }),
    ]
}

/// What happens, and in what order it is told, some of it more than once.
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_happens_converges((happenings, told) in any_arrival()) {
        prop_assert_eq!(facts(&check(&events(&told))), facts(&check(&events(&happenings))));
    }
}
