//! The outcome of one run: its end, its requests, its events and its writes.

use std::collections::BTreeMap;

use tollgate_ledger::{NewRequest, RecordedEnd, without_query};
use tollgate_sandbox::{Run, Written};

use super::difference::{Difference, Effect, compare, compare_all, shorten};
use crate::telemetry::traces::is_of_trace;

/// The outcome of one run.
pub(super) struct RunOutcome {
    outcome: String,
    /// The handler's reason for the outcome. Empty if the reason is not the handler's: the
    /// gateway's text about a trap is not compared.
    reason: String,
    requests: Vec<Effect>,
    emitted: Vec<Effect>,
    /// `None` for a recorded run, because the record has no scheduled events.
    scheduled: Option<Vec<Effect>>,
    /// `None` for a recorded run, because the record has no state.
    state: Option<BTreeMap<String, Effect>>,
}

impl RunOutcome {
    /// The outcome of a run, with the values that the run wrote to the state.
    pub(super) fn of(run: Run, written: Option<Written>) -> Self {
        let (outcome, reason) = run.end.name_and_detail();
        let Some(written) = written else {
            // The ledger would refuse the commit of such a run with all its effects.
            return Self::failed("`add` to a value in state that is no counter");
        };
        let effects = run.effects;
        let state = written.into_iter().map(|(key, value)| {
            let shown = match value {
                Some(value) => format!("set to {}", text(&value)),
                None => "deleted".to_owned(),
            };
            (key, Effect::plain(shown))
        });
        let scheduled = effects
            .schedule
            .iter()
            .map(|(key, write)| Effect::plain(format!("{key}: {write:?}")));
        Self {
            reason: handlers_reason(outcome, reason),
            outcome: outcome.to_owned(),
            requests: effects.outbox.iter().map(request).collect(),
            emitted: effects
                .emitted
                .iter()
                .map(|new| {
                    let event = &new.event;
                    emission(&event.kind, event.subject.as_deref(), &event.payload)
                })
                .collect(),
            scheduled: Some(scheduled.collect()),
            state: Some(state.collect()),
        }
    }

    fn failed(reason: &str) -> Self {
        Self {
            outcome: "error".to_owned(),
            reason: reason.to_owned(),
            requests: Vec::new(),
            emitted: Vec::new(),
            scheduled: Some(Vec::new()),
            state: Some(BTreeMap::new()),
        }
    }

    /// The recorded outcome of an attempt.
    pub(super) fn recorded(end: &RecordedEnd) -> Self {
        Self {
            reason: handlers_reason(&end.outcome, end.detail.clone()),
            outcome: end.outcome.clone(),
            requests: end.requests.iter().map(request).collect(),
            emitted: end
                .emitted
                .iter()
                .map(|event| emission(&event.kind, event.subject.as_deref(), &event.payload))
                .collect(),
            scheduled: None,
            state: None,
        }
    }

    /// The differences of another outcome, in the parts that both outcomes have.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        let (was, is) = (self.end(), other.end());
        if was != is {
            found.push(Difference {
                what: "outcome".to_owned(),
                was: Some(was),
                is: Some(is),
            });
        }
        compare_all(&mut found, "request", &self.requests, &other.requests);
        compare_all(&mut found, "event", &self.emitted, &other.emitted);
        if let (Some(was), Some(is)) = (&self.scheduled, &other.scheduled) {
            compare_all(&mut found, "scheduled", was, is);
        }
        if let (Some(was), Some(is)) = (&self.state, &other.state) {
            let mut keys: Vec<_> = was.keys().chain(is.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let what = format!("state {key}");
                compare(&mut found, what, was.get(key), is.get(key));
            }
        }
        found
    }

    fn end(&self) -> String {
        if self.reason.is_empty() {
            self.outcome.clone()
        } else {
            format!("{}: {}", self.outcome, self.reason)
        }
    }
}

/// The reason, if the handler gives the reason for such an outcome. Otherwise empty.
fn handlers_reason(outcome: &str, reason: String) -> String {
    match outcome {
        "ignored" | "retry" | "reject" => reason,
        _ => String::new(),
    }
}

/// A request without its idempotency key and its place in a trace. Header values and queries are
/// compared but not shown, because handlers may put credentials there.
fn request(new: &NewRequest) -> Effect {
    let NewRequest {
        key: _,
        method,
        url,
        headers,
        body,
        order_key,
        respond,
    } = new;
    let wanted = respond.as_ref().map(|respond| &respond.correlation);
    // The gateway adds its place in a trace, which is another one with each run.
    let headers = headers.iter().filter(|(name, _)| !is_of_trace(name));
    let headers: Vec<_> = headers.collect();
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    Effect {
        compared: format!("{method} {url} {headers:?} {body:?} {order_key:?} {wanted:?}"),
        shown: format!(
            "{method} {} [{}] {}",
            without_query(url),
            names.join(", "),
            text(body)
        ),
    }
}

fn emission(kind: &str, subject: Option<&str>, payload: &[u8]) -> Effect {
    Effect {
        compared: format!("{kind} {subject:?} {payload:?}"),
        shown: format!("{kind} {} {}", subject.unwrap_or("-"), text(payload)),
    }
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => shorten(text),
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn recorded_end(outcome: &str, url: &str, key: &str) -> RecordedEnd {
        RecordedEnd {
            exchanges: Vec::new(),
            outcome: outcome.to_owned(),
            detail: "because".to_owned(),
            component: None,
            requests: vec![NewRequest {
                key: key.to_owned(),
                method: "POST".to_owned(),
                url: url.to_owned(),
                headers: Vec::new(),
                body: Bytes::from_static(b"{}"),
                order_key: None,
                respond: None,
            }],
            emitted: Vec::new(),
        }
    }

    #[test]
    fn keys_and_what_the_gateway_says_are_not_compared() {
        let one = RunOutcome::recorded(&recorded_end("trap", "https://a/b", "1"));
        let mut other = recorded_end("trap", "https://a/b", "2");
        other.detail = "elsewhere".to_owned();
        assert_eq!(one.differences(&RunOutcome::recorded(&other)), []);
    }

    #[test]
    fn what_is_not_shown_is_still_compared() {
        let one = RunOutcome::recorded(&recorded_end("retry", "https://a/b?token=hush", "1"));
        let other = RunOutcome::recorded(&recorded_end("done", "https://a/b?token=other", "1"));
        let found = one.differences(&other);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            (found[0].was.as_deref(), found[0].is.as_deref()),
            (Some("retry: because"), Some("done"))
        );
        let shown = format!("{found:?}");
        assert!(
            !shown.contains("hush") && shown.contains("not shown"),
            "{shown}"
        );
    }
}
