//! Permits for the instances of the pool. The pool returns an error when it is exhausted; a
//! permit is waited for instead.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Counts the free instances of the pool.
pub(crate) struct InstancePermits {
    free: Mutex<u32>,
    freed: Condvar,
}

/// The right to one instance. Dropping the permit frees the instance.
pub(crate) struct InstancePermit(Arc<InstancePermits>);

impl InstancePermits {
    pub(crate) fn new(count: u32) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        })
    }

    /// Blocks until an instance is free.
    pub(crate) fn acquire(self: &Arc<Self>) -> InstancePermit {
        let mut free = self.free.lock();
        while *free == 0 {
            self.freed.wait(&mut free);
        }
        *free -= 1;
        InstancePermit(self.clone())
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
