//! What deliveries are ordered by, taken from their events.

use serde_json::Value;

use crate::event::{Event, HandlerName};
use crate::json::{PointerSet, pluck};
use crate::ledger::OrderKey;
use crate::manifest::{Handler, OrderBy};

/// Where a handler's keys come from.
#[derive(Debug)]
pub(super) enum KeyRule {
    Account,
    Subject,
    Pointer(PointerSet),
}

impl KeyRule {
    /// The rule of a handler; none where its deliveries have no order.
    pub(super) fn of(handler: &Handler) -> Option<Self> {
        Some(match &handler.order.as_ref()?.by {
            OrderBy::Account => Self::Account,
            OrderBy::Subject => Self::Subject,
            OrderBy::Pointer(pointer) => Self::Pointer(
                PointerSet::new(&[pointer]).expect("the manifest's pointers were checked"),
            ),
        })
    }

    /// The key of the delivery of `event` to `handler`. Where there is nothing to order by,
    /// or `null`, or the payload is no JSON, there is none.
    pub(super) fn key(&self, handler: &HandlerName, event: &Event) -> Option<OrderKey> {
        match self {
            Self::Account => event
                .account
                .as_deref()
                .map(|it| OrderKey::new(handler, it)),
            Self::Subject => event
                .subject
                .as_deref()
                .map(|it| OrderKey::new(handler, it)),
            Self::Pointer(pointer) => {
                let mut found = pluck(&event.payload, pointer).ok()?;
                match found.pop().flatten()? {
                    Value::Null => None,
                    // The same id may come as a text and, in another event, as a number.
                    Value::String(text) => Some(OrderKey::new(handler, &text)),
                    other => Some(OrderKey::new(handler, &other.to_string())),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::tests::settings;
    use crate::manifest::{OnBlock, OrderSettings};

    fn key(by: OrderBy, payload: &str) -> Option<OrderKey> {
        let handler = Handler {
            order: Some(OrderSettings {
                by,
                on_block: OnBlock::Wait,
            }),
            ..settings("h", 1)
        };
        let mut event = (*crate::fixtures::blank_delivery(&handler).event).clone();
        event.payload = bytes::Bytes::copy_from_slice(payload.as_bytes());
        event.account = Some("acct_1".to_owned());
        KeyRule::of(&handler)?.key(&handler.name, &event)
    }

    #[test]
    fn keys_come_from_where_the_manifest_says() {
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
