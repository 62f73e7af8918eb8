//! Keeping refused requests, within their bounds.

use rusqlite::{Result, params};

use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use crate::{Rejection, RejectionBounds};
use tollgate_base::event::SourceName;

/// The most old rows that one write looks at and removes, so that no commit takes long: more than
/// one write brings, so that the table does not grow.
const REMOVED: i64 = 2_000;

/// Writes rejections, and removes old ones.
pub(crate) struct KeepRejections {
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) bounds: RejectionBounds,
}

impl Operation for KeepRejections {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        for rejection in &self.rejections {
            insert(tx, rejection)?;
        }
        let RejectionBounds { keep, retention } = self.bounds;
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let since = int(tx.now().wall).saturating_sub(retention.as_millis() as i64);
        tx.execute(
            "DELETE FROM rejections
             WHERE seq IN (SELECT seq FROM rejections ORDER BY seq LIMIT ?3)
                 AND (seq <= (SELECT max(seq) FROM rejections) - ?1 OR at < ?2)",
            params![keep, since, REMOVED],
        )?;
        Ok(())
    }
}

fn insert(tx: &Transaction<'_>, rejection: &Rejection) -> Result<()> {
    let headers = match rejection.method {
        // Pairs of texts are always JSON.
        Some(_) => serde_json::to_string(&rejection.headers).ok(),
        None => None,
    };
    tx.execute(
        "INSERT INTO rejections (at, source, code, reason, peer, method, path, headers, body, more)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            int(rejection.at),
            rejection.source.as_ref().map(SourceName::as_str),
            rejection.code,
            rejection.reason,
            rejection.peer,
            rejection.method,
            rejection.path,
            headers,
            rejection.body,
            rejection.more as i64,
        ],
    )?;
    Ok(())
}
