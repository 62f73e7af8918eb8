//! Events whose object the provider's API is still to tell: claims and results.
//!
//! A provider may send an event without the object that it is about. Such an event is recorded as
//! it came, and its deliveries wait until somebody has asked the provider's API. The ledger's
//! writer keeps the promise that none of them runs before: they are blocked, as those behind
//! another delivery of their order key are, and they keep their places in the order.

use std::sync::Arc;

use bytes::Bytes;

use super::lease::Leasable;
use super::{Lease, LedgerError, Token};
use tollgate_base::event::{Event, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};

/// Hands out events that wait for their objects under [leases](super::lease), and commits what
/// became of the questions.
pub trait ResolutionStore: Send + Sync + 'static {
    /// Leases events of `source` that are due at `now` and that nobody holds: `limit` at most, by
    /// their due times, and in the order of arrival.
    ///
    /// A claim is for one source, so that many events of a source that gets no answers do not hide
    /// the events of others.
    fn claim_resolutions(
        &self,
        source: &SourceName,
        now: SteadyTime,
        limit: usize,
    ) -> Result<ClaimedResolutions, LedgerError>;

    /// Commits the end of one try under its lease. With a result, the event's deliveries may run
    /// from then on, each in its turn, and the sink gets those that may run at once. The lease ends
    /// with the answer, unless the answer is an error. Blocks while the queue of writes is full;
    /// `then` as in [`Deliveries::complete_then`](super::Deliveries::complete_then).
    fn resolve(&self, tried: TriedResolution, then: ResolutionCallback);

    /// Makes waiting events of `source` due now, because what the tries met may have been mended:
    /// all of them, or those alone that wait for an operator. Returns how many were not due. Blocks
    /// until that is durable.
    fn hasten_resolutions(
        &self,
        source: &SourceName,
        to_mend_alone: bool,
    ) -> Result<u64, LedgerError>;

    /// What waits, by source: for the sources of all waiting events.
    fn waiting_resolutions(&self) -> Result<Vec<WaitingResolutions>, LedgerError>;
}

/// The id of an event's resolution. Ids have no order outside of the engine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ResolutionId(pub i64);

impl Leasable for ResolutionId {}

/// An event that waits for its object.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The id.
    pub id: ResolutionId,
    /// The event.
    pub event: Arc<Event>,
    /// The tries so far.
    pub tries: u32,
}

/// A resolution that this gateway may work on.
#[derive(Debug)]
pub struct LeasedResolution {
    /// The resolution.
    pub resolution: Resolution,
    /// The right to work on it.
    pub lease: Lease<ResolutionId>,
}

/// The answer to a claim of resolutions.
#[derive(Debug, Default)]
pub struct ClaimedResolutions {
    /// The resolutions that were leased, in the order in which they should go.
    pub leased: Vec<LeasedResolution>,
    /// Whether more may go now than the claim could take.
    pub more: bool,
    /// When the next one is due that nobody holds; `None` if there is more.
    pub next: Option<SteadyTime>,
}

/// What the provider's API told about an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// When the last answer came. The object is that of this time, not of the event's.
    pub at: WallTime,
    /// The object that the event is about. `None` if it was not asked for.
    pub object: Option<Told>,
    /// The event with the provider's further fields. `None` if it was not asked for.
    pub event: Option<Told>,
}

/// The answer to one question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// The JSON of the answer.
    Found(Bytes),
    /// It is no longer there.
    Gone,
}

impl Resolved {
    /// The bytes of all answers.
    pub fn len(&self) -> usize {
        let told = [&self.object, &self.event].into_iter().flatten();
        told.map(|told| told.body().map_or(0, Bytes::len)).sum()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Told {
    /// The JSON; `None` if the thing is gone.
    pub fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Found(body) => Some(body),
            Self::Gone => None,
        }
    }
}

/// The end of a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TriedResolution {
    /// The resolution.
    pub resolution: ResolutionId,
    /// The lease's token.
    pub token: Token,
    /// What follows.
    pub end: ResolutionEnd,
}

/// What follows from a try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResolutionEnd {
    /// The event is resolved.
    Resolved {
        /// The result.
        resolved: Resolved,
        /// Why something was not asked for; may be empty.
        note: String,
    },
    /// Another try follows.
    Later {
        /// Not before.
        due: SteadyTime,
        /// The status of the answer, if one came.
        status: Option<u16>,
        /// What the try met, in words.
        error: String,
        /// Whether an operator has to mend it.
        mend: bool,
    },
}

/// The answer to the end of a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResolutionSettled {
    /// The end is on record.
    Committed,
    /// The event does not wait any more: it was erased or pruned. Nothing changed.
    Stale,
    /// The lease is not in force. Nothing changed.
    LeaseLost,
}

/// Called when the end of a try is durable, or cannot be.
pub type ResolutionCallback = Box<dyn FnOnce(Result<ResolutionSettled, LedgerError>) + Send>;

/// The waiting events of a source, in figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingResolutions {
    /// The source.
    pub source: SourceName,
    /// How many wait, counted up to 10,000.
    pub waiting: u64,
    /// How many of these wait for an operator.
    pub to_mend: u64,
    /// Since when the oldest of these waits.
    pub oldest: WallTime,
    /// The status and the error of a last try, of an event that waits for an operator where there
    /// is one.
    pub last: Option<(Option<u16>, String)>,
}
