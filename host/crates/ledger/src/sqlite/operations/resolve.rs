//! The end of a try to resolve an event.

use rusqlite::{Result, params};

use super::{order, waiting};
use crate::engine::BASE_WEIGHT;
use crate::sqlite::counters::Counter;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::{Operation, Transaction};
use crate::{ResolutionEnd, ResolutionId, ResolutionSettled, Resolved, Told, TriedResolution};
use tollgate_base::event::SourceName;

/// Commits the end of one try under its lease.
pub(crate) struct Resolve(pub(crate) TriedResolution);

impl Operation for Resolve {
    type Answer = ResolutionSettled;

    fn weight(&self) -> usize {
        match &self.0.end {
            ResolutionEnd::Resolved { resolved, .. } => BASE_WEIGHT + resolved.len(),
            ResolutionEnd::Later { .. } => BASE_WEIGHT,
        }
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<ResolutionSettled> {
        let TriedResolution {
            resolution,
            token,
            ref end,
        } = self.0;
        if !tx.is_resolution_leased(resolution, token) {
            return Ok(ResolutionSettled::LeaseLost);
        }
        tx.end_resolution_lease(resolution, token);
        if !waiting::waits(tx, resolution.0)? {
            return Ok(ResolutionSettled::Stale);
        }
        match end {
            ResolutionEnd::Resolved { resolved, note } => finish(tx, resolution, resolved, note)?,
            ResolutionEnd::Later {
                due,
                status,
                error,
                mend,
            } => {
                tx.execute(
                    "UPDATE resolutions
                     SET due = ?2, tries = tries + 1, status = ?3, error = ?4, mend = ?5
                     WHERE event = ?1",
                    params![resolution.0, int(*due), status, non_empty(error), mend],
                )?;
            }
        }
        Ok(ResolutionSettled::Committed)
    }
}

/// Writes the result, and lets the event's deliveries run, each in its turn.
fn finish(
    tx: &mut Transaction<'_>,
    ResolutionId(event): ResolutionId,
    resolved: &Resolved,
    note: &str,
) -> Result<()> {
    insert_resolved(tx, event, resolved, note)?;
    tx.execute("DELETE FROM resolutions WHERE event = ?1", [event])?;
    tx.count(Counter::Resolving, -1);
    tx.count(Counter::Resolved, 1);
    let is_gone = resolved.object == Some(Told::Gone);
    tx.count(Counter::ResolvedGone, i64::from(is_gone));
    blocked_deliveries(tx, event)?
        .into_iter()
        .try_for_each(|(seq, key)| order::unblock(tx, seq, key.as_deref()))
}

fn insert_resolved(
    tx: &Transaction<'_>,
    event: i64,
    resolved: &Resolved,
    note: &str,
) -> Result<()> {
    let state = |told: &Option<Told>| told.as_ref().map(|told| told.body().is_some());
    let body = |told: &Option<Told>| told.as_ref().and_then(Told::body).map(|body| body.to_vec());
    tx.execute(
        "INSERT OR REPLACE INTO resolved
             (event, at, tries, object_state, object, event_state, full_event, note)
         VALUES (?1, ?2, (SELECT tries + 1 FROM resolutions WHERE event = ?1), ?3, ?4, ?5, ?6, ?7)",
        params![
            event,
            int(resolved.at),
            state(&resolved.object),
            body(&resolved.object),
            state(&resolved.event),
            body(&resolved.event),
            non_empty(note),
        ],
    )?;
    Ok(())
}

/// The event's blocked deliveries, with their order keys.
fn blocked_deliveries(tx: &Transaction<'_>, event: i64) -> Result<Vec<(i64, Option<Vec<u8>>)>> {
    tx.prepare(
        "SELECT d.seq, d.order_key FROM events e CROSS JOIN deliveries d
             ON d.seq >= e.first_delivery AND d.seq < e.first_delivery + e.deliveries
         WHERE e.seq = ?1 AND d.event = ?1 AND d.turn = 2
         UNION ALL
         SELECT d.seq, d.order_key FROM later_deliveries l
         CROSS JOIN deliveries d ON d.seq = l.delivery WHERE l.event = ?1 AND d.turn = 2
         ORDER BY 1",
    )?
    .query_map([event], |row| Ok((row.get(0)?, row.get(1)?)))?
    .collect()
}

/// Makes a source's waiting events due now. Answers how many were not due.
pub(crate) struct Hasten {
    pub(crate) source: SourceName,
    /// Only events that wait for an operator.
    pub(crate) to_mend_alone: bool,
}

impl Operation for Hasten {
    type Answer = u64;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<u64> {
        let source = tx.source(&self.source)?;
        let changed = tx.execute(
            "UPDATE resolutions SET due = ?2 WHERE source = ?1 AND due > ?2 AND mend >= ?3",
            params![source, int(tx.now().steady), self.to_mend_alone],
        )?;
        tx.for_sink.unresolved |= changed > 0;
        Ok(changed as u64)
    }
}
