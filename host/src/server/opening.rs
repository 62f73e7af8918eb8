//! The beginning of a connection, up to the first bytes of HTTP.
//!
//! A proxy may first tell the address of its client. Over TLS the handshake then settles the
//! version of HTTP. Without TLS the first bytes tell it: `PRI` is HTTP/2 by prior knowledge,
//! everything else HTTP/1.1. These bytes stay in the buffer of the socket, so that HTTP/1.1 runs on
//! the bare socket afterwards.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::budget::{Allowance, Share};
use super::context::ConnectionError;
use super::handshake;
use super::layers::{Layers, is_of};
use super::proxy_header::{Parser, Said};
use super::refusal::{ProxyHeaderFault, Refusal};
use super::secured::Secured;
use super::transport::Transport;

/// The memory of a connection beside its requests: its task, and the buffers of hyper.
const MEMORY: usize = 16 * 1024;
/// The most bytes that are looked at together for the header of a proxy.
const LOOK: usize = 512;

/// A connection on which HTTP can begin.
pub(super) struct Opened {
    pub(super) stream: Transport,
    pub(super) version: Version,
    /// What TLS found out; `None` without TLS.
    pub(super) secured: Option<Secured>,
    /// The memory of the connection.
    pub(super) share: Share,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads the header of the PROXY protocol, if the listener wants one. Returns the address of the
/// client if the header tells it. A proxy that closes the connection before its first byte is no
/// mistake: so do health checks.
///
/// # Errors
/// A refusal if the peer is no proxy of the listener, or sends something else.
pub(super) async fn client(
    stream: &mut TcpStream,
    peer: SocketAddr,
    layers: &Layers,
    deadline: Instant,
) -> Result<Option<SocketAddr>, ConnectionError> {
    let Some(proxies) = &layers.proxies else {
        return Ok(None);
    };
    if !is_of(proxies, peer) {
        return Err(Refusal::ProxyUntrusted.into());
    }
    timeout_at(deadline, header(stream))
        .await
        .unwrap_or(Err(Refusal::ProxyHeader(ProxyHeaderFault::Late).into()))
}

/// Reads a header of the PROXY protocol to its end.
async fn header(stream: &mut TcpStream) -> Result<Option<SocketAddr>, ConnectionError> {
    let mut has_begun = false;
    let mut parser = Parser::new();
    let mut bytes = [0; LOOK];
    loop {
        let seen = stream.peek(&mut bytes).await?;
        if seen == 0 && has_begun {
            return Err(Refusal::ProxyHeader(ProxyHeaderFault::BrokenOff).into());
        }
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        has_begun = true;
        let (taken, said) = parser
            .take(&bytes[..seen])
            .map_err(|_| Refusal::ProxyHeader(ProxyHeaderFault::Damaged))?;
        // The bytes behind the header stay in the socket.
        stream.read_exact(&mut bytes[..taken]).await?;
        match said {
            Some(Said::Client(address)) => return Ok(Some(address)),
            Some(Said::NoClient) => return Ok(None),
            None => {}
        }
    }
}

/// Shakes hands if the listener has TLS, and waits for the first bytes of HTTP. The memory of the
/// connection comes from `allowance`. The caller ends the wait at `deadline`.
///
/// # Errors
/// There is no memory, the handshake or the socket failed.
pub(super) async fn open(
    stream: TcpStream,
    allowance: &Arc<Allowance>,
    layers: &Layers,
    deadline: Instant,
) -> Result<Opened, ConnectionError> {
    let mut share = allowance.share(MEMORY)?;
    let Some(tls) = &layers.tls else {
        let version = version(&stream).await?;
        return Ok(Opened {
            stream: Transport::Plain(stream),
            version,
            secured: None,
            share,
        });
    };
    share.grow(handshake::CONNECTION)?;
    let (mut stream, secured) = {
        let _share = allowance.share(handshake::MEMORY)?;
        handshake::shake_hands(stream, tls, deadline).await?
    };
    share.grow(secured.memory())?;
    let version = match handshake::is_http2(&mut stream).await? {
        true => Version::Http2,
        false => Version::Http1,
    };
    Ok(Opened {
        stream: Transport::Tls(Box::new(stream)),
        version,
        secured: Some(secured),
        share,
    })
}

/// The version that the first bytes of the peer stand for. The bytes stay in the socket.
async fn version(stream: &TcpStream) -> io::Result<Version> {
    const PREFACE: &[u8] = b"PRI";
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        match &first[..seen] {
            PREFACE => return Ok(Version::Http2),
            // The peer has closed its side; HTTP/1.1 sees the end of the connection.
            [] => return Ok(Version::Http1),
            some if PREFACE.starts_with(some) => sleep(Duration::from_millis(10)).await,
            _ => return Ok(Version::Http1),
        }
    }
}
