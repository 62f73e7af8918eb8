//! Events and the names that things go by.
//!
//! An event is one verified fact, with the exact bytes that its provider sent.
//! Ids and names are types of their own, so that none is taken for another.

mod dedup;
mod digest;
mod headers;
mod id;
mod names;

use bytes::Bytes;

pub use dedup::{DedupBasis, DedupKey};
pub use digest::ComponentDigest;
pub use headers::Headers;
pub use id::EventId;
pub use names::{HANDLER_SOURCE_PREFIX, HandlerName, SourceName};

use crate::time::WallTime;

/// The type of events that bring handlers the answers of their requests. Handlers make none
/// of this type themselves.
pub const OUTBOX_RESPONSE: &str = "outbox.response";

/// How many emissions may follow one another before a chain of events must end.
pub const MAX_DEPTH: u32 = 8;

/// An event as it is recorded and handed to handlers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The gateway's id.
    pub id: EventId,
    /// Where it came from.
    pub source: SourceName,
    /// The provider's id, where it has one.
    pub provider_id: Option<String>,
    /// The event type.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// When the provider says that it happened.
    pub created: Option<WallTime>,
    /// When the gateway received it.
    pub received: WallTime,
    /// Recorded request headers. Never credentials.
    pub headers: Headers,
    /// Facts that the gateway adds.
    pub metadata: Vec<(String, String)>,
    /// How many emissions lie between this event and one from outside.
    pub depth: u32,
    /// The exact bytes of the event.
    pub payload: Bytes,
}
