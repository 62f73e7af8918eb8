//! Exchanges: the immediate requests of an attempt, with their answers.
//!
//! A handler may send a request while it runs, and wait for the answer. The answer is recorded with
//! the attempt, so that a replay can do without another request. The query of the URL may hold
//! credentials and is not recorded: a digest of the whole request tells requests apart.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Identifies a request: equal for requests with the same method, URL and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestDigest(pub [u8; 32]);

impl RequestDigest {
    /// The digest of a request.
    pub fn of(method: &str, url: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [method.as_bytes(), url.as_bytes(), body] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// An immediate request of an attempt, with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The digest of the request; `None` if the request was refused before its body was known.
    pub digest: Option<RequestDigest>,
    /// The method.
    pub method: String,
    /// The URL. The ledger keeps none of its query.
    pub url: String,
    /// When the request began, in microseconds from the start of the run.
    pub after_us: u64,
    /// How long the guest waited, in microseconds.
    pub duration_us: u64,
    /// Whether the answer is that of an earlier attempt, so that no request went out.
    pub recorded: bool,
    /// The answer, or the reason why there is none.
    pub answer: Result<ExchangeAnswer, Unanswered>,
}

impl Exchange {
    /// A request that has no answer yet.
    pub fn begun(method: &str, url: &str, after_us: u64) -> Self {
        Self {
            digest: None,
            method: method.to_owned(),
            url: url.to_owned(),
            after_us,
            duration_us: 0,
            recorded: false,
            answer: Err(Unanswered("no answer when the run ended".to_owned())),
        }
    }

    /// About how many bytes the exchange holds.
    pub fn weight(&self) -> usize {
        let answer = match &self.answer {
            Ok(answer) => answer.len(),
            Err(Unanswered(why)) => why.len(),
        };
        self.method.len() + self.url.len() + answer
    }
}

/// Why an immediate request has no answer, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// The answer to an immediate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeAnswer {
    /// The status.
    pub status: u16,
    /// The headers: pairs of name (in lower case) and value, without cookies and without headers
    /// of the connection.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
}

impl ExchangeAnswer {
    /// The bytes of headers and body.
    pub fn len(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        headers + self.body.len()
    }

    /// Whether the answer has neither headers nor a body.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
