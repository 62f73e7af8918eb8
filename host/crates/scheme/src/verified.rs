//! The events of a request whose signature is valid.

use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::fetched_key::Visit;
use super::rejection::Rejection;
use tollgate_base::event::{DedupBasis, Headers, UNREADABLE};
use tollgate_base::time::WallTime;

/// A value that a valid signature covers. Only schemes can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Marks a value whose signature is valid.
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A reference to the value.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// A request whose signature is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The secret that matched, as an index into
    /// [`Settings::secrets`](super::Settings::secrets). `None` if no secret was needed.
    pub secret: Option<usize>,
    /// The events of the request. A batch may be empty.
    pub events: Verified<Vec<ProviderEvent>>,
    /// What must be visited before the request is acknowledged.
    pub visit: Option<Visit>,
}

/// An event as its provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id. The id is not always signed, so it is no key by itself: see `dedup`.
    pub provider_id: Option<String>,
    /// The type, in the provider's words.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// The time at which the event happened, by the provider.
    pub created: Option<WallTime>,
    /// The identity of the event within its source. It comes from signed bytes.
    pub dedup: DedupBasis,
    /// Further identities. An event that shares any identity with an earlier event is a duplicate.
    pub more_dedup: Vec<DedupBasis>,
    /// What equal bytes mean, if no signed value tells events apart.
    pub equal_bytes: EqualBytes,
    /// Whether the event is of live mode (true) or of test mode (false). `None` if the event does
    /// not say.
    pub live: Option<bool>,
    /// Why the event could not be read, although its signature is valid. The type is then
    /// [`UNREADABLE`].
    pub unreadable: Option<Rejection>,
    /// The request headers to record: the content type, the user agent, and the scheme's headers
    /// for id, type and time. Never signatures or credentials.
    pub headers: Headers,
    /// The exact bytes of the event: the body or, in a batch, the item.
    pub payload: Bytes,
}

/// What equal bytes mean. A hash of the bytes is no identity: two facts may have equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EqualBytes {
    /// Nothing: signed values tell events apart.
    #[default]
    SameFact,
    /// `dedup` is a hash, and nothing else tells events apart. Equal bytes are a duplicate while
    /// the provider resends, and another fact later.
    DuplicateWithin(Duration),
    /// The event has an id that is not signed. Equal bytes under another id are another event,
    /// which is marked while the provider resends.
    MarkedWithin {
        /// The identity of the bytes.
        bytes: DedupBasis,
        /// For how long after the first arrival.
        within: Duration,
        /// Whether the marked event goes to handlers.
        routed: bool,
    },
}

impl ProviderEvent {
    /// An event whose signature is valid and whose id or type cannot be read. `digest` is the
    /// sha256 of the signed bytes, the signed time included.
    pub(super) fn unreadable(
        why: Rejection,
        digest: [u8; 32],
        headers: Headers,
        payload: Bytes,
    ) -> Self {
        Self {
            provider_id: None,
            kind: UNREADABLE.to_owned(),
            subject: None,
            account: None,
            created: None,
            dedup: DedupBasis::Body {
                kind: UNREADABLE.to_owned(),
                digest,
            },
            more_dedup: Vec::new(),
            equal_bytes: EqualBytes::SameFact,
            live: None,
            unreadable: Some(why),
            headers,
            payload,
        }
    }

    /// The event, or an event of the type [`UNREADABLE`] in its place. `digest` is that of the
    /// signed bytes.
    pub(super) fn or_unreadable(
        read: Result<Self, Rejection>,
        digest: impl FnOnce() -> [u8; 32],
        headers: impl FnOnce() -> Headers,
        payload: &Bytes,
    ) -> Self {
        let why = match read {
            Ok(event) if event.kind == UNREADABLE => Rejection::ReservedType,
            Ok(event) => return event,
            Err(why) => why,
        };
        Self::unreadable(why, digest(), headers(), payload.clone())
    }
}

/// The sha256 of these bytes, one after another.
pub(super) fn digest_of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}
