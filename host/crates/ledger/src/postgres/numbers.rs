//! The numbers and ids that new rows get. No sequence of the database is asked.

use super::connection::Connection;
use super::error::Fault;
use super::values::get;

/// The most gateways at a time. A number has room for so many slots.
pub(crate) const SLOTS: i64 = 256;

/// The bits of an id below the slot.
const COUNT_BITS: u32 = 40;

/// A gateway's run: its slot, and the name of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Me {
    pub(crate) slot: i64,
    pub(crate) owner: i64,
}

/// What the next rows of a gateway get.
///
/// A *number* is a time by the database's clock in microseconds, and the slot. Numbers rise, are
/// given once, and those of all gateways are in the order of arrival, as far as one clock can tell.
/// An *id* is the slot and a count. Ids have no order between gateways.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    slot: i64,
    micros: i64,
    delivery: i64,
    request: i64,
}

impl Numbers {
    /// Goes on after all that the slot has ever given.
    pub(crate) async fn load(conn: &Connection, slot: i64) -> Result<Self, Fault> {
        let row = conn
            .first(
                "SELECT
                     greatest((SELECT last_delivery FROM gateways WHERE slot = $1),
                         (SELECT max(id) FROM queue WHERE id >= $2 AND id < $3),
                         (SELECT max(id) FROM history WHERE id >= $2 AND id < $3), $2),
                     greatest((SELECT last_request FROM gateways WHERE slot = $1),
                         (SELECT max(id) FROM outbox WHERE id >= $2 AND id < $3),
                         (SELECT max(was) FROM outbox WHERE was >= $2 AND was < $3), $2),
                     coalesce((SELECT max(last) FROM counters), 0)",
                &[&slot, &first_id(slot), &first_id(slot + 1)],
            )
            .await?
            .ok_or_else(|| Fault::Value("no row".into()))?;
        Ok(Self {
            slot,
            micros: get(&row, 2)?,
            delivery: get(&row, 0)?,
            request: get(&row, 1)?,
        })
    }

    /// Lets the next number be no earlier than this time by the database's clock.
    pub(crate) fn pass(&mut self, micros: i64) {
        self.micros = self.micros.max(micros);
    }

    /// A number.
    pub(crate) fn number(&mut self) -> i64 {
        self.micros += 1;
        self.micros * SLOTS + self.slot
    }

    /// A number above this one.
    pub(crate) fn number_after(&mut self, other: i64) -> i64 {
        self.pass(other / SLOTS);
        self.number()
    }

    /// The id of a delivery.
    pub(crate) fn delivery(&mut self) -> i64 {
        self.delivery += 1;
        self.delivery
    }

    /// The id of a request.
    pub(crate) fn request(&mut self) -> i64 {
        self.request += 1;
        self.request
    }

    /// The time of the last number.
    pub(crate) fn last(&self) -> i64 {
        self.micros
    }

    /// The last ids of a delivery and of a request.
    pub(crate) fn last_ids(&self) -> (i64, i64) {
        (self.delivery, self.request)
    }
}

/// The id before the first one of a slot.
pub(crate) fn first_id(slot: i64) -> i64 {
    slot << COUNT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_tell_slots_apart() {
        let at = |slot| Numbers {
            slot,
            micros: 5,
            delivery: first_id(slot),
            request: first_id(slot),
        };
        let (mut one, mut two) = (at(1), at(2));
        assert_eq!((one.number(), one.number()), (6 * 256 + 1, 7 * 256 + 1));
        one.pass(1_000);
        one.pass(3);
        assert_eq!(one.number(), 1_001 * 256 + 1);
        let last = one.number();
        assert!(two.number_after(last) > last);
        assert_eq!(
            at(0).delivery(),
            1,
            "the ids of the first gateway count from 1"
        );
        assert_ne!(one.delivery(), two.delivery());
    }
}
