//! Follows the heads of HTTP/1.1 requests in the bytes of a connection, as far as limits need it.
//!
//! hyper does not say how much it has read beyond a request. So the end of each head is looked for
//! here as well. What is found serves timeouts and the budget of memory. Strict rules are applied
//! apart from that, on the exact way of the requests.

use super::budget::Share;
use super::idle::Activity;
use super::refusal::Refusal;
use super::strict::{Breach, Requests};
use crate::settings::Strict;

/// Bytes that hyper holds for a connection while its peer sends at most as many at once.
const USUAL: usize = 16 * 1024;
/// The memory of a connection whose buffer has grown: it doubles up to the longest head.
const GROWN: usize = 128 * 1024;

/// The heads of one connection.
#[derive(Debug)]
pub(super) struct Heads {
    /// The memory of the connection.
    share: Share,
    has_grown: bool,
    /// Bytes that arrived since the last request began.
    arrived: usize,
    /// How many requests had begun at the last look.
    begun: u64,
    place: Place,
    /// The requests as strict rules see them; `None` without such a rule.
    strict: Option<Requests>,
    /// The next head, which is not passed on, breaks this rule.
    breach: Option<Breach>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// In a head. `text`: a line with text has come. `empty`: the present line is empty so far.
    Head { text: bool, empty: bool },
    /// Beyond the head of the request that begins next or is under way.
    Beyond,
}

impl Heads {
    /// Nothing has been read. `share` is the memory of the connection, `rules` the heads that are
    /// refused.
    pub(super) fn new(share: Share, rules: Strict) -> Self {
        Self {
            share,
            has_grown: false,
            arrived: 0,
            begun: 0,
            place: Place::Beyond,
            strict: rules.reads_heads().then(|| Requests::new(rules)),
            breach: None,
        }
    }

    /// Whether the bytes that come next are refused, because they belong to a head that breaks a
    /// rule.
    pub(super) fn refuses(&self) -> Option<Refusal> {
        self.breach.map(Refusal::Head)
    }

    /// Takes in bytes of the peer. Returns how many of them may be passed on to hyper.
    ///
    /// # Errors
    /// There is no memory to keep them, or the first of them belong to a head that breaks a rule.
    pub(super) fn received(&mut self, bytes: &[u8], activity: &Activity) -> Result<usize, Refusal> {
        let passed = match self.strict.as_mut().map(|strict| strict.received(bytes)) {
            None | Some(Ok(())) => bytes.len(),
            // The requests before the head are answered first.
            Some(Err(broken)) => {
                self.breach = Some(broken.breach);
                broken.before
            }
        };
        if passed == 0
            && let Some(refusal) = self.refuses()
        {
            return Err(refusal);
        }
        self.follow(&bytes[..passed], activity)?;
        Ok(passed)
    }

    fn follow(&mut self, bytes: &[u8], activity: &Activity) -> Result<(), Refusal> {
        self.account_for(bytes.len(), activity)?;
        if activity.received() {
            self.place = Place::Head {
                text: false,
                empty: true,
            };
        }
        match self.place {
            Place::Beyond => activity.received_beyond_head(bytes.len() as u64),
            Place::Head { .. } => {
                if let Some(beyond) = self.end_of_head(bytes) {
                    activity.found_end_of_head(beyond as u64);
                }
            }
        }
        Ok(())
    }

    fn account_for(&mut self, bytes: usize, activity: &Activity) -> Result<(), Refusal> {
        let begun = activity.begun();
        if self.begun != begun {
            self.begun = begun;
            self.arrived = 0;
        }
        self.arrived += bytes;
        if self.arrived > USUAL && !self.has_grown {
            self.share.grow(GROWN).map_err(|_| Refusal::Memory)?;
            // hyper keeps the buffer for the life of the connection.
            self.has_grown = true;
        }
        Ok(())
    }

    /// How many of the bytes lie beyond the head, if it ends in them.
    fn end_of_head(&mut self, bytes: &[u8]) -> Option<usize> {
        let Place::Head { text, empty } = &mut self.place else {
            return None;
        };
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'\r' => {}
                b'\n' if *empty && *text => {
                    self.place = Place::Beyond;
                    return Some(bytes.len() - index - 1);
                }
                b'\n' => *empty = true,
                _ => (*text, *empty) = (true, false),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::budget::{Allowance, Budget};
    use super::*;

    fn heads(budget: usize) -> Heads {
        let allowance = Allowance::of(Budget::new(budget));
        Heads::new(allowance.share(0).unwrap(), Strict::OFF)
    }

    /// Whether a head is arriving once a request with this announced body has ended.
    fn head_begins(parts: &[&str], announced: Option<u64>) -> bool {
        let (mut heads, activity) = (heads(1 << 20), Arc::new(Activity::new()));
        heads.received(parts[0].as_bytes(), &activity).unwrap();
        let request = activity.begin(announced);
        for part in &parts[1..] {
            heads.received(part.as_bytes(), &activity).unwrap();
        }
        drop(request);
        activity.head_begun().is_some()
    }

    #[test]
    fn a_part_of_the_next_head_is_seen_at_the_end_of_a_request() {
        const POST: &str = "\r\nPOST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n";
        let with = |more: &str| format!("{POST}{more}");
        assert!(!head_begins(&[&with("{}")], Some(2)));
        assert!(head_begins(&[&with("{}P")], Some(2)));
        assert!(!head_begins(&[&with("{"), "}"], Some(2)));
        assert!(head_begins(&[&with("{"), "}PO"], Some(2)));
        assert!(head_begins(&[&with("{"), "}", "P"], Some(2)));
        assert!(!head_begins(&[&with("{}P")], None));
        assert!(head_begins(&["GET / HTTP/1.1\n\nG"], Some(0)));
    }

    #[test]
    fn a_large_buffer_is_paid_for_once() {
        let activity = Arc::new(Activity::new());
        let mut small = heads(100 * 1024);
        assert!(small.received(&[b'x'; USUAL], &activity).is_ok());
        let refused = small.received(b"x", &activity);
        assert_eq!(refused, Err(Refusal::Memory));
        let mut large = heads(4 * GROWN);
        for _ in 0..100 {
            large.received(&[b'x'; USUAL], &activity).unwrap();
        }
    }
}
