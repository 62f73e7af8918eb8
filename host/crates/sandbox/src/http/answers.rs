//! The sources of the answers to a run's immediate requests.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_ledger::{Exchange, ExchangeAnswer, RequestDigest};

use super::no_answer::NoAnswer;

/// The end of a request that went out.
pub type SendFuture = Pin<Box<dyn Future<Output = Result<ExchangeAnswer, NoAnswer>> + Send>>;

/// Sends the immediate requests of one handler. Dropping the future ends the request.
pub trait RequestSender: Send + Sync {
    /// Sends a request to one of the handler's granted origins.
    fn send(&self, request: http::Request<Bytes>) -> SendFuture;
}

/// Where the answers to a run's immediate requests come from. By default from nowhere: every
/// request is denied.
#[derive(Clone, Default)]
pub struct Answers {
    /// The exchanges of an earlier attempt. Each of its answers is given once, to the next request
    /// with the same method, URL and body.
    pub recorded: Arc<[Exchange]>,
    /// Sends the requests that have no recorded answer.
    pub sender: Option<Arc<dyn RequestSender>>,
}

impl Answers {
    /// These answers and no others: a run that sends nothing.
    pub fn only(recorded: &[Exchange]) -> Self {
        Self {
            recorded: recorded.into(),
            sender: None,
        }
    }

    /// The recorded answers by request, each in the order of the requests.
    pub(super) fn by_request(&self) -> HashMap<RequestDigest, VecDeque<ExchangeAnswer>> {
        let mut answers: HashMap<_, VecDeque<_>> = HashMap::new();
        for exchange in &*self.recorded {
            if let (Some(digest), Ok(answer)) = (exchange.digest, &exchange.answer) {
                answers.entry(digest).or_default().push_back(answer.clone());
            }
        }
        answers
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers")
            .field("recorded", &self.recorded.len())
            .field("sends", &self.sender.is_some())
            .finish()
    }
}
