//! The end of gateways: their own, and that of gateways that nobody has heard of.

use crate::postgres::error::Fault;
use crate::postgres::gateway::END_GONE;
use crate::postgres::rows::{DeliveryRow, ROW};
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{get, int};
use crate::{AttemptOutcome, DeliveryState};

/// Ends this gateway's registration in order: its leases end at once, and no attempt is counted.
pub(crate) struct EndGateway;

impl Operation for EndGateway {
    type Answer = ();

    async fn apply(&self, tx: &mut Tx) -> Result<(), Fault> {
        let (delivery, request) = tx.numbers.last_ids();
        tx.execute(
            "UPDATE gateways SET last_delivery = $2, last_request = $3 WHERE owner = $1",
            &[&tx.me.owner, &delivery, &request],
        )
        .await?;
        end(tx, tx.me.owner, false).await.map(drop)
    }
}

/// Ends gateways that the database has not heard of for the time of a lease. Answers how many
/// deliveries ran there, which count an attempt each.
pub(crate) struct TakeOver;

impl Operation for TakeOver {
    type Answer = u64;

    async fn apply(&self, tx: &mut Tx) -> Result<u64, Fault> {
        tx.execute(END_GONE, &[&tx.me.owner]).await?;
        let gone = tx
            .query("DELETE FROM gone RETURNING owner, name", &[])
            .await?;
        let mut ran = 0;
        for row in &gone {
            let name: String = get(row, 1)?;
            let counted = end(tx, get(row, 0)?, true).await?;
            tracing::warn!(
                gateway = name,
                deliveries = counted,
                "a gateway has not been heard of: its work goes on here",
            );
            ran += counted;
        }
        Ok(ran)
    }
}

/// Ends all leases of a gateway. With `unclean`, each delivery that ran there has used an attempt.
async fn end(tx: &mut Tx, owner: i64, unclean: bool) -> Result<u64, Fault> {
    let sql = format!(
        "SELECT {ROW} FROM queue WHERE owner = $1 AND (state = 'running' OR id = ANY (ARRAY(
             SELECT unnest(deliveries) FROM running WHERE owner = $1))) FOR NO KEY UPDATE"
    );
    let mut counted = 0;
    for row in tx.query(&sql, &[&owner]).await? {
        let row = DeliveryRow::read(&row)?;
        if unclean {
            counted += u64::from(count_crash(tx, row).await?);
        } else if row.state == DeliveryState::Running {
            release_claimed(tx, row).await?;
        }
    }
    for sql in [
        "UPDATE queue SET owner = NULL WHERE owner = $1",
        "UPDATE history SET owner = NULL WHERE owner = $1",
        "UPDATE outbox SET owner = NULL WHERE owner = $1",
        "UPDATE resolutions SET owner = NULL WHERE owner = $1",
        "DELETE FROM running WHERE owner = $1",
        "DELETE FROM served WHERE owner = $1",
        "UPDATE gateways SET ended = true, registered = false WHERE owner = $1",
    ] {
        tx.execute(sql, &[&owner]).await?;
    }
    Ok(counted)
}

/// Makes a delivery due again that was claimed to run alone.
async fn release_claimed(tx: &mut Tx, mut row: DeliveryRow) -> Result<(), Fault> {
    tx.count_moved(row.state, DeliveryState::Retrying, 1);
    row.state = DeliveryState::Retrying;
    row.due = Some(int(tx.now.steady));
    row.owner = None;
    tx.put(&row, true).await
}

/// Counts an attempt for one delivery; false if the delivery was not to run.
async fn count_crash(tx: &mut Tx, mut row: DeliveryRow) -> Result<bool, Fault> {
    use DeliveryState::{Pending, Retrying, Running};
    // A blocked delivery cannot have run. The attempt that was noted belongs to a run that an
    // operator ended.
    if row.is_blocked() || !matches!(row.state, Pending | Retrying | Running) {
        return Ok(false);
    }
    row.attempts += 1;
    tx.execute(
        "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome, detail,
             requests, emitted)
         VALUES ($1, $2, $3, $4, 0, $5, 'the gateway ended while this ran', '{}', '{}')",
        &[
            &row.id,
            &i64::from(row.run),
            &i64::from(row.attempts),
            &int(tx.now.wall),
            &AttemptOutcome::Crash.name(),
        ],
    )
    .await?;
    tx.count_moved(row.state, Retrying, 1);
    row.state = Retrying;
    row.due = Some(int(tx.now.steady));
    row.crashes += 1;
    row.owner = None;
    tx.put(&row, true).await?;
    Ok(true)
}
