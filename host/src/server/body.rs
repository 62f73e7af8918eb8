//! Request bodies: whole or not at all, within limits of size, time and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

/// Memory set aside for a body before its bytes are there: what a peer merely
/// announces costs no more.
const ADVANCE: usize = 64 * 1024;
/// What is read of a refused body so that the sender gets to see the answer: closing a
/// socket with unread bytes in it discards what was sent to the peer.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How long such a body is read.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Why a body is not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// It is, or says that it is, longer than the limit.
    #[error("the body is longer than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It took too long.
    #[error("the body was not complete after {after:?}")]
    Timeout {
        /// The limit of time.
        after: Duration,
    },
    /// The sender broke off, or broke the protocol.
    #[error("the body broke off: {0}")]
    Broken(#[source] hyper::Error),
    /// The bodies under way together take too much memory.
    #[error("too many bytes of bodies are under way")]
    NoMemory,
}

/// Bytes that the bodies under way may take together. Without it, as many connections
/// as are allowed, each with a body of the allowed size, would take gigabytes.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }
}

/// A share of the budget, given back when dropped.
struct Share {
    of: Arc<Budget>,
    bytes: usize,
}

impl Share {
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

impl Drop for Share {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// A body with its share of the budget.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _share: Share,
}

/// Reads a body to its end. A body that is refused is left in `incoming`, for
/// [`linger`].
pub(super) async fn read(
    incoming: &mut Incoming,
    limit: usize,
    after: Duration,
    budget: &Arc<Budget>,
) -> Result<Whole, BodyError> {
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
    budget: &Arc<Budget>,
) -> Result<Whole, BodyError> {
    let expected = incoming.size_hint().lower() as usize;
    // The bytes are copied out of the connection's buffer, which can then be used
    // again at once, and is not kept as long as the event is.
    let mut bytes = Vec::with_capacity(expected.min(ADVANCE));
    let mut share = Share {
        of: budget.clone(),
        bytes: 0,
    };
    while let Some(frame) = incoming.frame().await {
        // Trailers are not signed by anybody and mean nothing here.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() > limit - bytes.len() {
            return Err(BodyError::TooLarge { limit });
        }
        share.grow(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok(Whole {
        bytes: bytes.into(),
        _share: share,
    })
}

/// Reads on and discards what is left of a refused body, beside the answer, within
/// limits. The connection stays counted meanwhile.
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
