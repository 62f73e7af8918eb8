//! The order of a handler's deliveries, and stale deliveries.
//!
//! Deliveries of a handler with the same order key are handed out one after another, in the order
//! of arrival. The transactions that record and complete deliveries decide whose turn it is. So
//! the order holds across restarts, and however little of the waiting work fits into memory. A
//! delivery that waits for its turn is `pending` (or `held`) like any other, and no claim finds
//! it.

use sha2::{Digest, Sha256};

use tollgate_base::event::HandlerName;

/// The key that deliveries of a handler share which run one after another: 16 bytes of a sha256
/// over the handler's name and the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OrderKey(pub [u8; 16]);

impl OrderKey {
    /// The key of this value for this handler.
    pub fn new(handler: &HandlerName, value: &str) -> Self {
        let mut hash = Sha256::new();
        // Its length keeps ("a", "bc") and ("ab", "c") apart.
        hash.update((handler.as_str().len() as u64).to_be_bytes());
        hash.update(handler.as_str().as_bytes());
        hash.update(value.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        Self(key)
    }
}

/// A handler that gets a delivery of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The handler.
    pub handler: HandlerName,
    /// The order key; `None` if the delivery may run beside all others.
    pub key: Option<OrderKey>,
}

impl From<HandlerName> for Recipient {
    /// A recipient without an order key.
    fn from(handler: HandlerName) -> Self {
        Self { handler, key: None }
    }
}

/// The effect of a delivery's end on later deliveries of its order key.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct OrderEffect {
    /// Whether the delivery blocks its key if it becomes dead.
    pub blocks_when_dead: bool,
    /// How new the delivery's fact is. The ledger keeps the rank of the newest fact that is done
    /// of each key, and commits no older fact as done after it.
    pub rank: Option<Rank>,
}

/// How new a fact is. The unit is that of the handler's events.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Rank {
    /// A whole number; times are in milliseconds.
    Whole(i64),
    /// Any other number.
    Real(f64),
}

impl Rank {
    /// Whether this fact is older than `other`. Exact, even for whole numbers that a float cannot
    /// hold.
    pub fn is_older_than(self, other: Self) -> bool {
        // Floats beyond 64 bits become the largest number there is, which suffices here.
        let parts = |rank| match rank {
            Self::Whole(number) => (i128::from(number), 0.0),
            Self::Real(number) => (number.floor() as i128, number - number.floor()),
        };
        parts(self) < parts(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_compare_by_value() {
        use Rank::{Real, Whole};
        let rising = [
            Real(-1.5),
            Whole(-1),
            Real(0.25),
            Whole(1),
            Real(1.5),
            Whole(i64::MAX - 1),
            Whole(i64::MAX),
            Real(1e19),
        ];
        for (n, older) in rising.iter().enumerate() {
            for (m, newer) in rising.iter().enumerate() {
                assert_eq!(older.is_older_than(*newer), n < m, "{older:?} {newer:?}");
            }
        }
        assert!(!Whole(2).is_older_than(Real(2.0)) && !Real(2.0).is_older_than(Whole(2)));
    }
}
