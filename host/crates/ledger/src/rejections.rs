//! Refused requests, for operators: the newest are kept, and of many alike only some.

use std::time::Duration;

use super::LedgerError;
use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;

/// Keeps refused requests.
pub trait RejectionStore: Send + Sync + 'static {
    /// Writes rejections, then removes old ones beyond the bounds. Blocks until that is durable.
    /// Returns false, and writes nothing, if the writer has much to do and the caller does not
    /// insist.
    fn keep_rejections(
        &self,
        rejections: &[Rejection],
        bounds: RejectionBounds,
        insists: bool,
    ) -> Result<bool, LedgerError>;
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The time of the refusal.
    pub at: WallTime,
    /// The source; `None` if no source has the path.
    pub source: Option<SourceName>,
    /// The reason, as a word that never changes.
    pub code: String,
    /// The reason, as a sentence. Holds no secret.
    pub reason: String,
    /// The sender.
    pub peer: String,
    /// The method; `None` if the connection was refused before there was a request.
    pub method: Option<String>,
    /// The path, without the query.
    pub path: Option<String>,
    /// The headers, without those that hold secrets.
    pub headers: Vec<(String, String)>,
    /// The first bytes of the body, if they are to be kept.
    pub body: Option<Vec<u8>>,
    /// How many requests of this source were refused for this reason since the rejection before,
    /// and are not kept.
    pub more: u64,
}

/// How many rejections are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectionBounds {
    /// The most rejections.
    pub keep: u64,
    /// How long a rejection is kept.
    pub retention: Duration,
}
