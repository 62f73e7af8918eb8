//! Keeping refused requests, within their bounds.

use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{int, maybe};
use crate::{Rejection, RejectionBounds};
use tollgate_base::event::SourceName;

/// The most old rows that one write removes: more than one write brings.
const REMOVED: i64 = 2_000;

/// Writes rejections, and removes old ones.
pub(crate) struct KeepRejections {
    pub(crate) rejections: Vec<Rejection>,
    pub(crate) bounds: RejectionBounds,
}

impl Operation for KeepRejections {
    type Answer = ();

    fn locks(&self) -> Locks {
        Locks::default()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<(), Fault> {
        for rejection in &self.rejections {
            insert(tx, rejection).await?;
        }
        let RejectionBounds { keep, retention } = self.bounds;
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let millis = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let since = int(tx.now.wall).saturating_sub(millis);
        // Another gateway may remove the same rows: who comes second has nothing to do.
        tx.execute(
            "DELETE FROM rejections WHERE seq = ANY (ARRAY(
                 SELECT seq FROM rejections
                 WHERE at < $2 OR seq <= coalesce((SELECT seq FROM rejections
                     ORDER BY seq DESC OFFSET $1 LIMIT 1), 0)
                 ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED))",
            &[&keep, &since, &REMOVED],
        )
        .await?;
        Ok(())
    }
}

async fn insert(tx: &mut Tx, rejection: &Rejection) -> Result<(), Fault> {
    // Pairs of texts are always JSON.
    let headers = rejection.method.as_ref();
    let headers = headers.and_then(|_| serde_json::to_string(&rejection.headers).ok());
    let seq = tx.numbers.number();
    tx.execute(
        "INSERT INTO rejections (seq, at, source, code, reason, peer, method, path, headers, body,
             more)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            &seq,
            &int(rejection.at),
            &maybe(rejection.source.as_ref().map(SourceName::as_str)),
            &Text(&rejection.code),
            &Text(&rejection.reason),
            &Text(&rejection.peer),
            &maybe(rejection.method.as_deref()),
            &maybe(rejection.path.as_deref()),
            &headers,
            &rejection.body,
            &int(rejection.more),
        ],
    )
    .await?;
    Ok(())
}
