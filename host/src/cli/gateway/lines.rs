//! Answers of the admin API that come line by line for a long time.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_base::secret::Secret;

use super::error::{AnswerError, ClientError, refused};

/// The longest time to make a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest silence. A gateway says every ten seconds that it is there.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest line, in bytes: several times the largest body that a gateway takes.
const LONGEST: usize = 512 << 20;
/// The longest refusal that is read, in bytes.
const REFUSAL: usize = 64 << 10;

/// The lines of an answer, as they come.
pub(in crate::cli) struct LineStream {
    address: String,
    incoming: Incoming,
    read: Vec<u8>,
    /// How much of `read` was searched for the end of a line.
    searched: usize,
}

impl LineStream {
    /// Posts a call. Returns once the gateway has begun to answer.
    pub(super) async fn open(
        authority: &str,
        token: Option<&Secret>,
        path: &str,
        body: &Value,
    ) -> Result<Self, ClientError> {
        let invalid = |source| ClientError::InvalidAnswer {
            address: authority.to_owned(),
            source,
        };
        let stream = connect(authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| invalid(error.into()))?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            let value = [b"Bearer ", token.expose()].concat();
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_string())));
        // The path is the program's own; a token may hold what no header can.
        let request = request.map_err(|error| unsendable(authority, error))?;
        let answer = timeout(SILENCE, sender.send_request(request)).await;
        let answer = answer
            .map_err(|_| invalid(AnswerError::Silent(SILENCE)))?
            .map_err(|error| invalid(error.into()))?;
        let status = answer.status().as_u16();
        if status != 200 {
            let body = Limited::new(answer.into_body(), REFUSAL).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(refused(status, &body));
        }
        Ok(Self {
            address: authority.to_owned(),
            incoming: answer.into_body(),
            read: Vec::new(),
            searched: 0,
        })
    }

    /// The next line that is not empty; `None` at the end.
    pub(in crate::cli) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            let end = self.read[self.searched..].iter().position(|b| *b == b'\n');
            let Some(end) = end else {
                self.searched = self.read.len();
                if !self.more().await? {
                    return Ok(None);
                }
                continue;
            };
            let rest = self.read.split_off(self.searched + end + 1);
            let line = std::mem::replace(&mut self.read, rest);
            self.searched = 0;
            if line.len() > 1 {
                return Ok(Some(line));
            }
        }
    }

    /// Reads more. Returns whether there is more.
    async fn more(&mut self) -> Result<bool, ClientError> {
        let frame = match timeout(SILENCE, self.incoming.frame()).await {
            Err(_) => return Err(self.invalid(AnswerError::Silent(SILENCE))),
            Ok(None) => return Ok(false),
            Ok(Some(Err(error))) => return Err(self.invalid(error.into())),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Some(data) = frame.data_ref() {
            self.read.extend_from_slice(data);
        }
        match self.read.len() > LONGEST {
            true => Err(self.invalid(AnswerError::TooLong)),
            false => Ok(true),
        }
    }

    fn invalid(&self, source: AnswerError) -> ClientError {
        ClientError::InvalidAnswer {
            address: self.address.clone(),
            source,
        }
    }
}

async fn connect(authority: &str) -> Result<TcpStream, ClientError> {
    let late = |_| std::io::ErrorKind::TimedOut.into();
    let connected = timeout(CONNECT, TcpStream::connect(authority)).await;
    let connected = connected.map_err(late).and_then(|stream| stream);
    connected.map_err(|source| ClientError::Unreachable {
        address: authority.to_owned(),
        source,
    })
}

fn unsendable(authority: &str, error: http::Error) -> ClientError {
    ClientError::Unreachable {
        address: authority.to_owned(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, error),
    }
}
