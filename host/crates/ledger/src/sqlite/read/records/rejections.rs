//! Refused requests as operators see them.

use std::ops::ControlFlow;

use rusqlite::{Connection, Result, Row};

use super::resolutions::payload;
use super::scan::Scan;
use super::search::Search;
use super::walk::walk;
use crate::engine::Span;
use crate::sqlite::rows::{pairs, wall};
use crate::{Listed, RejectionFilter, RejectionView};

/// The most rows that one page looks at.
const SCAN: usize = 2_000;

/// A page of the rejections that match the filter.
pub(crate) fn rejections(
    conn: &Connection,
    filter: &RejectionFilter,
    span: Span,
) -> Result<Listed<RejectionView>> {
    let select = "SELECT seq, at, source, code, reason, peer, method, path, headers, body, more
        FROM rejections WHERE";
    walk(
        conn,
        (select, "seq"),
        (span, &Search::default()),
        &Scan::rows(SCAN),
        |row| {
            let source = row.get_ref(2)?.as_str_or_null()?;
            let is_meant = filter.matches(source, row.get_ref(3)?.as_str()?, wall(row, 1)?);
            Ok(ControlFlow::Continue(
                is_meant.then(|| view(row)).transpose()?,
            ))
        },
    )
}

fn view(row: &Row<'_>) -> Result<RejectionView> {
    let has_headers = row.get_ref(8)?.as_str_or_null()?.is_some();
    let has_body = row.get_ref(9)?.as_blob_or_null()?.is_some();
    Ok(RejectionView {
        seq: row.get(0)?,
        at_ms: wall(row, 1)?,
        source: row.get(2)?,
        code: row.get(3)?,
        reason: row.get(4)?,
        peer: row.get(5)?,
        method: row.get(6)?,
        path: row.get(7)?,
        headers: has_headers
            .then(|| pairs(row, 8))
            .transpose()?
            .unwrap_or_default(),
        body: has_body.then(|| payload(row, 9)).transpose()?,
        more: row.get::<_, i64>(10)?.unsigned_abs(),
    })
}
