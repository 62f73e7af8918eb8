//! The deliveries that run now.
//!
//! If the process ends, others count an attempt for each of them. So the database has the list,
//! some milliseconds late: whoever runs does not wait for it.

use std::collections::HashSet;

use parking_lot::Mutex;

/// The deliveries that run now.
#[derive(Default)]
pub(crate) struct Marks {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    running: HashSet<i64>,
    /// Raised with each change.
    version: u64,
    /// The version that the database has.
    written: u64,
}

impl Marks {
    /// Notes that a delivery runs.
    pub(crate) fn add(&self, delivery: i64) {
        let mut inner = self.inner.lock();
        if inner.running.insert(delivery) {
            inner.version += 1;
        }
    }

    /// Notes that a delivery does not run any more.
    pub(crate) fn remove(&self, delivery: i64) {
        let mut inner = self.inner.lock();
        if inner.running.remove(&delivery) {
            inner.version += 1;
        }
    }

    /// What the database does not have yet; `None` if it has all.
    pub(crate) fn changed(&self) -> Option<(u64, Vec<i64>)> {
        let inner = self.inner.lock();
        (inner.version != inner.written)
            .then(|| (inner.version, inner.running.iter().copied().collect()))
    }

    /// Notes that the database has nothing: the gateway is registered anew.
    pub(crate) fn forget_written(&self) {
        let mut inner = self.inner.lock();
        inner.version += 1;
    }

    /// Notes that the database has this version.
    pub(crate) fn written(&self, version: u64) {
        self.inner.lock().written = version;
    }
}
