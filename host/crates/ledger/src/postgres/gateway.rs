//! The registration of a gateway, which its leases rest on.

use std::time::Duration;

use super::connection::Connection;
use super::error::{Fault, OpenError};
use super::locks;
use super::numbers::{Me, Numbers, SLOTS};
use super::options::PostgresOptions;
use super::values::get;

/// Registers the gateway in a free slot, for the time of a lease.
pub(crate) async fn register(
    conn: &Connection,
    options: &PostgresOptions,
) -> Result<(Me, Numbers), Fault> {
    conn.batch("BEGIN").await?;
    let registered = take_slot(conn, options).await;
    match registered {
        Ok(me) => conn.commit().await.map(|()| me)?,
        Err(fault) => {
            // The connection may be lost; then there is nothing to roll back.
            let _ = conn.batch("ROLLBACK").await;
            return Err(fault);
        }
    };
    registered
}

/// Ends the registrations, but for the one named, that the database has not heard of for the time
/// of a lease. Their leases are ended in a later transaction.
pub(crate) const END_GONE: &str = "WITH ended AS (
        UPDATE gateways SET ended = true, registered = false
        WHERE NOT ended AND until < clock_timestamp() AND owner <> $1 RETURNING owner, name)
    INSERT INTO gone SELECT owner, name FROM ended";

async fn take_slot(conn: &Connection, options: &PostgresOptions) -> Result<(Me, Numbers), Fault> {
    // Nobody writes meanwhile under a registration that ends here: the ids of a slot go on from the
    // last one that is committed.
    conn.execute("SELECT pg_advisory_xact_lock($1)", &[&locks::ALL])
        .await?;
    conn.execute(END_GONE, &[&0_i64]).await?;
    let row = conn
        .first(
            "INSERT INTO gateways (slot, owner, name, until, ended, registered, last_delivery,
                 last_request)
             SELECT slot, slot + $1, $2, clock_timestamp() + make_interval(secs => $3), false,
                 false, 0, 0
             FROM (SELECT coalesce((SELECT min(slot) FROM gateways WHERE ended),
                       (SELECT count(*) FROM gateways)) AS slot) AS free
             WHERE slot < $1
             ON CONFLICT (slot) DO UPDATE SET owner = gateways.owner + $1, name = excluded.name,
                 until = excluded.until, ended = false, registered = false
             RETURNING slot, owner",
            &[&SLOTS, &options.name, &options.lease.as_secs_f64()],
        )
        .await?;
    let Some(row) = row else {
        return Err(Fault::Full);
    };
    let me = Me {
        slot: get(&row, 0)?,
        owner: get(&row, 1)?,
    };
    Ok((me, Numbers::load(conn, me.slot).await?))
}

/// Prolongs the leases of a gateway; false if they have ended.
pub(crate) async fn prolong(conn: &Connection, me: Me, lease: Duration) -> Result<bool, Fault> {
    let prolonged = conn
        .execute(
            "UPDATE gateways SET until = clock_timestamp() + make_interval(secs => $2)
             WHERE owner = $1 AND NOT ended",
            &[&me.owner, &lease.as_secs_f64()],
        )
        .await?;
    Ok(prolonged > 0)
}

/// Whether gateways have not been heard of for the time of their leases.
pub(crate) async fn some_are_gone(conn: &Connection, me: Me) -> Result<bool, Fault> {
    conn.exists(
        "SELECT 1 FROM gateways WHERE NOT ended AND until < clock_timestamp() AND owner <> $1
         UNION ALL SELECT 1 FROM gone",
        &[&me.owner],
    )
    .await
}

/// Whether other gateways have the ledger open.
pub(crate) async fn has_others(conn: &Connection, me: Me) -> Result<bool, Fault> {
    conn.exists(
        "SELECT 1 FROM gateways WHERE NOT ended AND until >= clock_timestamp() AND owner <> $1",
        &[&me.owner],
    )
    .await
}

/// What an operator is told of a registration that failed.
pub(crate) fn refused(fault: Fault) -> OpenError {
    match fault {
        Fault::Full => OpenError::Full { most: SLOTS },
        fault => OpenError::Database(fault),
    }
}
