//! Times, events and ends of attempts, as scenarios use them.

use std::time::Duration;

use bytes::Bytes;

use crate::*;
use tollgate_base::event::{
    ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::time::{SteadyTime, WallTime};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The time at which scenarios begin.
pub(crate) const START: WallTime = WallTime::from_millis(MILLIS);
/// That moment by the steady clock, which goes on from there whatever is set.
pub(crate) const STEADY: SteadyTime = SteadyTime::from_millis(MILLIS);
const MILLIS: u64 = 1_780_000_000_000;
/// Later than anything is due.
pub(crate) const LATEST: SteadyTime = SteadyTime::from_millis(u64::MAX >> 1);

pub(crate) fn handler(name: &str) -> HandlerName {
    HandlerName::new(name)
}

/// An event of source `stripe` with this provider's id.
pub(crate) fn event(id: &str, payload: &[u8], handlers: &[&str]) -> NewEvent {
    event_of("stripe", id, payload, handlers)
}

pub(crate) fn event_of(source: &str, id: &str, payload: &[u8], handlers: &[&str]) -> NewEvent {
    let source = SourceName::new(source);
    NewEvent {
        dedup: DedupKey::new(&source, &DedupBasis::SignedId(id.to_owned())),
        more_dedup: Vec::new(),
        equal_bytes: crate::EqualBytes::SameFact,
        form: crate::EventForm::Whole,
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

/// An event that has all of these dedup keys.
pub(crate) fn event_with_keys(source: &str, keys: &[&str]) -> NewEvent {
    let mut new = event_of(source, keys[0], b"{}", &[]);
    let source = &new.event.source;
    let key = |id: &&str| DedupKey::new(source, &DedupBasis::SignedId((*id).to_owned()));
    new.more_dedup = keys[1..].iter().map(key).collect();
    new
}

/// The end of a delivery's next attempt, without effects.
pub(crate) fn ending(delivery: &Delivery, next: NextState) -> Completion {
    Completion {
        delivery: delivery.id,
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
        exchanges: Vec::new(),
        effects: Effects::default(),
        order: OrderEffect::default(),
    }
}

/// The end of an attempt that wrote these keys.
pub(crate) fn writing(delivery: &Delivery, writes: &[(&str, StateWrite)]) -> Completion {
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.state = writes
        .iter()
        .map(|(key, write)| ((*key).to_owned(), write.clone()))
        .collect();
    completion
}

pub(crate) fn set(value: &str) -> StateWrite {
    StateWrite::Set(value.as_bytes().to_vec())
}

/// A request for the outbox, without an order key.
pub(crate) fn request(key: &str) -> NewRequest {
    NewRequest {
        key: key.to_owned(),
        method: "POST".to_owned(),
        url: "https://crm.example.com/orders".to_owned(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: Bytes::from_static(b"{\"order\":1}"),
        order_key: None,
        respond: None,
    }
}
