//! The order keys and the ranks of deliveries, read from their events.

use serde_json::Value;

use crate::settings::{Handler, OnBlock, OrderBy, OrderSettings, SupersedeBy};
use tollgate_base::event::{Event, HandlerName};
use tollgate_base::json::{Plucked, PointerSet, pluck, pluck_borrowed};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Deliveries, Delivery, LedgerError, OrderEffect, OrderKey, Rank};

/// Where a handler's order keys come from.
#[derive(Debug)]
pub(super) enum KeyRule {
    Account,
    Subject,
    Pointer(PointerSet),
}

impl KeyRule {
    /// The rule of a handler; `None` if its deliveries have no order.
    pub(super) fn of(handler: &Handler) -> Option<Self> {
        Some(match &handler.order.as_ref()?.by {
            OrderBy::Account => Self::Account,
            OrderBy::Subject => Self::Subject,
            OrderBy::Pointer(pointer) => Self::Pointer(
                PointerSet::new(&[pointer]).expect("the manifest's pointers were checked"),
            ),
        })
    }

    /// The order key of the delivery of `event` to `handler`. `None` if the event has no such
    /// value, the value is `null`, or the payload is no JSON.
    pub(super) fn key(&self, handler: &HandlerName, event: &Event) -> Option<OrderKey> {
        match self {
            Self::Account => {
                let account = event.account.as_deref();
                account.map(|account| OrderKey::new(handler, account))
            }
            Self::Subject => {
                let subject = event.subject.as_deref();
                subject.map(|subject| OrderKey::new(handler, subject))
            }
            Self::Pointer(pointer) => {
                let mut found = pluck_borrowed(&event.payload, pointer).ok()?;
                match found.pop().flatten()? {
                    Plucked::Other(Value::Null) | Plucked::Unreadable { .. } => None,
                    // An id may be a text in one event and a number in another event.
                    Plucked::Text(text) => Some(OrderKey::new(handler, &text)),
                    Plucked::Number(text) => Some(OrderKey::new(handler, text)),
                    Plucked::Other(other) => Some(OrderKey::new(handler, &other.to_string())),
                }
            }
        }
    }
}

/// How new the fact of an event is; `None` if the handler has no `supersede_by` or the event has no
/// such value.
fn rank(handler: &Handler, event: &Event) -> Option<Rank> {
    match handler.order.as_ref()?.supersede_by.as_ref()? {
        SupersedeBy::Created => time(event.created?),
        SupersedeBy::Pointer(pointer) => {
            let pointer = PointerSet::new(&[pointer]).ok()?;
            match pluck(&event.payload, &pointer).ok()?.pop().flatten()? {
                Value::Number(number) => number
                    .as_i64()
                    .map(Rank::Whole)
                    .or(number.as_f64().map(Rank::Real)),
                Value::String(text) => of_text(&text),
                _ => None,
            }
        }
    }
}

/// The rank in a text: a number, or a date and time in milliseconds with their fraction.
fn of_text(text: &str) -> Option<Rank> {
    if let Ok(number) = text.parse() {
        return Some(Rank::Whole(number));
    }
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if text.bytes().all(plain) && text.contains('.') {
        return text.parse().ok().map(Rank::Real);
    }
    let (fact, nanos) = rfc3339::parse_fine(text)?;
    match (time(fact)?, nanos) {
        (Rank::Whole(millis), 1..) => {
            // A double holds the milliseconds of this age to a quarter of a microsecond.
            Some(Rank::Real(millis as f64 + f64::from(nanos) / 1e6))
        }
        (whole, _) => Some(whole),
    }
}

fn time(fact: WallTime) -> Option<Rank> {
    i64::try_from(fact.as_millis()).ok().map(Rank::Whole)
}

/// The effect that the end of a delivery has on later deliveries of its order key.
pub(super) fn order_effect(handler: &Handler, delivery: &Delivery) -> OrderEffect {
    let waits = |order: &OrderSettings| order.on_block == OnBlock::Wait;
    OrderEffect {
        blocks_when_dead: handler.order.as_ref().is_some_and(waits),
        rank: rank(handler, &delivery.event),
    }
}

/// Whether a newer fact of the same order key has been handled.
pub(super) fn is_superseded(
    ledger: &dyn Deliveries,
    handler: &Handler,
    delivery: &Delivery,
) -> Result<bool, LedgerError> {
    let Some((key, rank)) = delivery.key.zip(rank(handler, &delivery.event)) else {
        return Ok(false);
    };
    let newest = ledger.newest(&key)?;
    Ok(newest.is_some_and(|newest| rank.is_older_than(newest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::tests::settings;

    fn handler(by: OrderBy, supersede_by: Option<SupersedeBy>) -> Handler {
        Handler {
            order: Some(OrderSettings {
                by,
                on_block: OnBlock::Wait,
                supersede_by,
            }),
            ..settings("h", 1)
        }
    }

    fn event(handler: &Handler, payload: &str) -> Event {
        let mut event = (*crate::generation::fixtures::blank_delivery(handler).event).clone();
        event.payload = bytes::Bytes::copy_from_slice(payload.as_bytes());
        event.account = Some("acct_1".to_owned());
        event.created = Some(WallTime::from_millis(1_790_000_000_000));
        event
    }

    fn key(by: OrderBy, payload: &str) -> Option<OrderKey> {
        let handler = handler(by, None);
        KeyRule::of(&handler)?.key(&handler.name, &event(&handler, payload))
    }

    #[test]
    fn ranks_are_numbers_and_times() {
        let at = |payload: &str| {
            let by = SupersedeBy::Pointer("/n".to_owned());
            let handler = handler(OrderBy::Account, Some(by));
            rank(&handler, &event(&handler, payload))
        };
        let whole = |number| Some(Rank::Whole(number));
        assert_eq!(at(r#"{"n":17}"#), whole(17));
        assert_eq!(at(r#"{"n":"17"}"#), whole(17));
        assert_eq!(at(r#"{"n":17.5}"#), Some(Rank::Real(17.5)));
        assert_eq!(at(r#"{"n":"1970-01-01T00:00:01.5Z"}"#), whole(1500));
        assert_eq!(at(r#"{"n":"17.5"}"#), Some(Rank::Real(17.5)));
        // Microseconds tell facts of one millisecond apart.
        let times = ["00.123", "00.123001", "00.123002", "00.123999", "00.124"];
        let ranks = times
            .map(|second| at(&format!(r#"{{"n":"2026-11-30T06:30:{second}+01:00"}}"#)).unwrap());
        for two in ranks.windows(2) {
            assert!(two[0].is_older_than(two[1]), "{two:?}");
            assert!(!two[1].is_older_than(two[0]), "{two:?}");
        }
        let large = r#"{"n":9007199254740993}"#;
        assert_eq!(at(large), whole(9_007_199_254_740_993));
        for nothing in [r#"{"n":"soon"}"#, r#"{"n":null}"#, r#"{"n":[1]}"#, "no"] {
            assert_eq!(at(nothing), None, "{nothing}");
        }
        let created = handler(OrderBy::Account, Some(SupersedeBy::Created));
        let event = event(&created, "no");
        assert_eq!(rank(&created, &event), whole(1_790_000_000_000));
        assert_eq!(rank(&handler(OrderBy::Account, None), &event), None);
    }

    #[test]
    fn keys_come_from_the_place_in_the_manifest() {
        let name = HandlerName::new("h");
        let at = |payload| key(OrderBy::Pointer("/a/b".into()), payload);
        let of = |value| Some(OrderKey::new(&name, value));
        assert_eq!(at(r#"{"a":{"b":"cus_1"}}"#), of("cus_1"));
        assert_eq!(at(r#"{"a":{"b":17}}"#), of("17"));
        assert_eq!(at(r#"{"a":{"b":"17"}}"#), of("17"));
        assert_eq!(at(r#"{"a":{"b":{"id":"x"}}}"#), of(r#"{"id":"x"}"#));
        assert_eq!(at(r#"{"a":{"b":null}}"#), None);
        assert_eq!(at(r#"{"a":{}}"#), None);
        assert_eq!(at("no JSON"), None);
        assert_eq!(key(OrderBy::Account, "no JSON"), of("acct_1"));
        assert_eq!(key(OrderBy::Subject, "{}"), None);
    }

    #[test]
    fn handlers_do_not_share_keys() {
        let keys = [("a", "bc"), ("ab", "c"), ("a", "c")]
            .map(|(handler, value)| OrderKey::new(&HandlerName::new(handler), value));
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[1], keys[2]);
    }
}
