//! The tables, and the migrations that bring a database of an older version up to date.
//!
//! Any gateway migrates, under a lock that all gateways of the database take. A migration changes
//! nothing that a gateway of the version before relies on, so that two versions can run side by
//! side during an upgrade.

use super::connection::Connection;
use super::error::{Fault, OpenError};
use super::locks;

/// The steps from each version of the schema to the next, in order. The statements of a released
/// step never change.
const MIGRATIONS: &[&str] = &[include_str!("0001_ledger.sql")];

/// Brings the schema up to date, each step in a transaction of its own.
pub(crate) async fn migrate(conn: &Connection) -> Result<(), OpenError> {
    loop {
        conn.batch("BEGIN").await?;
        let more = step(conn).await;
        match more {
            Ok(more) => {
                conn.commit().await?;
                if !more {
                    return Ok(());
                }
            }
            Err(error) => {
                // The connection may be lost; then there is nothing to roll back.
                let _ = conn.batch("ROLLBACK").await;
                return Err(error);
            }
        }
    }
}

/// Does the next step within a transaction; returns whether there was one.
async fn step(conn: &Connection) -> Result<bool, OpenError> {
    conn.execute("SELECT pg_advisory_xact_lock($1)", &[&locks::SCHEMA])
        .await?;
    let found = version(conn).await?;
    let known = MIGRATIONS.len();
    let next = usize::try_from(found)
        .ok()
        .filter(|next| *next <= known)
        .ok_or(OpenError::Newer { found, known })?;
    let Some(sql) = MIGRATIONS.get(next) else {
        return Ok(false);
    };
    conn.batch(sql).await?;
    if conn.has_lz4().await? {
        conn.batch(
            "ALTER TABLE bodies ALTER payload SET COMPRESSION lz4;
             ALTER TABLE outbox_bodies ALTER body SET COMPRESSION lz4",
        )
        .await?;
    }
    conn.execute("UPDATE tollgate_schema SET version = $1", &[&(found + 1)])
        .await?;
    Ok(true)
}

/// How many migrations the database has had.
async fn version(conn: &Connection) -> Result<i64, Fault> {
    conn.batch("CREATE TABLE IF NOT EXISTS tollgate_schema (version bigint NOT NULL)")
        .await?;
    let rows = conn
        .query("SELECT version FROM tollgate_schema", &[])
        .await?;
    match rows.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => {
            conn.execute("INSERT INTO tollgate_schema VALUES (0)", &[])
                .await?;
            Ok(0)
        }
    }
}
