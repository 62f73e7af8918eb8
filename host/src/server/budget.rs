//! The memory that is held for peers before a signature holds: one budget for all of a listener.
//!
//! Connections, heads, streams and bodies take shares of the budget. A share that the budget cannot
//! give is refused at once, so that strangers cannot make the process grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A network may hold as many times what is left of the budget. So one network alone gets three
/// quarters of the budget at most, and a network that holds little gets more while anything is
/// left, however many others hold as much as they can.
const TIMES_LEFT: usize = 3;

/// The budget of a listener, in bytes.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }
}

/// The budget has no room for more, or not for more of this network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("peers hold too much memory")]
pub(super) struct NoMemory;

/// The part of the budget that one network holds.
#[derive(Debug)]
pub(super) struct Allowance {
    budget: Arc<Budget>,
    held: AtomicUsize,
}

impl Allowance {
    /// An allowance of which nothing is held.
    pub(super) fn of(budget: Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            budget,
            held: AtomicUsize::new(0),
        })
    }

    /// The bytes that are left of the whole budget.
    pub(super) fn left(&self) -> usize {
        self.budget.left.load(Relaxed)
    }

    /// Takes a share.
    ///
    /// # Errors
    /// There is no room.
    pub(super) fn share(self: &Arc<Self>, bytes: usize) -> Result<Share, NoMemory> {
        let mut share = Share {
            of: self.clone(),
            bytes: 0,
        };
        share.grow(bytes)?;
        Ok(share)
    }
}

/// Bytes that are taken from the budget. They return to the budget on drop.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Allowance>,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more.
    ///
    /// # Errors
    /// There is no room. The share stays as it was.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoMemory> {
        let Allowance { budget, held } = &*self.of;
        let held_before = held.fetch_add(bytes, Relaxed);
        let fits = |left: usize| {
            let left = left.checked_sub(bytes)?;
            (held_before + bytes <= left.saturating_mul(TIMES_LEFT)).then_some(left)
        };
        if budget.left.fetch_update(Relaxed, Relaxed, fits).is_err() {
            held.fetch_sub(bytes, Relaxed);
            return Err(NoMemory);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.bytes, Relaxed);
        self.of.budget.left.fetch_add(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_gets_three_quarters_and_the_next_gets_its_part_of_the_rest() {
        let budget = Budget::new(1600);
        let [first, second] = [(); 2].map(|()| Allowance::of(budget.clone()));
        let mut shares = Vec::new();
        let mut take_all = |allowance: &Arc<Allowance>| {
            let before = allowance.left();
            while let Ok(share) = allowance.share(1) {
                shares.push(share);
            }
            before - allowance.left()
        };
        assert_eq!(take_all(&first), 1200);
        assert_eq!(take_all(&second), 300);
        assert_eq!(first.share(1).unwrap_err(), NoMemory);
        drop(shares);
        assert_eq!(first.left(), 1600);
        assert!(first.share(1200).is_ok());
        assert!(first.share(1201).is_err());
    }

    #[test]
    fn a_share_that_cannot_grow_stays_as_it_was() {
        let allowance = Allowance::of(Budget::new(400));
        let mut share = allowance.share(100).unwrap();
        assert_eq!(share.grow(201), Err(NoMemory));
        share.grow(200).unwrap();
        assert_eq!(allowance.left(), 100);
        drop(share);
        assert_eq!(allowance.left(), 400);
    }
}
