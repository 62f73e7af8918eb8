//! A connection that lets other tasks run between its reads.
//!
//! What a receiver sends can be read faster than its end comes: interim answers without end, for
//! instance. The HTTP client takes such input one after another for as long as there is more.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

/// The most bytes that one read takes.
const READ: usize = 16 * 1024;
/// After so many bytes other tasks run.
const TURN: usize = 64 * 1024;

/// A connection whose reads are bounded, each and in a row.
pub(crate) struct Paced<T> {
    stream: T,
    in_a_row: usize,
}

impl<T> Paced<T> {
    pub(super) fn new(stream: T) -> Self {
        Self {
            stream,
            in_a_row: 0,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.in_a_row >= TURN {
            self.in_a_row = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let room = buffer.remaining().min(READ);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        buffer.advance(read);
        self.in_a_row = match polled.is_pending() {
            true => 0,
            false => self.in_a_row + read,
        };
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<T> Connection for Paced<T> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Connects to any address that a name has. The connections are paced.
#[derive(Clone)]
pub(crate) struct PacedHttp(HttpConnector);

impl PacedHttp {
    /// A connector for `https`, whose TLS is somebody else's part.
    pub(crate) fn for_https() -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        Self(connector)
    }
}

impl Service<Uri> for PacedHttp {
    type Response = TokioIo<Paced<TcpStream>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            let stream: TokioIo<TcpStream> = connecting.await?;
            Ok(TokioIo::new(Paced::new(stream.into_inner())))
        })
    }
}
