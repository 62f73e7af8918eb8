//! Reading handlers' state.

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::values;
use crate::{StateEntry, Version, Versioned};
use tollgate_base::event::HandlerName;

/// The value and version of one key.
pub(crate) async fn get(
    conn: &Connection,
    handler: &HandlerName,
    key: &str,
) -> Result<Versioned, Fault> {
    let row = conn
        .first(
            "SELECT value, version FROM state WHERE handler = $1 AND key = $2",
            &[&Text(handler.as_str()), &key.as_bytes()],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Versioned::default());
    };
    Ok(Versioned {
        value: Some(values::get(&row, 0)?),
        version: Version(values::get(&row, 1)?),
    })
}

/// The condition on keys that begin with `prefix` ($2) and come after `after` ($3), up to a limit
/// ($4). Keys are bytes, so they are compared byte by byte.
pub(crate) const SPAN: &str = "handler = $1 AND key >= $2 AND ($3::bytea IS NULL OR key > $3)
    AND substring(key FROM 1 FOR octet_length($2)) = $2 ORDER BY key LIMIT $4";

/// The entries whose keys begin with `prefix` and come after `after`, in byte order.
pub(crate) async fn list(
    conn: &Connection,
    handler: &HandlerName,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StateEntry>, Fault> {
    let rows = conn
        .query(
            &format!("SELECT key, version, value FROM state WHERE {SPAN}"),
            &[
                &Text(handler.as_str()),
                &prefix.as_bytes(),
                &after.map(str::as_bytes),
                &i64::from(limit),
            ],
        )
        .await?;
    let entry = |row| {
        Ok(StateEntry {
            key: key(row, 0)?,
            version: Version(values::get(row, 1)?),
            value: values::get(row, 2)?,
        })
    };
    rows.iter().map(entry).collect()
}

/// The key in this column.
pub(crate) fn key(row: &tokio_postgres::Row, column: usize) -> Result<String, Fault> {
    String::from_utf8(values::get(row, column)?).map_err(|_| Fault::Value("a key".into()))
}
