//! The last answer on a connection that hyper no longer serves.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::context::GOODBYE;

/// Answers with a status alone, and ends the connection. Before that, reads for a short while what
/// the peer still sends: if a connection is closed with unread bytes, the peer may lose the answer.
pub(super) async fn farewell(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str) {
    let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    let parting = async {
        // If a write fails, the connection is closed without a response.
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0; 4096];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    _ = timeout(GOODBYE, parting).await;
}
