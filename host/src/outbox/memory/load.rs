//! How much memory requests take, and how much they may take.

use tollgate_ledger::OutboxRequest;

/// Requests and the bytes that they take in memory, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::outbox) struct Load {
    pub(in crate::outbox) requests: usize,
    pub(in crate::outbox) bytes: usize,
}

impl Load {
    /// The load of one request.
    pub(super) fn of(request: &OutboxRequest) -> Self {
        let new = &request.request;
        let headers: usize = new
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 48)
            .sum();
        let key = new.order_key.as_ref().map_or(0, String::len);
        Self {
            requests: 1,
            bytes: 512 + new.url.len() + new.body.len() + headers + key,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
    }

    pub(super) fn remove(&mut self, other: Self) {
        self.requests -= other.requests;
        self.bytes -= other.bytes;
    }

    /// The size of one of so many equal parts: one request and one byte at least.
    pub(super) fn part(self, parts: usize) -> Self {
        let part = |whole: usize| (whole / parts.max(1)).max(1);
        Self {
            requests: part(self.requests),
            bytes: part(self.bytes),
        }
    }

    /// The smaller one of each.
    pub(super) fn min(self, other: Self) -> Self {
        Self {
            requests: self.requests.min(other.requests),
            bytes: self.bytes.min(other.bytes),
        }
    }

    /// Whether another request fits below `most`.
    pub(super) fn is_below(self, most: Self) -> bool {
        self.requests < most.requests && self.bytes < most.bytes
    }

    /// Whether this is more than `most`.
    pub(super) fn exceeds(self, most: Self) -> bool {
        self.requests > most.requests || self.bytes > most.bytes
    }

    /// The part of `most` that is free.
    pub(super) fn free_of(self, most: Self) -> Self {
        Self {
            requests: most.requests.saturating_sub(self.requests),
            bytes: most.bytes.saturating_sub(self.bytes),
        }
    }
}

/// How much memory may hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::outbox) struct Bounds {
    /// All lanes together.
    pub(in crate::outbox) all: Load,
    /// One lane, if others leave so much.
    pub(in crate::outbox) lane: Load,
}

impl Default for Bounds {
    /// 64 MiB in all, and an eighth of that for one lane.
    fn default() -> Self {
        Self {
            all: Load {
                requests: 32_768,
                bytes: 64 * 1024 * 1024,
            },
            lane: Load {
                requests: 4096,
                bytes: 8 * 1024 * 1024,
            },
        }
    }
}
