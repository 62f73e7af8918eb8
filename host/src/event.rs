//! Events and the names that things go by.
//!
//! An event is one verified fact, with the exact bytes that its provider sent.
//! Ids and names are types of their own, so that none is taken for another.

mod headers;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use headers::Headers;

/// A point in time: milliseconds since the Unix epoch, UTC.
pub type UnixMillis = u64;

/// The gateway's id of an event: a UUID (version 7), so that ids sort by arrival.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id for an event that arrives at `now`.
    pub fn generate(now: UnixMillis) -> Self {
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        Self(uuid::Builder::from_unix_timestamp_millis(now, &random).into_uuid())
    }

    /// The id of an event that a handler emitted: its time is `now` and the rest
    /// comes from `seed`, so that the same emission always has the same id.
    pub fn derived(now: UnixMillis, seed: &[u8]) -> Self {
        let hash = Sha256::digest(seed);
        let mut tail = [0; 10];
        tail.copy_from_slice(&hash[..10]);
        Self(uuid::Builder::from_unix_timestamp_millis(now, &tail).into_uuid())
    }

    /// The 16 bytes of the id, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that was checked where it was read.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The name of a source in the manifest, or `handler:NAME` for events that a
    /// handler emitted.
    SourceName
}

name! {
    /// The name of a handler in the manifest.
    HandlerName
}

/// What every source name of emitted events begins with; no source in the
/// manifest may.
pub const HANDLER_SOURCE_PREFIX: &str = "handler:";

impl HandlerName {
    /// The source that this handler's emitted events have.
    pub fn as_source(&self) -> SourceName {
        SourceName::new(format!("{HANDLER_SOURCE_PREFIX}{self}"))
    }
}

/// The sha256 of a component's file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentDigest(pub [u8; 32]);

impl ComponentDigest {
    /// The digest that is shown so.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).ok()?;
        Some(Self(digest))
    }

    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What makes an event the same as one seen before: 16 bytes of a sha256 over the
/// source's name and what identifies the event there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DedupKey(pub [u8; 16]);

impl DedupKey {
    /// The key of an event of `source` that `basis` identifies.
    pub fn new(source: &SourceName, basis: &DedupBasis) -> Self {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(source.as_str().as_bytes());
        match basis {
            DedupBasis::SignedId(id) => {
                field(b"id");
                field(id.as_bytes());
            }
            DedupBasis::Fields(fields) => {
                field(b"fields");
                fields.iter().for_each(|value| field(value.as_bytes()));
            }
            DedupBasis::Body { kind, digest } => {
                field(b"body");
                field(kind.as_bytes());
                field(digest);
            }
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }
}

/// What identifies an event within its source. It always comes from signed bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DedupBasis {
    /// The provider's event id, where it is signed.
    SignedId(String),
    /// Several signed fields that identify the event together.
    Fields(Vec<String>),
    /// The sha256 of the signed bytes, with the event type, for providers that
    /// sign no id.
    Body {
        /// The event's type.
        kind: String,
        /// The sha256 of the signed bytes.
        digest: [u8; 32],
    },
}

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
    pub created: Option<UnixMillis>,
    /// When the gateway received it.
    pub received: UnixMillis,
    /// Recorded request headers. Never credentials.
    pub headers: Headers,
    /// Facts that the gateway adds.
    pub metadata: Vec<(String, String)>,
    /// How many emissions lie between this event and one from outside.
    pub depth: u32,
    /// The exact bytes of the event.
    pub payload: Bytes,
}
