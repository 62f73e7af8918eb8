//! Claims: finding what may be worked on, and leasing it to this gateway.
//!
//! A claim locks the rows that it looks at, and passes over rows that somebody else has locked. The
//! rows say who has a lease. A lease that this gateway has given back is free for it at once, also
//! while its row does not say so yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::postgres::connection::{Connection, Params};
use crate::postgres::error::Fault;
use crate::postgres::rows::{self, DELIVERY, DELIVERY_JOINS, EVENT, REQUEST, REQUEST_FROM};
use crate::postgres::text::Text;
use crate::postgres::values::{get, int, small, steady};
use crate::{Delivery, OutboxRequest, RequestHost, Resolution, ResolutionId, Token};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::time::SteadyTime;

/// What a claim found and leased.
pub(crate) struct Found<T> {
    /// In the order in which they should be worked on, each with its token.
    pub(crate) items: Vec<(T, Token)>,
    /// Whether the limits left some out.
    pub(crate) more: bool,
    /// When the next one is due; not looked for where there is more.
    pub(crate) next: Option<SteadyTime>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: false,
            next: None,
        }
    }
}

/// Who claims.
#[derive(Clone)]
pub(crate) struct Claimer {
    /// The gateway.
    pub(crate) owner: i64,
    /// Items whose leases the gateway has given back.
    pub(crate) returned: Vec<i64>,
}

/// How much a claim takes.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) now: SteadyTime,
    pub(crate) limit: usize,
    pub(crate) max_bytes: usize,
}

/// Nobody holds the row, as far as this gateway (`$1`) is concerned, which has given back `$2`.
const FREE: &str = "(owner IS NULL OR owner = $1 AND id = ANY ($2))";

/// Begins a claim. A claim that a crash of the database forgets does no harm: its rows are free
/// then.
async fn begin(conn: &Connection) -> Result<(), Fault> {
    conn.batch("BEGIN; SET LOCAL synchronous_commit = off")
        .await
}

/// Ends a claim: commits it, or leaves nothing of it.
async fn end<T>(conn: &Connection, found: Result<T, Fault>) -> Result<T, Fault> {
    match found {
        Ok(found) => {
            conn.commit().await?;
            Ok(found)
        }
        Err(fault) => {
            // The connection may be lost; then there is nothing to roll back.
            let _ = conn.batch("ROLLBACK").await;
            Err(fault)
        }
    }
}

/// Leases deliveries of a handler that may run and that nobody holds: what is due, then what is
/// new. Where the limit cannot let both through, each gets half of it.
pub(crate) async fn deliveries(
    conn: &Connection,
    claimer: &Claimer,
    handler: &HandlerName,
    limits: Limits,
) -> Result<Found<Delivery>, Fault> {
    begin(conn).await?;
    let found = find_deliveries(conn, claimer, handler, limits).await;
    end(conn, found).await
}

async fn find_deliveries(
    conn: &Connection,
    claimer: &Claimer,
    handler: &HandlerName,
    limits: Limits,
) -> Result<Found<Delivery>, Fault> {
    let (name, now) = (Text(handler.as_str()), int(limits.now));
    let (wanted, more) = choose(conn, claimer, &name, (now, limits.limit)).await?;
    let mut found = Found {
        more,
        ..Found::default()
    };
    let sql = format!("SELECT {DELIVERY} FROM queue d {DELIVERY_JOINS} WHERE d.id = ANY ($1)");
    let rows = conn.query(&sql, &[&wanted]).await?;
    let mut read = HashMap::new();
    for row in &rows {
        read.insert(get(row, 0)?, rows::delivery(row)?);
    }
    take_while_light(&mut found, &wanted, read, limits.max_bytes, Delivery::bytes);
    let taken: Vec<i64> = found
        .items
        .iter()
        .map(|(delivery, _)| delivery.id.0)
        .collect();
    lease(conn, ("queue", "id"), claimer, &taken).await?;
    if !found.more {
        found.next = next(
            conn,
            &format!(
                "SELECT min(due) FROM queue WHERE handler = $3 AND state = 'retrying'
                 AND due > $4 AND {FREE}"
            ),
            &[&claimer.owner, &claimer.returned, &name, &now],
        )
        .await?;
    }
    Ok(found)
}

/// The free deliveries that a claim takes if they are light enough, and whether there are more.
async fn choose(
    conn: &Connection,
    claimer: &Claimer,
    handler: &Text<'_>,
    (now, limit): (i64, usize),
) -> Result<(Vec<i64>, bool), Fault> {
    let mut due = Vec::new();
    // Deliveries that were to run alone and were given back; released ones, which are due at any
    // time; retries.
    for (condition, order, at) in [
        ("state = 'running'", "place", None),
        ("state = 'pending' AND due IS NOT NULL", "due, place", None),
        ("state = 'retrying'", "due, place", Some(now)),
    ] {
        let left = (limit + 1).saturating_sub(due.len());
        due.extend(ids(conn, claimer, (condition, order), handler, (at, left)).await?);
    }
    let new = (
        "state = 'pending' AND due IS NULL AND turn IS DISTINCT FROM 2",
        "place",
    );
    let new = ids(conn, claimer, new, handler, (None, limit + 1)).await?;
    let many_due = due
        .len()
        .min((limit - limit / 2).max(limit.saturating_sub(new.len())));
    let many_new = new.len().min(limit - many_due);
    let more = many_due < due.len() || many_new < new.len();
    due.truncate(many_due);
    due.extend(&new[..many_new]);
    Ok((due, more))
}

/// The first free deliveries of a handler that match a condition, in this order.
async fn ids(
    conn: &Connection,
    claimer: &Claimer,
    (condition, order): (&str, &str),
    handler: &Text<'_>,
    (until, limit): (Option<i64>, usize),
) -> Result<Vec<i64>, Fault> {
    let sql = format!(
        "SELECT id FROM queue WHERE handler = $3 AND {condition}
         AND ($4::bigint IS NULL OR due <= $4) AND {FREE}
         ORDER BY {order} LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED"
    );
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [
        &claimer.owner,
        &claimer.returned,
        handler,
        &until,
        &int(limit),
    ];
    let rows = conn.query(&sql, &params).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Takes items in this order until there are bytes enough, but one in any case.
fn take_while_light<T>(
    found: &mut Found<T>,
    wanted: &[i64],
    mut read: HashMap<i64, (T, Token)>,
    max_bytes: usize,
    weight: impl Fn(&T) -> usize,
) {
    let mut bytes = 0;
    for id in wanted {
        let Some((item, token)) = read.remove(id) else {
            continue;
        };
        bytes += weight(&item);
        if bytes > max_bytes && !found.items.is_empty() {
            found.more = true;
            break;
        }
        found.items.push((item, Token(token.0 + 1)));
    }
}

/// Leases locked rows to the gateway; each gets the next token.
async fn lease(
    conn: &Connection,
    (table, id): (&str, &str),
    claimer: &Claimer,
    ids: &[i64],
) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let sql = format!("UPDATE {table} SET owner = $1, token = token + 1 WHERE {id} = ANY ($2)");
    conn.execute(&sql, &[&claimer.owner, &ids]).await?;
    Ok(())
}

async fn next(
    conn: &Connection,
    sql: &str,
    params: &Params<'_>,
) -> Result<Option<SteadyTime>, Fault> {
    let row = conn.first(sql, params).await?;
    let Some(row) = row else { return Ok(None) };
    match get::<Option<i64>>(&row, 0)? {
        Some(_) => steady(&row, 0).map(Some),
        None => Ok(None),
    }
}

/// Leases requests of a handler to a host whose turn it is, that are due and that nobody holds.
pub(crate) async fn requests(
    conn: &Connection,
    claimer: &Claimer,
    (handler, host): (&HandlerName, &RequestHost),
    limits: Limits,
) -> Result<Found<OutboxRequest>, Fault> {
    begin(conn).await?;
    let found = find_requests(conn, claimer, (handler, host), limits).await;
    end(conn, found).await
}

async fn find_requests(
    conn: &Connection,
    claimer: &Claimer,
    (handler, host): (&HandlerName, &RequestHost),
    limits: Limits,
) -> Result<Found<OutboxRequest>, Fault> {
    let (name, to, now) = (Text(handler.as_str()), Text(host.as_str()), int(limits.now));
    let sql = format!(
        "SELECT id FROM outbox WHERE state = 'waiting' AND NOT blocked AND handler = $3
         AND host = $4 AND due <= $5 AND {FREE}
         ORDER BY due, place LIMIT $6 FOR NO KEY UPDATE SKIP LOCKED"
    );
    let one_more = int(limits.limit + 1);
    let found_ids = conn
        .query(
            &sql,
            &[
                &claimer.owner,
                &claimer.returned,
                &name,
                &to,
                &now,
                &one_more,
            ],
        )
        .await?;
    let mut wanted: Vec<i64> = Vec::with_capacity(found_ids.len());
    for row in &found_ids {
        wanted.push(get(row, 0)?);
    }
    let mut found = Found {
        more: wanted.len() > limits.limit,
        ..Found::default()
    };
    wanted.truncate(limits.limit);
    let sql = format!("SELECT {REQUEST} FROM {REQUEST_FROM} WHERE o.id = ANY ($1)");
    let mut read = HashMap::new();
    for row in &conn.query(&sql, &[&wanted]).await? {
        let (token, _) = rows::request_lease(row)?;
        read.insert(get(row, 0)?, (rows::request(row)?, token));
    }
    take_while_light(&mut found, &wanted, read, limits.max_bytes, weight);
    let taken: Vec<i64> = found
        .items
        .iter()
        .map(|(request, _)| request.id.0)
        .collect();
    lease(conn, ("outbox", "id"), claimer, &taken).await?;
    if !found.more {
        found.next = next(
            conn,
            &format!(
                "SELECT min(due) FROM outbox WHERE state = 'waiting' AND NOT blocked
                 AND handler = $3 AND host = $4 AND due > $5 AND {FREE}"
            ),
            &[&claimer.owner, &claimer.returned, &name, &to, &now],
        )
        .await?;
    }
    Ok(found)
}

/// Bytes that a request holds, about.
fn weight(request: &OutboxRequest) -> usize {
    let new = &request.request;
    let headers = new.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    new.body.len() + new.url.len() + headers
}

/// Leases the first events of a source that are due and that nobody holds.
pub(crate) async fn resolutions(
    conn: &Connection,
    claimer: &Claimer,
    source: &SourceName,
    limits: Limits,
) -> Result<Found<Resolution>, Fault> {
    begin(conn).await?;
    let found = find_resolutions(conn, claimer, source, limits).await;
    end(conn, found).await
}

async fn find_resolutions(
    conn: &Connection,
    claimer: &Claimer,
    source: &SourceName,
    limits: Limits,
) -> Result<Found<Resolution>, Fault> {
    let free = FREE.replace("id = ANY", "event = ANY");
    let (name, now) = (Text(source.as_str()), int(limits.now));
    let sql = format!(
        "SELECT event FROM resolutions WHERE source = $3 AND due <= $4 AND {free}
         ORDER BY due, event LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED"
    );
    let one_more = int(limits.limit + 1);
    let ids = conn
        .query(
            &sql,
            &[&claimer.owner, &claimer.returned, &name, &now, &one_more],
        )
        .await?;
    let mut wanted = Vec::with_capacity(ids.len());
    for row in &ids {
        wanted.push(get(row, 0)?);
    }
    let mut found = Found {
        more: wanted.len() > limits.limit,
        ..Found::default()
    };
    wanted.truncate(limits.limit);
    let sql = format!(
        "SELECT {EVENT}, r.event, r.tries, r.token FROM resolutions r
         JOIN events e ON e.seq = r.event JOIN bodies b ON b.event = r.event
         WHERE r.event = ANY ($1) ORDER BY r.due, r.event"
    );
    for row in &conn.query(&sql, &[&wanted]).await? {
        found.items.push(resolution(row)?);
    }
    lease(conn, ("resolutions", "event"), claimer, &wanted).await?;
    if !found.more {
        found.next = next(
            conn,
            &format!("SELECT min(due) FROM resolutions WHERE source = $3 AND due > $4 AND {free}"),
            &[&claimer.owner, &claimer.returned, &name, &now],
        )
        .await?;
    }
    Ok(found)
}

fn resolution(row: &Row) -> Result<(Resolution, Token), Fault> {
    let resolution = Resolution {
        id: ResolutionId(get(row, 12)?),
        event: Arc::new(rows::event(row, 0)?),
        tries: small(row, 13)?,
    };
    let token = get::<i64>(row, 14)?.cast_unsigned();
    Ok((resolution, Token(token + 1)))
}
