//! Request bodies: reads them whole, within limits of size, time and memory.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::budget::{NoMemory, Share};

/// The most memory that is allocated for a body before its bytes arrive, whatever length the peer
/// announces: enough for most events.
const ADVANCE: usize = 8 * 1024;
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
    /// There is no memory for the body.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
}

/// Reads a body to its end. Adds its memory to `share`. The rest of a refused body stays in
/// `incoming`, for [`linger`].
pub(super) async fn read(
    incoming: &mut Incoming,
    limit: usize,
    after: Duration,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    if incoming.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge { limit });
    }
    timeout(after, collect(incoming, limit, share))
        .await
        .unwrap_or(Err(BodyError::Timeout { after }))
}

async fn collect(
    incoming: &mut Incoming,
    limit: usize,
    share: &mut Share,
) -> Result<Bytes, BodyError> {
    let expected = incoming.size_hint().lower() as usize;
    // Copies the bytes, so that the connection can use its buffer again at once and the buffer
    // does not live as long as the event.
    let mut bytes = Vec::new();
    reserve(&mut bytes, expected.min(ADVANCE), limit, share)?;
    while let Some(frame) = incoming.frame().await {
        // Trailers are not signed and mean nothing.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() > limit - bytes.len() {
            return Err(BodyError::TooLarge { limit });
        }
        reserve(&mut bytes, data.len(), limit, share)?;
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// Makes room for so many bytes more. Memory at least doubles, up to `limit`, so that a body which
/// arrives in small parts is not copied for each part.
fn reserve(
    bytes: &mut Vec<u8>,
    more: usize,
    limit: usize,
    share: &mut Share,
) -> Result<(), NoMemory> {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let wanted = needed.max((bytes.capacity() * 2).min(limit));
        share.grow(wanted - bytes.capacity())?;
        bytes.reserve_exact(wanted - bytes.len());
    }
    Ok(())
}

/// Reads and discards the rest of a refused body, within limits, while the response is sent. The
/// connection counts as open meanwhile, and the memory as held.
pub(super) fn linger(mut incoming: Incoming, share: Option<Share>) {
    if incoming.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(LINGER_TIME, async move {
        let _share = share;
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
