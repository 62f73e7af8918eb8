//! Actions of operators on scheduled events: run now, cancel.

use tokio_postgres::Row;

use super::super::audit::{self, About, Entry};
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{event_id, get, int, small, uuid};
use crate::{Intervened, Intervention};
use tollgate_base::event::{EventId, HandlerName};

/// Makes the event that a handler scheduled under a key due now.
pub(super) async fn run_now(
    tx: &mut Tx,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened, Fault> {
    let now = tx.now;
    let found = tx
        .first(
            "UPDATE schedule SET due = CASE WHEN steady THEN $3 ELSE $4::bigint END
             WHERE handler = $1 AND key = $2 RETURNING cause",
            &[
                &Text(handler.as_str()),
                &Text(key),
                &int(now.steady),
                &int(now.wall),
            ],
        )
        .await?;
    let Some(cause) = cause(found)? else {
        return Ok(Intervened::Missing);
    };
    tx.news.add_scheduled(now.wall);
    note(tx, by, (handler, cause), key, "run").await?;
    Ok(Intervened::Done)
}

/// Removes the event that a handler scheduled under a key.
pub(super) async fn cancel(
    tx: &mut Tx,
    by: &Intervention,
    handler: &HandlerName,
    key: &str,
) -> Result<Intervened, Fault> {
    let found = tx
        .first(
            "DELETE FROM schedule WHERE handler = $1 AND key = $2 RETURNING cause",
            &[&Text(handler.as_str()), &Text(key)],
        )
        .await?;
    let Some(cause) = cause(found)? else {
        return Ok(Intervened::Missing);
    };
    tx.count(Counter::Scheduled, -1);
    note(tx, by, (handler, cause), key, "cancel").await?;
    Ok(Intervened::Done)
}

/// The event whose handling scheduled an entry.
fn cause(found: Option<Row>) -> Result<Option<EventId>, Fault> {
    found.map(|row| event_id(&row, 0)).transpose()
}

/// Writes the action down with the delivery that scheduled the event, if the delivery is still
/// there.
async fn note(
    tx: &Tx,
    by: &Intervention,
    (handler, cause): (&HandlerName, EventId),
    key: &str,
    action: &'static str,
) -> Result<(), Fault> {
    let found = tx
        .first(
            "SELECT d.id, d.run FROM deliveries d WHERE d.handler = $2 AND d.id = ANY (ARRAY(
                 SELECT unnest(deliveries) FROM events WHERE id = $1)) LIMIT 1",
            &[&uuid(cause), &Text(handler.as_str())],
        )
        .await?;
    let Some(row) = found else { return Ok(()) };
    let entry = Entry {
        delivery: get(&row, 0)?,
        run: small(&row, 1)?,
        action,
        about: About::Scheduled(key),
    };
    audit::write(tx, by, &entry).await
}
