//! Request bodies: reads them whole, within limits of size, time and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

/// The most memory that is allocated for a body before its bytes arrive, whatever length the peer
/// announces.
const ADVANCE: usize = 64 * 1024;
/// Bytes that are read of a refused body, so that the sender gets the response. A socket that is
/// closed with unread bytes discards the response.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How long a refused body is read.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The body, or its announced length, exceeds the limit.
    #[error("the body is longer than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body took too long.
    #[error("the body was not complete after {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// The sender broke off or violated the protocol.
    #[error("the body broke off: {0}")]
    Broken(hyper::Error),
    /// The bodies under way take too much memory together.
    #[error("too many bytes of bodies are under way")]
    NoMemory,
}

/// The bytes that the bodies under way may take together. Without this budget, the allowed number
/// of connections with bodies of the allowed size could take gigabytes.
#[derive(Debug)]
pub(super) struct BodyBudget {
    left: AtomicUsize,
}

impl BodyBudget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }
}

/// The bytes that one body takes of the budget. They return to the budget on drop.
struct BudgetShare {
    of: Arc<BodyBudget>,
    bytes: usize,
}

impl BudgetShare {
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.of
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .map_err(|_| BodyError::NoMemory)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A whole body with its share of the budget.
pub(super) struct WholeBody {
    pub(super) bytes: Bytes,
    _share: BudgetShare,
}

/// Reads a body to its end. The rest of a refused body stays in `incoming`, for [`linger`].
pub(super) async fn read(
    incoming: &mut Incoming,
    limit: usize,
    after: Duration,
    budget: &Arc<BodyBudget>,
) -> Result<WholeBody, BodyError> {
    if incoming.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge { limit });
    }
    timeout(after, collect(incoming, limit, budget))
        .await
        .unwrap_or(Err(BodyError::Timeout { after }))
}

async fn collect(
    incoming: &mut Incoming,
    limit: usize,
    budget: &Arc<BodyBudget>,
) -> Result<WholeBody, BodyError> {
    let expected = incoming.size_hint().lower() as usize;
    // Copies the bytes, so that the connection can use its buffer again at once and the buffer
    // does not live as long as the event.
    let mut bytes = Vec::with_capacity(expected.min(ADVANCE));
    let mut share = BudgetShare {
        of: budget.clone(),
        bytes: 0,
    };
    while let Some(frame) = incoming.frame().await {
        // Trailers are not signed and mean nothing.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() > limit - bytes.len() {
            return Err(BodyError::TooLarge { limit });
        }
        share.grow(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(WholeBody {
        bytes: bytes.into(),
        _share: share,
    })
}

/// Reads and discards the rest of a refused body, within limits, while the response is sent. The
/// connection counts as open meanwhile.
pub(super) fn linger(mut incoming: Incoming) {
    if incoming.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(LINGER_TIME, async move {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = incoming.frame().await {
            let read = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(read) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    }));
}
