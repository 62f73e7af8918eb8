//! A count of the pool's free instances. The pool answers with an error when it is
//! exhausted; a run waits here instead.

use parking_lot::{Condvar, Mutex};

pub(super) struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

/// The right to one instance.
pub(super) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(super) fn new(count: u32) -> Self {
        Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        }
    }

    /// Waits for a free instance.
    pub(super) fn take(&self) -> Slot<'_> {
        let mut free = self.free.lock();
        while *free == 0 {
            self.freed.wait(&mut free);
        }
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
