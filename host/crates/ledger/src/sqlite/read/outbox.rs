//! Requests in the outbox.

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::sqlite::kept_time;
use crate::sqlite::rows::{self, OUTBOX_COLUMNS, OUTBOX_JOINS};
use crate::sqlite::values::int;
use crate::{OutboxEntry, OutboxRequest, OutboxState, RequestHost, RequestId};
use tollgate_base::time::SteadyTime;

/// The requests that a claim looks for.
#[derive(Clone, Copy)]
pub(crate) struct WantedRequests<'a> {
    pub(crate) host: &'a RequestHost,
    pub(crate) now: SteadyTime,
    pub(crate) limit: usize,
    pub(crate) max_bytes: usize,
    /// Whether nobody holds a request.
    pub(crate) is_free: &'a dyn Fn(RequestId) -> bool,
}

/// The requests that a claim found.
#[derive(Default)]
pub(crate) struct FoundRequests {
    /// In the order in which they should go.
    pub(crate) requests: Vec<OutboxRequest>,
    /// Whether the limits left some out.
    pub(crate) more: bool,
    /// When the next request is due; not looked for where there is more.
    pub(crate) next: Option<SteadyTime>,
}

/// Requests whose turn it is, to one host, that are due.
pub(crate) const DUE: &str = "SELECT seq FROM outbox INDEXED BY outbox_due
    WHERE state = 'waiting' AND blocked = 0 AND handler = ?1
      AND host = (SELECT id FROM hosts WHERE name = ?2) AND due <= ?3
    ORDER BY due, seq";

/// The same for requests that will be due later.
pub(crate) const LATER: &str = "SELECT seq, due FROM outbox INDEXED BY outbox_due
    WHERE state = 'waiting' AND blocked = 0 AND handler = ?1
      AND host = (SELECT id FROM hosts WHERE name = ?2) AND due > ?3
    ORDER BY due, seq";

/// The next host of a handler's requests whose turn it is, after the one with this number.
pub(crate) const NEXT_HOST: &str = "SELECT o.host, t.name
    FROM outbox o INDEXED BY outbox_due CROSS JOIN hosts t ON t.id = o.host
    WHERE o.state = 'waiting' AND o.blocked = 0 AND o.handler = ?1 AND o.host > ?2
    ORDER BY o.host LIMIT 1";

/// The hosts for which requests of a handler wait. Costs one look into the index for each host.
pub(crate) fn hosts(conn: &Connection, handler: i64) -> Result<Vec<RequestHost>> {
    let mut statement = conn.prepare_cached(NEXT_HOST)?;
    let mut hosts = Vec::new();
    let mut last = 0;
    while let Some((number, name)) = statement
        .query_row([handler, last], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })
        .optional()?
    {
        hosts.push(RequestHost::from(name));
        last = number;
    }
    Ok(hosts)
}

/// Requests of a handler whose turn it is, that are due and that nobody holds.
pub(crate) fn find(
    conn: &Connection,
    handler: i64,
    wanted: WantedRequests<'_>,
) -> Result<FoundRequests> {
    let mut found = FoundRequests::default();
    let mut ids = Vec::new();
    let key = (handler, wanted.host.as_str(), int(wanted.now));
    // The index alone is enough to skip a request that somebody holds.
    let mut index = conn.prepare_cached(DUE)?;
    let mut rows = index.query(key)?;
    while let Some(row) = rows.next()? {
        let id = RequestId(row.get(0)?);
        if !(wanted.is_free)(id) {
            continue;
        }
        if ids.len() == wanted.limit {
            found.more = true;
            break;
        }
        ids.push(id);
    }
    drop(rows);
    fetch(conn, &ids, wanted, &mut found)?;
    if !found.more {
        let mut index = conn.prepare_cached(LATER)?;
        let mut rows = index.query(key)?;
        while let Some(row) = rows.next()? {
            if (wanted.is_free)(RequestId(row.get(0)?)) {
                found.next = Some(rows::steady(row, 1)?);
                break;
            }
        }
    }
    Ok(found)
}

/// Reads the requests until there are bytes enough.
fn fetch(
    conn: &Connection,
    ids: &[RequestId],
    wanted: WantedRequests<'_>,
    found: &mut FoundRequests,
) -> Result<()> {
    // A request may have changed since its index was read.
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS}
         WHERE o.seq = ?1 AND o.state = 'waiting' AND o.blocked = 0 AND o.due <= ?2"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut bytes = 0;
    for id in ids {
        let request = statement
            .query_row(params![id.0, int(wanted.now)], rows::outbox_request)
            .optional()?;
        let Some(request) = request else { continue };
        bytes += weight(&request);
        if bytes > wanted.max_bytes && !found.requests.is_empty() {
            found.more = true;
            break;
        }
        found.requests.push(request);
    }
    Ok(())
}

/// Bytes that a request holds, about.
fn weight(request: &OutboxRequest) -> usize {
    let new = &request.request;
    let headers = new.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    new.body.len() + new.url.len() + headers
}

/// The request of this number.
pub(crate) fn request(conn: &Connection, id: RequestId) -> Result<Option<OutboxRequest>> {
    let sql = format!("SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} WHERE o.seq = ?1");
    conn.prepare_cached(&sql)?
        .query_row([id.0], rows::outbox_request)
        .optional()
}

/// Requests, newest first.
pub(crate) fn list(
    conn: &Connection,
    state: Option<OutboxState>,
    limit: usize,
) -> Result<Vec<OutboxEntry>> {
    let ahead = kept_time::ahead(conn)?;
    // SQLite uses a partial index only if the state stands in the statement's text.
    let filter = state.map_or_else(String::new, |state| format!("WHERE o.state = '{state}'"));
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} {filter}
         ORDER BY o.seq DESC LIMIT ?1"
    );
    conn.prepare_cached(&sql)?
        .query_map([limit as i64], |row| {
            let request = rows::outbox_request(row)?;
            Ok(OutboxEntry {
                due: ahead.wall(request.due),
                request,
                state: rows::outbox_state(row, 12)?,
                status: row.get(13)?,
                error: row.get::<_, Option<String>>(14)?.unwrap_or_default(),
            })
        })?
        .collect()
}
