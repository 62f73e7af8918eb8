//! Counts the calls of the admin service.

use std::collections::BTreeMap;

use http::StatusCode;
use parking_lot::Mutex;

/// The calls since the start, by resource and status. Resources are words of this program, so the
/// map is bounded.
#[derive(Debug, Default)]
pub(crate) struct AdminCalls(Mutex<BTreeMap<(&'static str, u16), u64>>);

impl AdminCalls {
    /// Counts a call.
    pub(crate) fn count(&self, resource: &'static str, status: StatusCode) {
        *self
            .0
            .lock()
            .entry((resource, status.as_u16()))
            .or_default() += 1;
    }

    /// The counts, by resource and status.
    pub(crate) fn read(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.0.lock().clone()
    }
}
