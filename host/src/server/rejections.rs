//! Counts the refused requests, and those that were odd, and logs some of them.
//!
//! Anybody can send requests that are refused, as fast as the network allows. So the log takes a
//! few lines a second for each source, and says how many lines it left out.

use std::collections::HashMap;
use std::fmt;

use parking_lot::Mutex;
use tracing::warn;

use super::kept::{Kept, Quota, Refused};
use tollgate_base::event::SourceName;
use tollgate_base::time::WallTime;
use tollgate_ledger::Rejection;

/// The most log lines a second about refusals of one source.
const LINES_PER_SECOND: u32 = 5;

/// The requests that were refused since the start, counted by source and reason. Beside them those
/// that were taken although something about them was odd.
#[derive(Debug, Default)]
pub struct Rejections {
    refused: Counts,
    odd: Counts,
    kept: Kept,
}

/// Counts by source and code.
#[derive(Debug, Default)]
struct Counts(Mutex<HashMap<Option<SourceName>, SourceRejections>>);

/// The refusals of one source for one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejected {
    /// The source; `None` for a path that no source has.
    pub source: Option<SourceName>,
    /// The reason, as a short word that never changes.
    pub code: &'static str,
    /// How many requests were refused.
    pub count: u64,
}

/// The refusals of one source. Their codes are words of this program, and the sources are those of
/// the manifest: so both maps are bounded, whatever strangers send.
#[derive(Debug, Default)]
struct SourceRejections {
    counts: HashMap<&'static str, u64>,
    kept: HashMap<&'static str, Quota>,
    second: u64,
    lines: u32,
    suppressed: u64,
}

/// What becomes of a refusal beside its count.
struct Admitted {
    /// If the log has room: the number of lines left out before.
    line: Option<u64>,
    /// If the refusal is kept: the number of those before that are not.
    kept: Option<u64>,
}

impl Rejections {
    /// The counts of refused requests, in the order of sources and codes.
    pub fn snapshot(&self) -> Vec<Rejected> {
        self.refused.snapshot()
    }

    /// The counts of odd requests, by code.
    pub fn odd(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let odd = self.odd.snapshot();
        odd.into_iter().map(|one| (one.code, one.count))
    }

    /// The most rejections that wait until somebody writes them down, about.
    pub(crate) const MOST_KEPT: usize = 1024;

    /// Takes the rejections that are kept.
    pub(crate) fn take_kept(&self) -> Vec<Rejection> {
        self.kept.take()
    }

    /// Lets so many bytes of a refused body be kept.
    pub(crate) fn keep_body(&self, bytes: usize) {
        self.kept.set_body(bytes);
    }

    /// Whether a refused body is kept in part.
    pub(super) fn keeps_body(&self) -> bool {
        self.kept.body() > 0
    }

    /// Keeps a refusal for operators, if [`count`](Self::count) said so.
    pub(super) fn keep(&self, refused: Refused<'_>, more: u64) {
        self.kept.put(refused.rejection(self.kept.body(), more));
    }

    /// Counts one refusal. Logs the refusal unless the log has enough lines of this second.
    /// `reason` must hold no secret, and text of a stranger only in escaped form. If the refusal is
    /// to be kept, returns the number of those before that are not.
    pub(super) fn count(
        &self,
        source: Option<&SourceName>,
        code: &'static str,
        reason: &dyn fmt::Display,
        peer: &dyn fmt::Display,
        now: WallTime,
    ) -> Option<u64> {
        let Admitted { line, kept } = self.refused.admit(source, code, now);
        if let Some(suppressed) = line {
            let source = source.map_or("-", SourceName::as_str);
            warn!(source, code, %reason, %peer, suppressed, "refused a request");
        }
        kept
    }

    /// Counts a request that is odd, and logs the request in the same manner. The request goes on.
    pub(super) fn count_odd(
        &self,
        code: &'static str,
        reason: &dyn fmt::Display,
        peer: &dyn fmt::Display,
        now: WallTime,
    ) {
        if let Some(suppressed) = self.odd.admit(None, code, now).line {
            warn!(code, %reason, %peer, suppressed, "a request is odd");
        }
    }
}

impl Counts {
    fn snapshot(&self) -> Vec<Rejected> {
        let mut all: Vec<_> = self
            .0
            .lock()
            .iter()
            .flat_map(|(source, of)| {
                of.counts.iter().map(|(&code, &count)| Rejected {
                    source: source.clone(),
                    code,
                    count,
                })
            })
            .collect();
        all.sort();
        all
    }

    /// Counts one refusal.
    fn admit(&self, source: Option<&SourceName>, code: &'static str, now: WallTime) -> Admitted {
        let mut all = self.0.lock();
        let of = all.entry(source.cloned()).or_default();
        *of.counts.entry(code).or_default() += 1;
        let quota = of.kept.entry(code);
        let kept = quota.or_insert_with(|| Quota::full(now)).take(now);
        let second = now.as_secs();
        if of.second != second {
            of.second = second;
            of.lines = 0;
        }
        if of.lines == LINES_PER_SECOND {
            of.suppressed += 1;
            return Admitted { line: None, kept };
        }
        of.lines += 1;
        let line = Some(std::mem::take(&mut of.suppressed));
        Admitted { line, kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_whole_and_logged_in_part() {
        let rejections = Counts::default();
        let source = SourceName::new("stripe");
        let lines = |second: u64, requests: usize| {
            (0..requests)
                .filter_map(|_| {
                    rejections
                        .admit(Some(&source), "signature", WallTime::from_secs(second))
                        .line
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(7, 100), [0; 5]);
        assert_eq!(lines(8, 1), [95]);
        assert_eq!(lines(8, 1), [0]);
        assert!(
            rejections
                .admit(None, "unknown_path", WallTime::from_secs(8))
                .line
                .is_some()
        );
        assert_eq!(
            rejections.snapshot(),
            [
                Rejected {
                    source: None,
                    code: "unknown_path",
                    count: 1
                },
                Rejected {
                    source: Some(source.clone()),
                    code: "signature",
                    count: 102
                },
            ]
        );
    }
}
