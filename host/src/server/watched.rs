//! A stream that looks at the bytes of its peer as they arrive.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::heads::Heads;
use super::idle::Activity;
use super::refusal::Refusal;
use super::transport::Transport;

/// A stream whose arriving bytes are looked at. A peer that passes a bound reads as an error, and
/// the [`Activity`] knows the refusal.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) stream: Transport,
    pub(super) activity: Arc<Activity>,
    pub(super) watch: Watch,
}

/// The look at the bytes, by the version of HTTP.
#[derive(Debug)]
pub(super) enum Watch {
    /// HTTP/1.1.
    Heads(Heads),
    /// HTTP/2.
    Frames(Frames),
}

impl Watch {
    /// Whether the bytes that come next are refused.
    fn refuses(&self) -> Option<Refusal> {
        match self {
            Self::Heads(heads) => heads.refuses(),
            Self::Frames(_) => None,
        }
    }

    /// Returns how many of the bytes may be passed on.
    fn received(&mut self, bytes: &[u8], activity: &Activity) -> Result<usize, Refusal> {
        match self {
            Self::Heads(heads) => heads.received(bytes, activity),
            Self::Frames(frames) => match frames.received(bytes, Instant::now()) {
                true => Ok(bytes.len()),
                false => Err(Refusal::Flood),
            },
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(refusal) = self.watch.refuses() {
            self.activity.refuse(refusal);
            return Poll::Ready(Err(io::Error::other(refusal)));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let bytes = &buffer.filled()[before..];
        if !bytes.is_empty() {
            let Self {
                activity, watch, ..
            } = &mut *self;
            match watch.received(bytes, activity) {
                Ok(passed) => buffer.set_filled(before + passed),
                Err(refusal) => {
                    activity.refuse(refusal);
                    return Poll::Ready(Err(io::Error::other(refusal)));
                }
            }
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper takes a refusal for the end of the connection. The peer gets a last answer.
        if self.activity.refusal().is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
