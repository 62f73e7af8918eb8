//! What a run did, and how two of them differ.

use std::collections::BTreeMap;

use serde::Serialize;

use tollgate_ledger::{NewRequest, RecordedEnd, without_query};
use tollgate_sandbox::{Run, Written};

/// Characters of a body or value that are shown.
const SHOWN: usize = 400;

/// What one run did.
pub(super) struct Did {
    outcome: String,
    /// What a handler says of its end; what the gateway says of a trap is not compared.
    reason: String,
    requests: Vec<Effect>,
    emitted: Vec<Effect>,
    /// Not on record.
    scheduled: Option<Vec<Effect>>,
    /// Not on record.
    state: Option<BTreeMap<String, Effect>>,
}

/// Something that was done: what is compared, and what is shown of it.
#[derive(PartialEq)]
struct Effect {
    compared: String,
    shown: String,
}

/// Where two runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// In what: `outcome`, `request 1`, `event 1`, `scheduled 1` or `state KEY`.
    pub(crate) what: String,
    /// What it was; none if there was nothing.
    pub(crate) was: Option<String>,
    /// What it is with the candidate.
    pub(crate) is: Option<String>,
}

impl Did {
    /// What a run came to, with the values that its writes to state had.
    pub(super) fn of(run: Run, written: Option<Written>) -> Self {
        let (outcome, reason) = run.end.name_and_detail();
        let Some(written) = written else {
            // The commit would refuse it, effects and all.
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
            reason: if is_said(outcome) {
                reason
            } else {
                String::new()
            },
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

    fn failed(why: &str) -> Self {
        Self {
            outcome: "error".to_owned(),
            reason: why.to_owned(),
            requests: Vec::new(),
            emitted: Vec::new(),
            scheduled: Some(Vec::new()),
            state: Some(BTreeMap::new()),
        }
    }

    /// What is on record of an attempt.
    pub(super) fn recorded(did: &RecordedEnd) -> Self {
        Self {
            reason: if is_said(&did.outcome) {
                did.detail.clone()
            } else {
                String::new()
            },
            outcome: did.outcome.clone(),
            requests: did.requests.iter().map(request).collect(),
            emitted: did
                .emitted
                .iter()
                .map(|event| emission(&event.kind, event.subject.as_deref(), &event.payload))
                .collect(),
            scheduled: None,
            state: None,
        }
    }

    /// Where another run differs from this one, in what is known of both.
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
        each(&mut found, "request", &self.requests, &other.requests);
        each(&mut found, "event", &self.emitted, &other.emitted);
        if let (Some(was), Some(is)) = (&self.scheduled, &other.scheduled) {
            each(&mut found, "scheduled", was, is);
        }
        if let (Some(was), Some(is)) = (&self.state, &other.state) {
            let mut keys: Vec<_> = was.keys().chain(is.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                differ(
                    &mut found,
                    format!("state {key}"),
                    was.get(key),
                    is.get(key),
                );
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

/// Whether the handler itself says why a run ends so.
fn is_said(outcome: &str) -> bool {
    matches!(outcome, "ignored" | "retry" | "reject")
}

fn each(found: &mut Vec<Difference>, what: &str, was: &[Effect], is: &[Effect]) {
    for n in 0..was.len().max(is.len()) {
        differ(found, format!("{what} {}", n + 1), was.get(n), is.get(n));
    }
}

fn differ(found: &mut Vec<Difference>, what: String, was: Option<&Effect>, is: Option<&Effect>) {
    if was == is {
        return;
    }
    let shown = |effect: &Effect| effect.shown.clone();
    let (was, mut is) = (was.map(shown), is.map(shown));
    if was == is
        && let Some(is) = &mut is
    {
        is.push_str(" (differs in what is not shown)");
    }
    found.push(Difference { what, was, is });
}

impl Effect {
    fn plain(text: String) -> Self {
        Self {
            shown: cut(&text),
            compared: text,
        }
    }
}

/// A request: everything but its idempotency key. Header values and queries are not shown,
/// since handlers may put credentials there.
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
        Ok(text) => cut(text),
        Err(_) => format!("{} bytes", bytes.len()),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn did(outcome: &str, url: &str, key: &str) -> RecordedEnd {
        RecordedEnd {
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
        let one = Did::recorded(&did("trap", "https://a/b", "1"));
        let mut other = did("trap", "https://a/b", "2");
        other.detail = "elsewhere".to_owned();
        assert_eq!(one.differences(&Did::recorded(&other)), []);
    }

    #[test]
    fn what_is_not_shown_is_still_compared() {
        let one = Did::recorded(&did("retry", "https://a/b?token=hush", "1"));
        let other = Did::recorded(&did("done", "https://a/b?token=other", "1"));
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
