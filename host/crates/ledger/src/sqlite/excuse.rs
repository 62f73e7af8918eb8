//! Deliveries that a component at fault has failed get another chance.
//!
//! They are looked for through the indexes of what waits and of what is dead, some at a
//! time, beside the writer; the writer then looks at each again as it moves it.

use rusqlite::{Connection, Result, params};

use super::batch::{Batch, int};
use super::order;
use super::reader::SqliteReader;
use crate::{DeliverySeq, DeliveryState, LedgerError};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::SteadyTime;

/// How many index entries one read looks at, and how many deliveries one write moves.
const STEP: usize = 1_000;

/// Whose attempts are not to count.
pub(super) struct Excuse {
    pub(super) component: ComponentDigest,
    pub(super) deliveries: Vec<DeliverySeq>,
}

/// Whether the last attempt at a delivery `d` broke down on the component `?1`, and no
/// operator ended the delivery since.
const BROKE_DOWN: &str = "EXISTS (SELECT 1 FROM attempts a JOIN components c ON c.id = a.component
    WHERE a.delivery = d.seq AND a.run = d.run AND a.number = d.attempts AND c.digest = ?1
      AND a.outcome IN ('trap', 'timeout', 'limit'))
    AND NOT EXISTS (SELECT 1 FROM interventions i
        WHERE i.delivery = d.seq AND i.run = d.run AND i.action IN ('cancel', 'replaced'))";

/// A place in the indexes.
#[derive(Clone, Copy)]
enum Cursor {
    Retrying { due: i64, seq: i64 },
    Dead { seq: i64 },
}

/// Hands the candidates to `write`, some at a time; the sum of what it returns.
pub(super) fn excuse(
    reader: &SqliteReader,
    handler: &HandlerName,
    component: ComponentDigest,
    now: SteadyTime,
    mut write: impl FnMut(Excuse) -> Result<u64, LedgerError>,
) -> Result<u64, LedgerError> {
    let mut cursor = Some(Cursor::Retrying {
        // What is due already needs nothing.
        due: int(now),
        seq: i64::MAX,
    });
    let mut excused = 0;
    while let Some(from) = cursor {
        let (deliveries, next) = reader.read_for(handler, |conn, handler| {
            page(conn, handler, component, from)
        })?;
        if !deliveries.is_empty() {
            excused += write(Excuse {
                component,
                deliveries,
            })?;
        }
        cursor = next;
    }
    Ok(excused)
}

/// Candidates behind a place in the indexes, and where to read on.
fn page(
    conn: &Connection,
    handler: i64,
    component: ComponentDigest,
    from: Cursor,
) -> Result<(Vec<DeliverySeq>, Option<Cursor>)> {
    let limit = STEP as i64;
    let seen: Vec<(i64, i64)> = match from {
        Cursor::Retrying { due, seq } => conn
            .prepare_cached(
                "SELECT due, seq FROM deliveries INDEXED BY deliveries_retrying
                 WHERE state = 'retrying' AND handler = ?1 AND (due, seq) > (?2, ?3)
                 ORDER BY due, seq LIMIT ?4",
            )?
            .query_map(params![handler, due, seq, limit], pair)?
            .collect::<Result<_>>()?,
        Cursor::Dead { seq } => conn
            .prepare_cached(
                "SELECT handler, seq FROM deliveries INDEXED BY deliveries_dead
                 WHERE state = 'dead' AND seq > ?1 ORDER BY seq LIMIT ?2",
            )?
            .query_map(params![seq, limit], pair)?
            .collect::<Result<_>>()?,
    };
    let next = seen.last().filter(|_| seen.len() == STEP);
    let next = match (from, next) {
        (Cursor::Retrying { .. }, Some(&(due, seq))) => Some(Cursor::Retrying { due, seq }),
        (Cursor::Retrying { .. }, None) => Some(Cursor::Dead { seq: 0 }),
        (Cursor::Dead { .. }, next) => next.map(|&(_, seq)| Cursor::Dead { seq }),
    };
    let mut found = Vec::new();
    let sql =
        format!("SELECT 1 FROM deliveries d WHERE d.seq = ?2 AND d.handler = ?3 AND {BROKE_DOWN}");
    let mut broke_down = conn.prepare_cached(&sql)?;
    for (_, seq) in seen {
        if broke_down.exists(params![component.0, seq, handler])? {
            found.push(DeliverySeq(seq));
        }
    }
    Ok((found, next))
}

fn pair(row: &rusqlite::Row<'_>) -> Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Makes them due now, if they are what they were when they were found.
pub(super) fn apply(batch: &mut Batch<'_>, excuse: &Excuse) -> Result<u64> {
    use DeliveryState::{Dead, Retrying};
    let mut excused = 0;
    for state in [Retrying, Dead] {
        let sql = format!(
            "UPDATE deliveries AS d SET state = 'retrying', due = ?3, since = ?4, finished = NULL,
                 excused = excused + (SELECT count(*) FROM attempts a
                     JOIN components c ON c.id = a.component
                     WHERE a.delivery = d.seq AND a.run = d.run AND c.digest = ?1
                       AND a.outcome IN ('trap', 'timeout', 'limit'))
             WHERE seq = ?2 AND state = '{state}' AND (due IS NULL OR due > ?3) AND {BROKE_DOWN}"
        );
        let mut update = batch.conn.prepare_cached(&sql)?;
        for delivery in &excuse.deliveries {
            let moved = update.execute(params![
                excuse.component.0,
                delivery.0,
                int(batch.at.steady),
                int(batch.at.wall)
            ])?;
            excused += moved as u64;
            if moved > 0 && state != Retrying {
                batch.tally.moved(state, Retrying, 1);
                order::come_back(batch, delivery.0, Retrying)?;
            }
        }
    }
    Ok(excused)
}
