//! Tests of the schedule.

use std::time::Duration;

use serde_json::json;

use super::{refused, refused_by, run};
use crate::testing::{Host, event};
use crate::{Error, Event, Failure, Outcome, ScheduleProblem, done, log, retry, schedule};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Logs its event, then schedules the events that the payload names: pairs of key and days.
fn planner(event: Event) -> Result<Outcome, Failure> {
    log::info!(
        "ran",
        kind = event.kind,
        key = event.scheduled().unwrap_or("-"),
        cause = event.fact("cause").unwrap_or("-"),
        created = event.created_ms.unwrap_or(0),
        received = event.received_ms
    );
    let plan: Vec<(String, u32)> = event.json().unwrap_or_default();
    for (key, days) in plan {
        schedule::after(DAY * days, "planned")
            .json(&json!([["next", 1]]))
            .put(&key)?;
    }
    done()
}

fn keys(host: &Host) -> Vec<&str> {
    host.scheduled().keys().map(String::as_str).collect()
}

#[test]
fn what_is_scheduled_runs_when_it_is_due() {
    let mut host = Host::new();
    let first = event("plan", &json!([["b", 3], ["a", 1]]));
    host.run(planner, first.clone());
    let start = host.now_ms();
    assert_eq!(start, first.received_ms);
    assert_eq!(keys(&host), ["a", "b"]);
    assert_eq!(host.advance(planner, DAY - Duration::from_millis(1)), []);

    let runs = host.advance(planner, Duration::from_millis(1));
    let [run] = &runs[..] else { panic!("{runs:?}") };
    let line = &run.logs[0];
    assert_eq!(line.field("key"), Some("a"));
    assert_eq!(line.field("kind"), Some("planned"));
    assert_eq!(line.field("cause"), Some(first.id.as_str()));
    let due = (start + 86_400_000).to_string();
    assert_eq!(line.field("created"), Some(due.as_str()));
    assert_eq!(line.field("received"), Some(due.as_str()));
    // The run scheduled `next`, which is due before `b`. `b` puts `next` again, so the `next` that
    // was due together with `b` moves one day on.
    let runs = host.advance(planner, 2 * DAY);
    let ran: Vec<_> = runs.iter().map(|run| run.logs[0].field("key")).collect();
    assert_eq!(ran, [Some("next"), Some("b")]);
    assert_eq!(host.now_ms(), start + 3 * 86_400_000);
    assert_eq!(host.scheduled()["next"].due_ms, start + 4 * 86_400_000);
}

#[test]
fn a_schedule_is_replaced_cancelled_and_committed_as_all_effects_are() {
    let mut host = Host::new();
    run(&mut host, || {
        schedule::after(DAY, "first").put("a")?;
        schedule::after(3 * DAY, "second").subject("s").put("a")?;
        schedule::at_ms(0, "past").payload("x").put("b")?;
        schedule::after(DAY, "gone").put("c")?;
        schedule::cancel("c")?;
        schedule::cancel("none")
    });
    assert_eq!(keys(&host), ["a", "b"]);
    let second = &host.scheduled()["a"];
    assert_eq!(second.event.kind, "second");
    assert_eq!(second.event.subject.as_deref(), Some("s"));
    assert_eq!(second.due_ms, host.now_ms() + 3 * 86_400_000);
    assert_eq!(
        host.scheduled()["b"].due_ms,
        host.now_ms(),
        "a time that has passed is now"
    );
    let before = host.scheduled().clone();
    host.run(
        |_| -> Result<Outcome, Failure> {
            schedule::cancel("a")?;
            schedule::after(DAY, "never").put("d")?;
            Err(retry("later"))
        },
        event("other", &json!({})),
    );
    assert_eq!(*host.scheduled(), before);
    let failing = |_| Err::<Outcome, _>(retry("later"));
    assert_eq!(host.advance(failing, DAY).len(), 1);
    assert_eq!(keys(&host), ["a"], "one that failed is not run again");
}

#[test]
fn what_cannot_be_scheduled_is_refused() {
    let why = |problem: ScheduleProblem| {
        let key = match problem {
            ScheduleProblem::InvalidKey => "",
            _ => "k",
        };
        Error::Schedule {
            key: key.into(),
            problem,
        }
        .to_string()
    };
    assert_eq!(
        refused(|| schedule::after(DAY, "e").put("")),
        why(ScheduleProblem::InvalidKey)
    );
    assert_eq!(
        refused(|| schedule::cancel("")),
        why(ScheduleProblem::InvalidKey)
    );
    assert_eq!(
        refused_by(Host::new().effects_limit(10), || {
            schedule::after(DAY, "e").payload("0123456789").put("k")
        }),
        why(ScheduleProblem::TooLarge)
    );
    for late in [
        schedule::after(401 * DAY, "e"),
        schedule::after(Duration::MAX, "e"),
        schedule::at_ms(u64::MAX, "e"),
        schedule::after(DAY, ""),
    ] {
        assert!(refused(|| late.put("k")).starts_with("schedule key \"k\": "));
    }
}
