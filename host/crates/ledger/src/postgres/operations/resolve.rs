//! The end of a try to resolve an event.

use super::{order, waiting};
use crate::engine::BASE_WEIGHT;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::rows::{DeliveryRow, ROW};
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{int, non_empty};
use crate::{ResolutionEnd, ResolutionId, ResolutionSettled, Resolved, Told, TriedResolution};
use tollgate_base::event::SourceName;

/// Commits the end of one try under its lease. `held` says whether this gateway holds the lease.
pub(crate) struct Resolve {
    pub(crate) tried: TriedResolution,
    pub(crate) held: bool,
}

impl Operation for Resolve {
    type Answer = ResolutionSettled;

    fn weight(&self) -> usize {
        match &self.tried.end {
            ResolutionEnd::Resolved { resolved, .. } => BASE_WEIGHT + resolved.len(),
            ResolutionEnd::Later { .. } => BASE_WEIGHT,
        }
    }

    async fn apply(&self, tx: &mut Tx) -> Result<ResolutionSettled, Fault> {
        let TriedResolution {
            resolution,
            token,
            ref end,
        } = self.tried;
        if !self.held {
            return Ok(ResolutionSettled::LeaseLost);
        }
        let ended = tx
            .execute(
                "UPDATE resolutions SET owner = NULL
                 WHERE event = $1 AND owner = $2 AND token = $3",
                &[&resolution.0, &tx.me.owner, &token.0.cast_signed()],
            )
            .await?;
        if ended == 0 && waiting::waits(tx, resolution.0).await? {
            return Ok(ResolutionSettled::LeaseLost);
        }
        tx.news.ended.resolutions.push((resolution, token));
        if ended == 0 {
            return Ok(ResolutionSettled::Stale);
        }
        match end {
            ResolutionEnd::Resolved { resolved, note } => {
                finish(tx, resolution, resolved, note).await?;
            }
            ResolutionEnd::Later {
                due,
                status,
                error,
                mend,
            } => {
                tx.execute(
                    "UPDATE resolutions
                     SET due = $2, tries = tries + 1, status = $3, error = $4, mend = $5
                     WHERE event = $1",
                    &[
                        &resolution.0,
                        &int(*due),
                        &status.map(i64::from),
                        &non_empty(error),
                        mend,
                    ],
                )
                .await?;
            }
        }
        Ok(ResolutionSettled::Committed)
    }
}

/// Writes the result, and lets the event's deliveries run, each in its turn.
async fn finish(
    tx: &mut Tx,
    ResolutionId(event): ResolutionId,
    resolved: &Resolved,
    note: &str,
) -> Result<(), Fault> {
    insert_resolved(tx, event, resolved, note).await?;
    tx.execute("DELETE FROM resolutions WHERE event = $1", &[&event])
        .await?;
    tx.count(Counter::Resolving, -1);
    tx.count(Counter::Resolved, 1);
    let is_gone = resolved.object == Some(Told::Gone);
    tx.count(Counter::ResolvedGone, i64::from(is_gone));
    let sql = format!(
        "SELECT {ROW} FROM queue WHERE turn = 2 AND id = ANY (
             SELECT unnest(deliveries) FROM events WHERE seq = $1)
         ORDER BY place FOR NO KEY UPDATE"
    );
    for row in tx.query(&sql, &[&event]).await? {
        order::unblock(tx, DeliveryRow::read(&row)?).await?;
    }
    Ok(())
}

async fn insert_resolved(
    tx: &Tx,
    event: i64,
    resolved: &Resolved,
    note: &str,
) -> Result<(), Fault> {
    let state = |told: &Option<Told>| told.as_ref().map(|told| told.body().is_some());
    let body = |told: &Option<Told>| told.as_ref().and_then(Told::body).map(|body| body.to_vec());
    tx.execute(
        "INSERT INTO resolved (event, at, tries, object_state, object, event_state, full_event,
             note)
         VALUES ($1, $2, (SELECT tries + 1 FROM resolutions WHERE event = $1), $3, $4, $5, $6, $7)
         ON CONFLICT (event) DO UPDATE SET at = excluded.at, tries = excluded.tries,
             object_state = excluded.object_state, object = excluded.object,
             event_state = excluded.event_state, full_event = excluded.full_event,
             note = excluded.note",
        &[
            &event,
            &int(resolved.at),
            &state(&resolved.object),
            &body(&resolved.object),
            &state(&resolved.event),
            &body(&resolved.event),
            &non_empty(note),
        ],
    )
    .await?;
    Ok(())
}

/// Makes a source's waiting events due now. Answers how many were not due.
pub(crate) struct Hasten {
    pub(crate) source: SourceName,
    /// Only events that wait for an operator.
    pub(crate) to_mend_alone: bool,
}

impl Operation for Hasten {
    type Answer = u64;

    async fn apply(&self, tx: &mut Tx) -> Result<u64, Fault> {
        let changed = tx
            .execute(
                "UPDATE resolutions SET due = $2
                 WHERE source = $1 AND due > $2 AND (mend OR NOT $3)",
                &[
                    &Text(self.source.as_str()),
                    &int(tx.now.steady),
                    &self.to_mend_alone,
                ],
            )
            .await?;
        tx.news.unresolved |= changed > 0;
        Ok(changed)
    }
}
