//! Retrying deliveries that a faulty component failed.
//!
//! The deliveries are looked for beside the writer, a page at a time, in the indexes of deliveries
//! that are retrying or dead. The operation then judges each delivery that was found again.

use rusqlite::{Connection, Result, Row, params};

use super::order;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{DeliveryId, DeliveryState};
use tollgate_base::event::ComponentDigest;
use tollgate_base::time::SteadyTime;

/// Makes deliveries due now whose last attempt broke down on a component; no attempt on that
/// component counts any more. Answers how many deliveries became due.
pub(crate) struct RetryUncounted {
    pub(crate) component: ComponentDigest,
    pub(crate) deliveries: Vec<DeliveryId>,
}

/// How many index entries one read looks at, and how many deliveries one write moves.
const STEP: usize = 1_000;

/// Whether the last attempt at a delivery `d` broke down on the component `?1`, and no
/// operator has ended the delivery since.
const BROKE_DOWN: &str = "EXISTS (SELECT 1 FROM attempts a JOIN components c ON c.id = a.component
    WHERE a.delivery = d.seq AND a.run = d.run AND a.number = d.attempts AND c.digest = ?1
      AND a.outcome IN ('trap', 'timeout', 'limit'))
    AND NOT EXISTS (SELECT 1 FROM interventions i
        WHERE i.delivery = d.seq AND i.run = d.run AND i.action IN ('cancel', 'replaced')
          AND i.request IS NULL AND i.scheduled IS NULL)";

impl Operation for RetryUncounted {
    type Answer = u64;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<u64> {
        use DeliveryState::{Dead, Retrying};
        let mut retried = 0;
        for state in [Retrying, Dead] {
            let sql = format!(
                "UPDATE deliveries AS d
                 SET state = 'retrying', due = ?3, since = ?4, finished = NULL,
                     excused = excused + (SELECT count(*) FROM attempts a
                         JOIN components c ON c.id = a.component
                         WHERE a.delivery = d.seq AND a.run = d.run AND c.digest = ?1
                           AND a.outcome IN ('trap', 'timeout', 'limit'))
                 WHERE seq = ?2 AND state = '{state}' AND (due IS NULL OR due > ?3)
                   AND {BROKE_DOWN}"
            );
            let mut update = tx.prepare(&sql)?;
            for delivery in &self.deliveries {
                let moved = update.execute(params![
                    self.component.0,
                    delivery.0,
                    int(tx.now().steady),
                    int(tx.now().wall)
                ])?;
                retried += moved as u64;
                if moved > 0 && state != Retrying {
                    tx.count_moved(state, Retrying, 1);
                    order::rejoin(tx, delivery.0, Retrying)?;
                }
            }
        }
        Ok(retried)
    }
}

/// A place in the indexes from which the search goes on.
#[derive(Clone, Copy)]
pub(crate) struct Cursor(Place);

#[derive(Clone, Copy)]
enum Place {
    Retrying { due: i64, seq: i64 },
    Dead { seq: i64 },
}

impl Cursor {
    /// The beginning. Deliveries that are due at `now` need no help.
    pub(crate) fn start(now: SteadyTime) -> Self {
        Self(Place::Retrying {
            due: int(now),
            seq: i64::MAX,
        })
    }

    /// The deliveries of a handler that one page of an index has, and the place of the next page if
    /// there is one.
    pub(crate) fn read(
        self,
        conn: &Connection,
        handler: i64,
        component: ComponentDigest,
    ) -> Result<(Vec<DeliveryId>, Option<Self>)> {
        let seen = self.entries(conn, handler)?;
        let next = self.after(&seen);
        let sql = format!(
            "SELECT 1 FROM deliveries d WHERE d.seq = ?2 AND d.handler = ?3 AND {BROKE_DOWN}"
        );
        let mut broke_down = conn.prepare_cached(&sql)?;
        let mut found = Vec::new();
        for (_, seq) in seen {
            if broke_down.exists(params![component.0, seq, handler])? {
                found.push(DeliveryId(seq));
            }
        }
        Ok((found, next))
    }

    /// The entries of one page: due times (or handlers) with deliveries.
    fn entries(self, conn: &Connection, handler: i64) -> Result<Vec<(i64, i64)>> {
        let limit = STEP as i64;
        match self.0 {
            Place::Retrying { due, seq } => conn
                .prepare_cached(
                    "SELECT due, seq FROM deliveries INDEXED BY deliveries_retrying
                     WHERE state = 'retrying' AND handler = ?1 AND (due, seq) > (?2, ?3)
                     ORDER BY due, seq LIMIT ?4",
                )?
                .query_map(params![handler, due, seq, limit], pair)?
                .collect(),
            Place::Dead { seq } => conn
                .prepare_cached(
                    "SELECT handler, seq FROM deliveries INDEXED BY deliveries_dead
                     WHERE state = 'dead' AND seq > ?1 ORDER BY seq LIMIT ?2",
                )?
                .query_map(params![seq, limit], pair)?
                .collect(),
        }
    }

    /// The place after these entries.
    fn after(self, seen: &[(i64, i64)]) -> Option<Self> {
        let last = seen.last().filter(|_| seen.len() == STEP);
        match (self.0, last) {
            (Place::Retrying { .. }, Some(&(due, seq))) => Some(Place::Retrying { due, seq }),
            (Place::Retrying { .. }, None) => Some(Place::Dead { seq: 0 }),
            (Place::Dead { .. }, last) => last.map(|&(_, seq)| Place::Dead { seq }),
        }
        .map(Self)
    }
}

fn pair(row: &Row<'_>) -> Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}
