//! The input and the effects of a delivery's last attempt, to compare another run with.

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::requests;
use crate::sqlite::exchanges;
use crate::sqlite::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS, OUTBOX_COLUMNS, OUTBOX_JOINS};
use crate::{DeliveryId, NewRequest, RecordedEmission, RecordedEnd, RecordedRun};
use tollgate_base::event::ComponentDigest;

/// The last attempt of a delivery. `None` if there is none, or if the event's payload is no
/// longer whole.
pub(crate) fn recorded(conn: &Connection, seq: DeliveryId) -> Result<Option<RecordedRun>> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d {DELIVERY_JOINS}
         WHERE d.seq = ?1 AND e.erased IS NULL"
    );
    let delivery = conn
        .prepare_cached(&sql)?
        .query_row([seq.0], rows::delivery)
        .optional()?;
    let tried = conn
        .prepare_cached(
            "SELECT a.run, a.number, a.outcome, a.detail, c.digest, a.first_request, a.requests,
                 a.first_emitted, a.emitted
             FROM attempts a LEFT JOIN components c ON c.id = a.component
             WHERE a.delivery = ?1 ORDER BY a.run DESC, a.number DESC LIMIT 1",
        )?
        .query_row([seq.0], |row| tried(conn, seq, row))
        .optional()?;
    let (Some(mut delivery), Some((run, number, did))) = (delivery, tried) else {
        return Ok(None);
    };
    // The delivery as that attempt got it.
    delivery.run = run;
    delivery.attempts = number - 1;
    Ok(Some(RecordedRun { delivery, did }))
}

/// The run and the number of an attempt, and its effects.
fn tried(
    conn: &Connection,
    delivery: DeliveryId,
    row: &Row<'_>,
) -> Result<(u32, u32, RecordedEnd)> {
    let digest: Option<[u8; 32]> = row.get(4)?;
    let did = RecordedEnd {
        outcome: row.get(2)?,
        detail: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        component: digest.map(ComponentDigest),
        requests: queued(conn, row.get(5)?, row.get(6)?)?,
        emitted: emitted(conn, row.get(7)?, row.get(8)?)?,
        exchanges: exchanges::of_attempt(conn, delivery.0, row.get(0)?, row.get(1)?)?,
    };
    Ok((row.get(0)?, row.get(1)?, did))
}

fn queued(conn: &Connection, first: Option<i64>, many: Option<i64>) -> Result<Vec<NewRequest>> {
    let sql = requests::of_range(OUTBOX_COLUMNS, &format!("outbox o {OUTBOX_JOINS}"));
    conn.prepare_cached(&sql)?
        .query_map(params![first, many], |row| {
            Ok(rows::outbox_request(row)?.request.as_ref().clone())
        })?
        .collect()
}

fn emitted(
    conn: &Connection,
    first: Option<i64>,
    many: Option<i64>,
) -> Result<Vec<RecordedEmission>> {
    conn.prepare_cached(
        "SELECT e.kind, e.subject, b.payload FROM events e CROSS JOIN bodies b ON b.event = e.seq
         WHERE e.seq >= ?1 AND e.seq < ?1 + ?2 ORDER BY e.seq",
    )?
    .query_map(params![first, many], |row| {
        Ok(RecordedEmission {
            kind: row.get(0)?,
            subject: row.get(1)?,
            payload: row.get(2)?,
        })
    })?
    .collect()
}
