//! Requests in the outbox.

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::rows::{self, REQUEST, REQUEST_COLUMNS, REQUEST_FROM};
use crate::postgres::text::Text;
use crate::postgres::values::{int, maybe_text, outbox_state, status, text};
use crate::{OutboxEntry, OutboxRequest, OutboxState, RequestHost, RequestId};
use tollgate_base::event::HandlerName;
use tollgate_base::time::Ahead;

/// The hosts for which requests of a handler wait.
pub(crate) async fn hosts(
    conn: &Connection,
    handler: &HandlerName,
) -> Result<Vec<RequestHost>, Fault> {
    // One look into the index for each host, however many requests wait.
    let rows = conn
        .query(
            "WITH RECURSIVE hosts (host) AS (
                 (SELECT host FROM outbox WHERE state = 'waiting' AND NOT blocked AND handler = $1
                  ORDER BY host LIMIT 1)
                 UNION ALL
                 SELECT (SELECT o.host FROM outbox o WHERE o.state = 'waiting' AND NOT o.blocked
                         AND o.handler = $1 AND o.host > h.host ORDER BY o.host LIMIT 1)
                 FROM hosts h WHERE h.host IS NOT NULL)
             SELECT host FROM hosts WHERE host IS NOT NULL",
            &[&Text(handler.as_str())],
        )
        .await?;
    let host = |row| text(row, 0).map(RequestHost::from);
    rows.iter().map(host).collect()
}

/// The request of this id.
pub(crate) async fn request(
    conn: &Connection,
    id: RequestId,
) -> Result<Option<OutboxRequest>, Fault> {
    let sql = format!("SELECT {REQUEST} FROM {REQUEST_FROM} WHERE o.id = $1");
    let row = conn.first(&sql, &[&id.0]).await?;
    row.map(|row| rows::request(&row)).transpose()
}

/// Requests, newest first.
pub(crate) async fn list(
    conn: &Connection,
    state: Option<OutboxState>,
    limit: usize,
    ahead: Ahead,
) -> Result<Vec<OutboxEntry>, Fault> {
    let filter = state.map_or_else(String::new, |state| format!("WHERE o.state = '{state}'"));
    let sql = format!(
        "SELECT {REQUEST}, o.state, o.status, o.error FROM {REQUEST_FROM} {filter}
         ORDER BY o.place DESC LIMIT $1"
    );
    let rows = conn.query(&sql, &[&int(limit)]).await?;
    let entry = |row| {
        let request = rows::request(row)?;
        Ok(OutboxEntry {
            due: ahead.wall(request.due),
            request,
            state: outbox_state(row, REQUEST_COLUMNS)?,
            status: status(row, REQUEST_COLUMNS + 1)?,
            error: maybe_text(row, REQUEST_COLUMNS + 2)?.unwrap_or_default(),
        })
    };
    rows.iter().map(entry).collect()
}
