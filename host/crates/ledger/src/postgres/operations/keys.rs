//! The rows of dedup keys.

use uuid::Uuid;

use crate::postgres::error::Fault;
use crate::postgres::transaction::Tx;
use crate::postgres::values::get;

/// The event that has this key.
pub(super) async fn event_of(tx: &Tx, key: [u8; 16]) -> Result<Option<i64>, Fault> {
    let row = tx
        .first(
            "SELECT event FROM dedup WHERE key = $1",
            &[&Uuid::from_bytes(key)],
        )
        .await?;
    row.map(|row| get(&row, 0)).transpose()
}

/// Gives a key to an event; false if another event has it.
pub(super) async fn add(tx: &Tx, key: [u8; 16], event: i64) -> Result<bool, Fault> {
    let added = tx
        .execute(
            "INSERT INTO dedup (key, event) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[&Uuid::from_bytes(key), &event],
        )
        .await?;
    Ok(added > 0)
}

/// Notes that a key goes with its event.
pub(super) async fn goes_with(tx: &Tx, key: [u8; 16], event: i64) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO dedup_also (event, key) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[&event, &Uuid::from_bytes(key)],
    )
    .await?;
    Ok(())
}

/// Takes a key from an event.
pub(super) async fn remove(tx: &Tx, key: [u8; 16], event: i64) -> Result<(), Fault> {
    let key = Uuid::from_bytes(key);
    for sql in [
        "DELETE FROM dedup WHERE event = $1 AND key = $2",
        "DELETE FROM dedup_also WHERE event = $1 AND key = $2",
    ] {
        tx.execute(sql, &[&event, &key]).await?;
    }
    Ok(())
}
