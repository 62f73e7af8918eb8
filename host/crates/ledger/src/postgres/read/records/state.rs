//! Handlers' state and the changes of operators to it, as operators see them.

use tokio_postgres::Row;

use crate::engine::payload_of;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::read::state::{SPAN, key};
use crate::postgres::text::Text;
use crate::postgres::values::{component, get, maybe, maybe_text, maybe_wall, text, wall};
use crate::{StateChangeView, StateView};
use tollgate_base::event::HandlerName;

const COLUMNS: &str = "key, version, value, component, written";

/// The values whose keys begin with `prefix` and come after `after`, in byte order.
pub(crate) async fn state(
    conn: &Connection,
    handler: &HandlerName,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StateView>, Fault> {
    let rows = conn
        .query(
            &format!("SELECT {COLUMNS} FROM state WHERE {SPAN}"),
            &[
                &Text(handler.as_str()),
                &prefix.as_bytes(),
                &after.map(str::as_bytes),
                &i64::from(limit),
            ],
        )
        .await?;
    rows.iter().map(view).collect()
}

/// One value.
pub(crate) async fn state_value(
    conn: &Connection,
    handler: &HandlerName,
    key: &str,
) -> Result<Option<StateView>, Fault> {
    let row = conn
        .first(
            &format!("SELECT {COLUMNS} FROM state WHERE handler = $1 AND key = $2"),
            &[&Text(handler.as_str()), &key.as_bytes()],
        )
        .await?;
    row.map(|row| view(&row)).transpose()
}

fn view(row: &Row) -> Result<StateView, Fault> {
    let value: Vec<u8> = get(row, 2)?;
    Ok(StateView {
        key: key(row, 0)?,
        version: get(row, 1)?,
        bytes: value.len(),
        component: component(row, 3)?.map(|digest| digest.to_string()),
        written_ms: maybe_wall(row, 4)?,
        value: Some(payload_of(&value)),
    })
}

/// The last changes to the state of a handler, the newest first.
pub(crate) async fn state_changes(
    conn: &Connection,
    handler: &HandlerName,
    key: Option<&str>,
    limit: u32,
) -> Result<Vec<StateChangeView>, Fault> {
    let rows = conn
        .query(
            "SELECT seq, at, key, action, before, after, who, why FROM state_changes
             WHERE handler = $1 AND ($2::text IS NULL OR key = $2) ORDER BY seq DESC LIMIT $3",
            &[&Text(handler.as_str()), &maybe(key), &i64::from(limit)],
        )
        .await?;
    let view = |row| {
        let length = |column| -> Result<Option<usize>, Fault> {
            let bytes: Option<i64> = get(row, column)?;
            Ok(bytes.and_then(|bytes| usize::try_from(bytes).ok()))
        };
        Ok(StateChangeView {
            seq: get(row, 0)?,
            at_ms: wall(row, 1)?,
            handler: handler.to_string(),
            key: text(row, 2)?,
            action: text(row, 3)?,
            before: length(4)?,
            after: length(5)?,
            who: text(row, 6)?,
            why: maybe_text(row, 7)?,
        })
    };
    rows.iter().map(view).collect()
}
