//! Refuses requests that other servers read differently.
//!
//! hyper is lenient in a few places: a line may end with a bare LF, `Transfer-Encoding` wins over
//! `Content-Length`. A proxy in front that reads such a head in the other way sees other requests
//! than the gateway (request smuggling). hyper keeps no trace of these places. So the bytes are
//! followed here before hyper sees them: head, body, next head. Whatever a head has, hyper gets no
//! byte of a request that is refused, unless the byte came in an earlier read.

mod breach;
mod chunks;
mod head;
pub(super) mod host;

pub use breach::Breach;

use crate::settings::Strict;
use chunks::Chunks;
use head::{Body, Head};

/// Follows the requests of one HTTP/1.1 connection.
#[derive(Debug)]
pub(super) struct Requests {
    rules: Strict,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Head(Head),
    /// In a body with so many bytes left.
    Length(u64),
    Chunks(Chunks),
    /// In a body that hyper refuses. Nothing after it is a request.
    Broken,
}

/// A head that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// How many bytes came before the head.
    pub(super) before: usize,
    /// The rule.
    pub(super) breach: Breach,
}

impl Requests {
    /// Nothing has been read.
    pub(super) fn new(rules: Strict) -> Self {
        Self {
            rules,
            place: Place::Head(Head::default()),
        }
    }

    /// Takes in the next bytes of the connection.
    ///
    /// # Errors
    /// A head breaks a rule. Nothing may be taken in after that.
    pub(super) fn received(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        // Where the head that is being read begins.
        let mut before = 0;
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.place {
                Place::Head(head) => {
                    let next = head.next(bytes[at], self.rules);
                    at += 1;
                    match next {
                        Err(breach) => return Err(Broken { before, breach }),
                        Ok(None) => {}
                        Ok(Some(body)) => {
                            self.place = Place::after(body);
                            before = at;
                        }
                    }
                }
                Place::Length(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX);
                    let taken = taken.min(bytes.len() - at);
                    *left -= taken as u64;
                    at += taken;
                    if *left == 0 {
                        self.place = Place::Head(Head::default());
                        before = at;
                    }
                }
                Place::Chunks(chunks) => match chunks.take(&bytes[at..]) {
                    chunks::Taken::All => at = bytes.len(),
                    chunks::Taken::End(taken) => {
                        at += taken;
                        self.place = Place::Head(Head::default());
                        before = at;
                    }
                    chunks::Taken::Broken => self.place = Place::Broken,
                },
                Place::Broken => at = bytes.len(),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Requests {
    /// Whether nothing of a request has come, or a whole number of requests.
    fn is_between(&self) -> bool {
        matches!(&self.place, Place::Head(head) if head.is_empty())
    }
}

impl Place {
    fn after(body: Body) -> Self {
        match body {
            Body::Length(0) => Self::Head(Head::default()),
            Body::Length(length) => Self::Length(length),
            Body::Chunked => Self::Chunks(Chunks::default()),
        }
    }
}

#[cfg(test)]
mod tests;
