//! Retrying deliveries that a faulty component failed.
//!
//! The deliveries are looked for beside the writer, a page at a time. The operation then judges
//! each delivery that was found again.

use super::order;
use crate::DeliveryState;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{get, int, small};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyTime;

/// Makes deliveries due now whose last attempt broke down on a component; no attempt on that
/// component counts any more. Answers how many deliveries became due.
pub(crate) struct RetryUncounted {
    pub(crate) component: ComponentDigest,
    pub(crate) deliveries: Vec<i64>,
}

/// How many rows one read looks at, and how many deliveries one write moves.
const STEP: i64 = 1_000;

/// Whether the last attempt at a delivery `d` broke down on the component `$1`, and no operator has
/// ended the delivery since.
const BROKE_DOWN: &str = "EXISTS (SELECT 1 FROM attempts a
    WHERE a.delivery = d.id AND a.run = d.run AND a.number = d.attempts AND a.component = $1
      AND a.outcome IN ('trap', 'timeout', 'limit'))
    AND NOT EXISTS (SELECT 1 FROM interventions i
        WHERE i.delivery = d.id AND i.run = d.run AND i.action IN ('cancel', 'replaced')
          AND i.request IS NULL AND i.scheduled IS NULL)";

impl Operation for RetryUncounted {
    type Answer = u64;

    async fn apply(&self, tx: &mut Tx) -> Result<u64, Fault> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM attempts a
                 WHERE a.delivery = d.id AND a.run = d.run AND a.component = $1
                   AND a.outcome IN ('trap', 'timeout', 'limit'))
             FROM deliveries d WHERE d.id = $2 AND d.state IN ('retrying', 'dead')
               AND (d.due IS NULL OR d.due > $3) AND {BROKE_DOWN}"
        );
        let component = self.component.0.to_vec();
        let mut retried = 0;
        for id in &self.deliveries {
            let found = tx
                .first(&sql, &[&component, id, &int(tx.now.steady)])
                .await?;
            if let Some(found) = found {
                retry(tx, *id, small(&found, 0)?).await?;
                retried += 1;
            }
        }
        Ok(retried)
    }
}

/// Makes a delivery due now, with so many more attempts that do not count.
async fn retry(tx: &mut Tx, id: i64, excused: u32) -> Result<(), Fault> {
    let Some(mut row) = tx.delivery(id).await? else {
        return Ok(());
    };
    let (was_queued, from) = (row.is_queued(), row.state);
    row.state = DeliveryState::Retrying;
    row.due = Some(int(tx.now.steady));
    row.since = int(tx.now.wall);
    row.finished = None;
    row.excused += excused;
    if from == DeliveryState::Retrying {
        return tx.put(&row, was_queued).await;
    }
    tx.count_moved(from, DeliveryState::Retrying, 1);
    order::rejoin(tx, row, was_queued).await
}

/// A place from which the search goes on.
#[derive(Clone, Copy)]
pub(crate) enum Cursor {
    /// Deliveries that are to be tried again, after this due time and this id.
    Retrying(i64, i64),
    /// Dead deliveries after this place.
    Dead(i64),
}

impl Cursor {
    /// The beginning. Deliveries that are due at `now` need no help.
    pub(crate) fn start(now: SteadyTime) -> Self {
        Self::Retrying(int(now), i64::MAX)
    }

    /// The deliveries of a handler that one page has, and the place of the next page if there is
    /// one.
    pub(crate) async fn read(
        self,
        conn: &Connection,
        handler: &HandlerName,
        component: ComponentDigest,
    ) -> Result<(Vec<i64>, Option<Self>), Fault> {
        let (component, handler) = (component.0.to_vec(), Text(handler.as_str()));
        let rows = match self {
            Self::Retrying(due, id) => {
                let sql = format!(
                    "SELECT d.id, d.due, {BROKE_DOWN} FROM queue d
                     WHERE d.handler = $2 AND d.state = 'retrying' AND (d.due, d.id) > ($3, $4)
                     ORDER BY d.due, d.id LIMIT $5"
                );
                conn.query(&sql, &[&component, &handler, &due, &id, &STEP])
                    .await?
            }
            Self::Dead(place) => {
                let sql = format!(
                    "SELECT d.id, d.place, {BROKE_DOWN} AND d.handler = $2 FROM (
                         SELECT * FROM history WHERE state = 'dead' AND place > $3
                         UNION ALL
                         SELECT * FROM queue WHERE state = 'dead' AND place > $3
                         ORDER BY place LIMIT $4) AS d ORDER BY d.place"
                );
                conn.query(&sql, &[&component, &handler, &place, &STEP])
                    .await?
            }
        };
        let mut found = Vec::new();
        for row in &rows {
            if get(row, 2)? {
                found.push(get(row, 0)?);
            }
        }
        let last = match rows.last() {
            Some(row) if int(rows.len()) == STEP => Some((get(row, 1)?, get(row, 0)?)),
            _ => None,
        };
        Ok((found, self.after(last)))
    }

    /// The place after a full page that ended so.
    fn after(self, last: Option<(i64, i64)>) -> Option<Self> {
        match (self, last) {
            (Self::Retrying(..), Some((due, id))) => Some(Self::Retrying(due, id)),
            (Self::Retrying(..), None) => Some(Self::Dead(0)),
            (Self::Dead(_), last) => last.map(|(place, _)| Self::Dead(place)),
        }
    }
}
