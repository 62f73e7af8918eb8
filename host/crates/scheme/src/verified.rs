//! What comes out of a request whose signature holds: events as their provider describes them.

use bytes::Bytes;

use tollgate_base::event::{DedupBasis, Headers};
use tollgate_base::time::WallTime;

/// Something that a signature vouches for. Only schemes can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// For a thing whose signature holds.
    pub(super) fn new(thing: T) -> Self {
        Self(thing)
    }

    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// A look at the thing.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// A request whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Which of the secrets matched, as an index into [`Settings::secrets`]; `None` where
    /// none was needed.
    pub secret: Option<usize>,
    /// The events that it carries; a batch may be empty.
    pub events: Verified<Vec<ProviderEvent>>,
}

/// An event as its provider describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id of it. Not always signed, so never a key by itself: see `basis`.
    pub provider_id: Option<String>,
    /// Its type, in the provider's words.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// When the provider says that it happened.
    pub created: Option<WallTime>,
    /// What tells it from other events; comes from signed bytes.
    pub basis: DedupBasis,
    /// What tells it apart besides: an event that any of all these have is a duplicate.
    pub also: Vec<DedupBasis>,
    /// Request headers to record: the content type, the user agent and the scheme's own for
    /// id, type and time. Never signatures or credentials.
    pub headers: Headers,
    /// The event's exact bytes: the body or, in a batch, the item's part of it.
    pub payload: Bytes,
}
