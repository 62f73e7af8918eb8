//! The numbers that new rows get.

use rusqlite::{Connection, Result};

use crate::sqlite::counters::{Counter, Counters};

/// The next number of each table whose rows lie in the order of arrival.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    event: i64,
    delivery: i64,
    request: i64,
}

impl Numbers {
    /// The numbers after all that were ever given.
    pub(crate) fn load(conn: &Connection, counters: &Counters) -> Result<Self> {
        let after = |table: &str, last: Counter| {
            let sql = format!("SELECT max(coalesce(max(seq), 0), ?1) + 1 FROM {table}");
            conn.query_row(&sql, [counters.get(last)], |row| row.get(0))
        };
        Ok(Self {
            event: after("events", Counter::LastEvent)?,
            delivery: after("deliveries", Counter::LastDelivery)?,
            request: after("outbox", Counter::LastRequest)?,
        })
    }

    /// The number of the next event, which stays the next one.
    pub(crate) fn peek_event(&self) -> i64 {
        self.event
    }

    /// The number of the last event.
    pub(crate) fn last_event(&self) -> i64 {
        self.event - 1
    }

    /// Gives the next event's number away.
    pub(crate) fn take_event(&mut self) -> i64 {
        take(&mut self.event)
    }

    /// Gives the next delivery's number away.
    pub(crate) fn take_delivery(&mut self) -> i64 {
        take(&mut self.delivery)
    }

    /// Gives the next request's number away.
    pub(crate) fn take_request(&mut self) -> i64 {
        take(&mut self.request)
    }

    /// Writes the last numbers that were given into the counters, before rows that have
    /// them go.
    pub(crate) fn remember(&self, counters: &mut Counters) {
        counters.set(Counter::LastEvent, self.event - 1);
        counters.set(Counter::LastDelivery, self.delivery - 1);
        counters.set(Counter::LastRequest, self.request - 1);
    }
}

fn take(next: &mut i64) -> i64 {
    let number = *next;
    *next += 1;
    number
}
