//! Tests of the ends of a run: the results, and which effects are committed.

use std::time::Duration;

use super::{any, run};
use crate::log::Level;
use crate::testing::Host;
use crate::{Failure, Outcome, done, emit, ignored, log, outbox, reject, retry, state};

#[test]
fn all_is_committed_or_nothing() {
    let mut host = Host::new();
    let act = |end: Result<Outcome, Failure>| {
        move |_| -> Result<Outcome, Failure> {
            state::set("key", "value")?;
            state::add("count", 2)?;
            outbox::put("https://a.example/x").send()?;
            emit::event("thing.done").send()?;
            log::warn!("was here");
            end
        }
    };
    for end in [Err(retry("later")), Err(reject("never"))] {
        let run = host.run(act(end.clone()), any());
        assert_eq!(run.result, end);
        assert!(run.sent.is_empty() && run.emitted.is_empty());
        assert!(host.state().is_empty() && host.sent.is_empty() && host.emitted.is_empty());
        assert_eq!(
            (run.logs[0].level, run.logs[0].message.as_str()),
            (Level::Warn, "was here")
        );
    }
    for end in [done(), ignored("no matter")] {
        let run = host.run(act(end), any());
        assert_eq!((run.sent.len(), run.emitted.len()), (1, 1));
    }
    assert_eq!(host.get::<String>("key").as_deref(), Some("value"));
    assert_eq!(
        (host.counter("count"), host.sent.len(), host.emitted.len()),
        (4, 2, 2)
    );
}

#[test]
fn a_panic_leaves_nothing_and_the_next_run_is_clean() {
    let mut host = Host::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&mut host, || {
            state::add("count", 1)?;
            panic!("oh");
        })
    }));
    assert!(panicked.is_err() && host.state().is_empty());
    assert_eq!(
        run(&mut host, || state::add("count", 1)).result,
        Ok(Outcome::Done)
    );
    assert_eq!(host.counter("count"), 1);
}

#[test]
fn keys_are_the_same_on_every_attempt_and_new_on_a_replay() {
    let mut host = Host::new();
    let keys = |host: &mut Host, end: Result<Outcome, Failure>| {
        let mut keys = Vec::new();
        host.run(
            |_| -> Result<Outcome, Failure> {
                for _ in 0..300 {
                    keys.push(outbox::delete("https://a.example/").send()?);
                    keys.push(emit::event("e").send()?);
                }
                end
            },
            any(),
        );
        keys
    };
    let failed = keys(&mut host, Err(retry("once more")));
    let succeeded = keys(&mut host, done());
    let replayed = keys(&mut host, done());
    assert_eq!(failed, succeeded);
    let distinct: std::collections::BTreeSet<_> = succeeded.iter().chain(&replayed).collect();
    assert_eq!(distinct.len(), 1200);
}

#[test]
fn a_retry_may_name_its_time() {
    let Failure::Retry(plain) = retry("busy") else {
        panic!()
    };
    assert_eq!((plain.reason.as_str(), plain.after_ms), ("busy", None));
    let Failure::Retry(timed) = retry("busy").after(Duration::from_secs(90)) else {
        panic!()
    };
    assert_eq!(timed.after_ms, Some(90_000));
    assert_eq!(reject("no").after(Duration::from_secs(1)), reject("no"));
}

#[test]
fn lines_carry_captures_and_fields() {
    let order = "A-1";
    let run = run(&mut Host::new(), || {
        log::error!("order {order}", amount = 5 + 5, currency = "eur");
        log::trace!("bare");
        Ok(())
    });
    assert_eq!(
        (run.logs[0].message.as_str(), run.logs[0].level),
        ("order A-1", Level::Error)
    );
    assert_eq!(
        (run.logs[0].field("amount"), run.logs[0].field("currency")),
        (Some("10"), Some("eur"))
    );
    assert_eq!(
        (run.logs[1].field("amount"), run.logs[1].level),
        (None, Level::Trace)
    );
}
