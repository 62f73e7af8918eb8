//! Actions of operators on scheduled events: run now, cancel.

use rusqlite::{OptionalExtension, Result, Row, params};

use super::super::audit::{self, About, Entry};
use crate::sqlite::rows;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Intervened, Intervention};
use tollgate_base::event::{EventId, HandlerName};

/// Makes the event that a handler scheduled under a key due now.
pub(crate) fn run_now(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened> {
    let now = tx.now();
    let found = tx
        .prepare(
            "UPDATE schedule SET due = CASE steady WHEN 1 THEN ?3 ELSE ?4 END
             WHERE handler = (SELECT id FROM handlers WHERE name = ?1) AND key = ?2
             RETURNING handler, cause",
        )?
        .query_row(
            params![handler.as_str(), key, int(now.steady), int(now.wall)],
            owner,
        )
        .optional()?;
    let Some(owner) = found else {
        return Ok(Intervened::Missing);
    };
    tx.for_sink.add_scheduled(now.wall);
    note(tx, by, owner, key, "run")?;
    Ok(Intervened::Done)
}

/// Removes the event that a handler scheduled under a key.
pub(crate) fn cancel(
    tx: &mut Transaction<'_>,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened> {
    let found = tx
        .prepare(
            "DELETE FROM schedule
             WHERE handler = (SELECT id FROM handlers WHERE name = ?1) AND key = ?2
             RETURNING handler, cause",
        )?
        .query_row(params![handler.as_str(), key], owner)
        .optional()?;
    let Some(owner) = found else {
        return Ok(Intervened::Missing);
    };
    tx.count_scheduled(owner.handler, -1);
    note(tx, by, owner, key, "cancel")?;
    Ok(Intervened::Done)
}

/// Who scheduled an entry.
#[derive(Clone, Copy)]
struct Owner {
    handler: i64,
    /// The event whose handling scheduled the entry.
    cause: EventId,
}

fn owner(row: &Row<'_>) -> Result<Owner> {
    Ok(Owner {
        handler: row.get(0)?,
        cause: rows::event_id(row, 1)?,
    })
}

/// Writes the action down with the delivery that scheduled the event, if the delivery is still
/// there.
fn note(
    tx: &Transaction<'_>,
    by: &Intervention,
    owner: Owner,
    key: &str,
    action: &str,
) -> Result<()> {
    let found: Option<(i64, u32)> = tx
        .prepare(
            "SELECT d.seq, d.run FROM events e CROSS JOIN deliveries d
                 ON d.seq >= e.first_delivery AND d.seq < e.first_delivery + e.deliveries
             WHERE e.id = ?1 AND d.handler = ?2
             UNION ALL
             SELECT d.seq, d.run FROM events e CROSS JOIN later_deliveries l ON l.event = e.seq
             CROSS JOIN deliveries d ON d.seq = l.delivery
             WHERE e.id = ?1 AND d.handler = ?2",
        )?
        .query_row(params![owner.cause.as_bytes(), owner.handler], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((delivery, run)) = found else {
        return Ok(());
    };
    let entry = Entry {
        delivery,
        run,
        action,
        about: About::Scheduled(key),
    };
    audit::write(tx, by, &entry)
}
