//! Claims of this gateway, one after another, and what goes with them: telling the database that
//! leases were given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

use super::book::Book;
use super::connection::Connection;
use super::core::Core;
use super::error::Fault;
use super::locks;
use super::read::claim::{self, Claimer, Limits};
use super::values::get;
use crate::{
    Claimed, ClaimedRequests, ClaimedResolutions, DeliveryId, Leasable, LeasedDelivery,
    LeasedRequest, LeasedResolution, RequestHost, RequestId, ResolutionId, Token,
};
use tollgate_base::event::{HandlerName, SourceName};

/// The connection for claims. Claims of one gateway go one after another, so that no two of them
/// take what was given back.
pub(crate) struct Claims {
    core: Arc<Core>,
    conn: Mutex<Option<Connection>>,
    /// Whether the answer to a claim was lost, so that the database may have given leases that this
    /// gateway does not know of.
    doubt: AtomicBool,
}

/// An id that a claim can read.
trait Numbered: Leasable {
    fn number(self) -> i64;

    fn of(number: i64) -> Self;
}

impl Numbered for DeliveryId {
    fn number(self) -> i64 {
        self.0
    }

    fn of(number: i64) -> Self {
        Self(number)
    }
}

impl Numbered for RequestId {
    fn number(self) -> i64 {
        self.0
    }

    fn of(number: i64) -> Self {
        Self(number)
    }
}

impl Numbered for ResolutionId {
    fn number(self) -> i64 {
        self.0
    }

    fn of(number: i64) -> Self {
        Self(number)
    }
}

impl Claims {
    /// Without a connection yet.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            conn: Mutex::new(None),
            doubt: AtomicBool::new(false),
        }
    }

    async fn connection(&self) -> Result<MutexGuard<'_, Option<Connection>>, Fault> {
        let mut slot = self.conn.lock().await;
        if slot.as_ref().is_none_or(Connection::is_closed) {
            *slot = Some(self.core.connector.connect().await?);
        }
        Ok(slot)
    }

    fn claimer<I: Numbered>(&self, book: &Book<I>) -> Claimer {
        Claimer {
            owner: self.core.me().owner,
            returned: book.free().into_iter().map(Numbered::number).collect(),
        }
    }

    /// Leases deliveries.
    pub(crate) async fn deliveries(
        &self,
        handler: &HandlerName,
        limits: Limits,
    ) -> Result<Claimed, Fault> {
        let mut slot = self.connection().await?;
        let book = &self.core.books.deliveries;
        let claimer = self.claimer(book);
        let found = match &*slot {
            Some(conn) => claim::deliveries(conn, &claimer, handler, limits).await,
            None => return Err(Fault::Slow),
        };
        let found = self.answered(&mut slot, found)?;
        let leased = found.items.into_iter().filter_map(|(delivery, token)| {
            let line = delivery.key.map(|key| key.0);
            let lease = book.lease(delivery.id, token, line)?;
            Some(LeasedDelivery { delivery, lease })
        });
        Ok(Claimed {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    /// Leases requests.
    pub(crate) async fn requests(
        &self,
        handler: &HandlerName,
        host: &RequestHost,
        limits: Limits,
    ) -> Result<ClaimedRequests, Fault> {
        let mut slot = self.connection().await?;
        let book = &self.core.books.requests;
        let claimer = self.claimer(book);
        let found = match &*slot {
            Some(conn) => claim::requests(conn, &claimer, (handler, host), limits).await,
            None => return Err(Fault::Slow),
        };
        let found = self.answered(&mut slot, found)?;
        let leased = found.items.into_iter().filter_map(|(request, token)| {
            let order_key = request.request.order_key.as_deref();
            let line = super::operations::line(&request.handler, order_key);
            let lease = book.lease(request.id, token, line)?;
            Some(LeasedRequest { request, lease })
        });
        Ok(ClaimedRequests {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    /// Leases resolutions.
    pub(crate) async fn resolutions(
        &self,
        source: &SourceName,
        limits: Limits,
    ) -> Result<ClaimedResolutions, Fault> {
        let mut slot = self.connection().await?;
        let book = &self.core.books.resolutions;
        let claimer = self.claimer(book);
        let found = match &*slot {
            Some(conn) => claim::resolutions(conn, &claimer, source, limits).await,
            None => return Err(Fault::Slow),
        };
        let found = self.answered(&mut slot, found)?;
        let leased = found.items.into_iter().filter_map(|(resolution, token)| {
            let lease = book.lease(resolution.id, token, None)?;
            Some(LeasedResolution { resolution, lease })
        });
        Ok(ClaimedResolutions {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    /// Notes whether the answer to a claim was lost.
    fn answered<T>(
        &self,
        slot: &mut Option<Connection>,
        found: Result<T, Fault>,
    ) -> Result<T, Fault> {
        if found.as_ref().is_err_and(Fault::is_lost) {
            self.doubt.store(true, Ordering::Release);
            self.core.books.returned.notify_one();
        }
        sure(slot, found)
    }

    /// Finds leases that this gateway does not know of. No claim is under way meanwhile, and the
    /// writer writes leases into the book before it commits them.
    async fn find_lost(&self, conn: &Connection) -> Result<(), Fault> {
        let (owner, books) = (self.core.me().owner, &self.core.books);
        let deliveries = leases(conn, owner, ("queue", "id")).await?;
        books.deliveries.disown(deliveries);
        books
            .requests
            .disown(leases(conn, owner, ("outbox", "id")).await?);
        let resolutions = leases(conn, owner, ("resolutions", "event")).await?;
        books.resolutions.disown(resolutions);
        Ok(())
    }

    /// Tells the database which leases were given back, so that other gateways find the items.
    pub(crate) async fn tell_returned(&self) -> Result<(), Fault> {
        let mut slot = self.connection().await?;
        let told = match &*slot {
            Some(conn) => self.tell(conn).await,
            None => Err(Fault::Slow),
        };
        if told.is_err() {
            // A transaction may be open.
            *slot = None;
        }
        told
    }

    async fn tell(&self, conn: &Connection) -> Result<(), Fault> {
        if self.doubt.load(Ordering::Acquire) {
            self.find_lost(conn).await?;
            self.doubt.store(false, Ordering::Release);
        }
        let books = &self.core.books;
        let deliveries = books.deliveries.returned();
        let requests = books.requests.returned();
        let resolutions = books.resolutions.returned();
        if deliveries.is_empty() && requests.is_empty() && resolutions.is_empty() {
            return Ok(());
        }
        let owner = self.core.me().owner;
        conn.batch("BEGIN; SET LOCAL synchronous_commit = off")
            .await?;
        // No operator moves a row from one table to another meanwhile.
        conn.execute("SELECT pg_advisory_xact_lock_shared($1)", &[&locks::ALL])
            .await?;
        write_back(conn, owner, &deliveries, ("queue", "id")).await?;
        write_back(conn, owner, &deliveries, ("history", "id")).await?;
        write_back(conn, owner, &requests, ("outbox", "id")).await?;
        write_back(conn, owner, &resolutions, ("resolutions", "event")).await?;
        conn.commit().await?;
        books.deliveries.told(&deliveries);
        books.requests.told(&requests);
        books.resolutions.told(&resolutions);
        Ok(())
    }
}

/// The leases of a gateway that the rows of a table say.
async fn leases<I: Numbered>(
    conn: &Connection,
    owner: i64,
    (table, id): (&str, &str),
) -> Result<Vec<(I, Token)>, Fault> {
    let sql = format!("SELECT {id}, token FROM {table} WHERE owner = $1");
    let rows = conn.query(&sql, &[&owner]).await?;
    let lease = |row| {
        let token: i64 = get(row, 1)?;
        Ok((I::of(get(row, 0)?), Token(token.cast_unsigned())))
    };
    rows.iter().map(lease).collect()
}

/// Gives a connection up that was lost.
fn sure<T>(slot: &mut Option<Connection>, done: Result<T, Fault>) -> Result<T, Fault> {
    if done.as_ref().is_err_and(Fault::is_lost) {
        *slot = None;
    }
    done
}

/// Ends these leases in the rows of a table.
async fn write_back<I: Numbered>(
    conn: &Connection,
    owner: i64,
    returned: &[(I, Token)],
    (table, id): (&str, &str),
) -> Result<(), Fault> {
    if returned.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = returned.iter().map(|(item, _)| item.number()).collect();
    let tokens = returned.iter().map(|(_, token)| token.0.cast_signed());
    let tokens: Vec<i64> = tokens.collect();
    // The rows in one order, as everybody who waits for several rows takes them.
    let sql = format!(
        "UPDATE {table} SET owner = NULL WHERE {id} = ANY (ARRAY(
             SELECT t.{id} FROM {table} t
             JOIN unnest($2::bigint[], $3::bigint[]) AS r (item, token)
                 ON r.item = t.{id} AND r.token = t.token
             WHERE t.owner = $1 ORDER BY t.{id} FOR NO KEY UPDATE OF t))"
    );
    conn.execute(&sql, &[&owner, &ids, &tokens]).await?;
    Ok(())
}
