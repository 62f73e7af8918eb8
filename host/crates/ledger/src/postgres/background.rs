//! What a ledger does by itself: it prolongs its leases, notices gateways that are gone, writes
//! down which deliveries run and which leases were given back, and keeps the moment by all clocks
//! true.

use std::sync::Arc;
use std::time::Duration;

use super::claims::Claims;
use super::clocks;
use super::connection::Connection;
use super::core::Core;
use super::error::Fault;
use super::gateway;
use super::operations::TakeOver;
use super::write::{Task, task};
use crate::engine::Queue;
use tollgate_base::time::Ahead;

/// The longest time without a look at the clocks and at other gateways.
const LOOK: Duration = Duration::from_secs(1);

/// The pause between two writes of running deliveries and of leases that were given back.
const GATHER: Duration = Duration::from_millis(2);

/// Prolongs the leases until the ledger ends, and looks for gateways that are gone.
pub(crate) async fn beat(core: Arc<Core>, queue: Arc<Queue<Task>>) {
    let mut conn = None;
    let mut kept = core.clock.ahead();
    let pause = (core.options.lease / 5).min(LOOK);
    loop {
        if let Err(fault) = beat_once(&core, &queue, &mut conn, &mut kept).await {
            tracing::warn!(%fault, "the leases could not be prolonged");
            conn = None;
        }
        tokio::time::sleep(pause).await;
    }
}

async fn beat_once(
    core: &Core,
    queue: &Queue<Task>,
    slot: &mut Option<Connection>,
    kept: &mut Ahead,
) -> Result<(), Fault> {
    if slot.as_ref().is_none_or(Connection::is_closed) {
        *slot = Some(core.connector.connect().await?);
    }
    let Some(conn) = slot else { return Ok(()) };
    // If they have ended, the writer registers the gateway anew with its next transaction.
    gateway::prolong(conn, core.me(), core.options.lease).await?;
    if gateway::some_are_gone(conn, core.me()).await? {
        // A full queue means that the writer has much to do: the next look asks again.
        drop(queue.offer(task(TakeOver, drop)));
    }
    let ahead = core.clock.ahead();
    if ahead != *kept {
        clocks::keep(conn, &core.clock.reading()).await?;
        *kept = ahead;
    }
    Ok(())
}

/// Writes the changes in memory to the database, until the ledger ends.
pub(crate) async fn tell(core: Arc<Core>, claims: Arc<Claims>) {
    let mut conn = None;
    loop {
        core.books.returned.notified().await;
        let told = match write_marks(&core, &mut conn).await {
            Ok(()) => claims.tell_returned().await,
            failed => failed,
        };
        if let Err(fault) = told {
            tracing::warn!(%fault, "the database could not be told of leases and runs");
            conn = None;
            tokio::time::sleep(LOOK).await;
            core.books.returned.notify_one();
        }
        tokio::time::sleep(GATHER).await;
    }
}

async fn write_marks(core: &Core, slot: &mut Option<Connection>) -> Result<(), Fault> {
    let Some((version, running)) = core.marks.changed() else {
        return Ok(());
    };
    if slot.as_ref().is_none_or(Connection::is_closed) {
        *slot = Some(core.connector.connect().await?);
    }
    let Some(conn) = slot else { return Ok(()) };
    conn.execute(
        "INSERT INTO running (owner, deliveries) VALUES ($1, $2)
         ON CONFLICT (owner) DO UPDATE SET deliveries = excluded.deliveries",
        &[&core.me().owner, &running],
    )
    .await?;
    core.marks.written(version);
    Ok(())
}
