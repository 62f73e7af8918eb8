//! A thin event as Stripe posts it: what it says about the event that it notifies of.
//!
//! The shape is that of the `EventNotification` types of the official libraries (stripe-node
//! 23.1.0, stripe-python 16.1.0). Every field but `object` may be `null`, absent, or of a shape
//! that is not known here.

use std::sync::LazyLock;

use serde_json::Value;
use tollgate_base::json::{PointerSet, pluck};

/// `object` of a thin event.
const THIN: &str = "v2.core.event";

/// The fields that are read, in the order of [`Notification::read`].
static FIELDS: LazyLock<PointerSet> = LazyLock::new(|| {
    let pointers = [
        "/object",
        "/id",
        "/context",
        "/livemode",
        "/related_object/url",
        "/related_object/id",
        "/snapshot_event",
    ];
    PointerSet::new(&pointers).expect("the pointers are valid")
});

/// A thin event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Notification {
    /// The event's id.
    pub(crate) id: Option<String>,
    /// The account, or the path of accounts, that the event is of.
    pub(crate) context: Context,
    /// Whether the event is of the live mode.
    pub(crate) livemode: Option<bool>,
    /// Where the object is that the event is about.
    pub(crate) object_url: Option<String>,
    /// The id of that object; some have none.
    pub(crate) object_id: Option<String>,
    /// The id of the snapshot event about the same.
    pub(crate) snapshot_event: Option<String>,
}

/// The account, or the path of accounts, that an event is of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Context {
    /// The account of the endpoint.
    #[default]
    Own,
    /// This account.
    Of(String),
    /// The value has a form that is not known. A question without it could be about another
    /// account.
    Unreadable,
}

impl Notification {
    /// Reads an event. `None` if it is not thin.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let mut found = pluck(payload, &FIELDS).ok()?.into_iter();
        let mut next = || found.next().flatten();
        if next()? != THIN {
            return None;
        }
        let id = next();
        let context = next();
        let livemode = next();
        let object_url = next();
        let object_id = next();
        let snapshot_event = next();
        Some(Self {
            id: text(id),
            context: match context {
                None | Some(Value::Null) => Context::Own,
                Some(Value::String(context)) if !context.is_empty() => Context::Of(context),
                Some(_) => Context::Unreadable,
            },
            livemode: livemode.as_ref().and_then(Value::as_bool),
            object_url: text(object_url),
            object_id: text(object_id),
            snapshot_event: text(snapshot_event),
        })
    }
}

/// A text that is not empty.
fn text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_or_null_is_tolerated() {
        let read = |json: &str| Notification::read(json.as_bytes());
        let bare = read(r#"{"object":"v2.core.event"}"#).unwrap();
        assert_eq!(bare, Notification::default());
        let nulls = r#"{"object":"v2.core.event","id":null,"context":null,"related_object":null,
            "reason":null,"snapshot_event":null,"livemode":null}"#;
        assert_eq!(read(nulls).unwrap(), Notification::default());
        let half = r#"{"object":"v2.core.event","reason":{"type":"request","request":null},
            "related_object":{"type":"balance","url":"/v1/balance"}}"#;
        assert_eq!(
            read(half).unwrap().object_url.as_deref(),
            Some("/v1/balance")
        );
        let odd = r#"{"object":"v2.core.event","context":7,"related_object":"x","id":9}"#;
        let odd = read(odd).unwrap();
        assert_eq!(
            (odd.context, odd.object_url, odd.id),
            (Context::Unreadable, None, None)
        );
        for other in [r#"{"object":"event","id":"evt_1"}"#, "{}", "[]", "no", ""] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn a_whole_notification_is_read() {
        let json = br#"{"id":"evt_65","object":"v2.core.event","type":"v1.customer.created",
            "created":"2026-10-01T10:00:00.000Z","livemode":false,"context":"org_1/acct_2",
            "reason":null,"related_object":{"id":"cus_1","type":"customer",
            "url":"/v1/customers/cus_1"},"snapshot_event":"evt_1"}"#;
        let read = Notification::read(json).unwrap();
        assert_eq!(read.id.as_deref(), Some("evt_65"));
        assert_eq!(read.context, Context::Of("org_1/acct_2".into()));
        assert_eq!(read.livemode, Some(false));
        assert_eq!(read.object_url.as_deref(), Some("/v1/customers/cus_1"));
        assert_eq!(read.object_id.as_deref(), Some("cus_1"));
        assert_eq!(read.snapshot_event.as_deref(), Some("evt_1"));
    }
}
