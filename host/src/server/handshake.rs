//! The handshake of TLS on a connection that has just been accepted.

use std::io;
use std::sync::Arc;

use rustls::server::Acceptor;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::context::ConnectionError;
use super::refusal::{HandshakeFault, Refusal};
use super::secured::Secured;
use crate::tls::{Shown, TlsLayer};

/// The memory of a handshake: a peer may send a message of 64 KiB.
pub(super) const MEMORY: usize = 64 * 1024;
/// The memory of a connection for its life: its keys, and a record that has arrived in part.
pub(super) const CONNECTION: usize = 20 * 1024;

/// The first byte of every record of a handshake.
const HANDSHAKE: u8 = 22;

/// Shakes hands with a peer. A peer that closes the connection before its first byte is no
/// mistake: so do health checks. Nor is a peer that says nothing until `deadline`: the caller ends
/// that wait.
///
/// # Errors
/// A refusal that says what is wrong, or the socket failed.
pub(super) async fn shake_hands(
    stream: TcpStream,
    tls: &TlsLayer,
    deadline: Instant,
) -> Result<(TlsStream<TcpStream>, Secured), ConnectionError> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if first[0] != HANDSHAKE {
        return Err(answer_plain(stream, first[0]).await.into());
    }
    let acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let shaking = async {
        let start = acceptor.await?;
        let config = tls.config(&start.client_hello());
        start.into_stream(config).await
    };
    let stream = timeout_at(deadline, shaking)
        .await
        .map_err(|_| Refusal::TlsHandshake(HandshakeFault::Late))?
        .map_err(fault)?;
    let secured = Secured {
        certificate: certificate(&stream, tls),
    };
    Ok((stream, secured))
}

/// Whether the peer chose HTTP/2. Waits for the first byte of a request, as without TLS.
pub(super) async fn is_http2(stream: &mut TlsStream<TcpStream>) -> io::Result<bool> {
    stream.fill_buf().await?;
    let (_, session) = stream.get_ref();
    Ok(session.alpn_protocol() == Some(b"h2"))
}

fn certificate(stream: &TlsStream<TcpStream>, tls: &TlsLayer) -> Option<Arc<Shown>> {
    let (_, session) = stream.get_ref();
    tls.shown(session.peer_certificates()?).map(Arc::new)
}

/// Tells a peer that speaks HTTP without TLS what is wrong.
async fn answer_plain(mut stream: TcpStream, first: u8) -> Refusal {
    const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\
        content-type: text/plain\r\ncontent-length: 35\r\n\r\nthis port speaks https, and no http";
    if first.is_ascii_uppercase() {
        // Bytes that were not read would discard the answer.
        let mut rest = [0; 4096];
        _ = stream.try_read(&mut rest);
        if stream.write_all(ANSWER).await.is_ok() {
            _ = stream.shutdown().await;
        }
    }
    Refusal::TlsHandshake(HandshakeFault::NoTls)
}

/// What is wrong with a handshake.
fn fault(error: io::Error) -> ConnectionError {
    use rustls::Error as Tls;
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    let fault = match cause {
        Some(Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented) => {
            HandshakeFault::Certificate
        }
        Some(Tls::AlertReceived(_)) => HandshakeFault::Peer,
        Some(Tls::PeerIncompatible(_) | Tls::NoApplicationProtocol) => {
            HandshakeFault::NothingShared
        }
        Some(_) => HandshakeFault::Damaged,
        None if error.kind() == io::ErrorKind::UnexpectedEof => HandshakeFault::BrokenOff,
        None => return error.into(),
    };
    Refusal::TlsHandshake(fault).into()
}
