//! Refused requests as operators see them.

use tokio_postgres::Row;

use super::walk::{Next, Walk};
use crate::engine::{Span, payload_of};
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{get, maybe_text, pairs, text, unsigned, wall};
use crate::{Listed, RejectionFilter, RejectionView};

/// The most rows that one page looks at.
const SCAN: usize = 2_000;

/// A page of the rejections that match the filter.
pub(crate) async fn rejections(
    conn: &Connection,
    filter: &RejectionFilter,
    span: Span,
) -> Result<Listed<RejectionView>, Fault> {
    let select = "SELECT seq, at, source, code, reason, peer, method, path, headers, body, more
        FROM rejections WHERE";
    let mut walk = Walk::read(conn, (select, "seq"), span, SCAN).await?;
    let mut items = Vec::new();
    loop {
        let row = match walk.next(items.len())? {
            Next::Row(row) => row,
            Next::Full => return Ok(walk.page(items, true)),
            Next::End => return Ok(walk.page(items, false)),
        };
        let source = maybe_text(&row, 2)?;
        if filter.matches(source.as_deref(), &text(&row, 3)?, wall(&row, 1)?) {
            items.push(view(&row)?);
        }
    }
}

fn view(row: &Row) -> Result<RejectionView, Fault> {
    let has_headers = get::<Option<String>>(row, 8)?.is_some();
    let body: Option<Vec<u8>> = get(row, 9)?;
    Ok(RejectionView {
        seq: get(row, 0)?,
        at_ms: wall(row, 1)?,
        source: maybe_text(row, 2)?,
        code: text(row, 3)?,
        reason: text(row, 4)?,
        peer: text(row, 5)?,
        method: maybe_text(row, 6)?,
        path: maybe_text(row, 7)?,
        headers: match has_headers {
            true => pairs(row, 8)?,
            false => Vec::new(),
        },
        body: body.as_deref().map(payload_of),
        more: unsigned(row, 10)?,
    })
}
