//! `rejections` of `[ledger]`: which refused requests are kept.

use std::time::Duration;

/// `rejections` of `[ledger]`: how many refused requests are kept for operators, how long, and how
/// much of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectionSettings {
    /// `keep`: the most of them. Default 10,000; 0 keeps none.
    pub keep: u64,
    /// `retention`: how long one is kept. Default 7 d.
    pub retention: Duration,
    /// `body`: the first bytes of the body that are kept, 4 KiB at most. Default 0: nobody has
    /// verified who sent them.
    pub body: usize,
}
