//! The envelope of platform and management webhooks.

use serde::Deserialize;

use crate::texts::texts;

/// An event of a platform or management webhook (`scheme = "adyen-platform"`), such as
/// `balancePlatform.transfer.updated`. `T` is the type of `data`.
///
/// The envelope does not tell the version of `data`: that is a setting of the webhook in Adyen's
/// Customer Area. Describe in `T` only the fields that the handler needs.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[non_exhaustive]
pub struct PlatformEvent<T> {
    /// The event type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Test or live.
    pub environment: Option<Environment>,
    /// Adyen's id of the event. Tokenization webhooks have one, most others have none.
    #[serde(rename = "eventId")]
    pub event_id: Option<String>,
    /// What happened to what.
    pub data: T,
    timestamp: Option<String>,
    #[serde(rename = "createdAt")]
    created_at: Option<String>,
}

texts! {
    /// The environment that an event is from.
    Environment {
        Test = "test",
        Live = "live",
    }
}

impl<T> PlatformEvent<T> {
    /// Returns the time of the event as Adyen writes it, such as `2026-12-01T02:48:39+01:00`:
    /// `timestamp` of platform webhooks, `createdAt` of management and tokenization webhooks.
    pub fn time(&self) -> Option<&str> {
        self.timestamp.as_deref().or(self.created_at.as_deref())
    }
}
