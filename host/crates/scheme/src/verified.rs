//! The events of a request whose signature is valid.

use bytes::Bytes;

use tollgate_base::event::{DedupBasis, Headers};
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
    /// The request headers to record: the content type, the user agent, and the scheme's headers
    /// for id, type and time. Never signatures or credentials.
    pub headers: Headers,
    /// The exact bytes of the event: the body or, in a batch, the item.
    pub payload: Bytes,
}
