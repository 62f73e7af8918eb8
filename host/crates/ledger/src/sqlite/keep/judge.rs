//! Whether an event has been kept long enough.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result};

use super::history::{EventRow, History};
use crate::engine::Verdict;
use crate::{Erasure, KeyRetention, Retention};
use tollgate_base::event::SourceName;
use tollgate_base::time::{Ages, WallTime};

/// One kind of work that a sweep does.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Erases payloads of this source's events.
    Erase(SourceName),
    /// Prunes events.
    Prune,
    /// Removes keys of this source's pruned events.
    Forget(SourceName),
    /// Removes keys of pruned events that handlers emitted.
    ForgetEmitted,
    /// Removes newest ranks of order keys.
    ForgetNewest,
    /// Gives free pages back to the file system.
    GiveBack,
}

impl Kind {
    /// Judges one event.
    pub(crate) fn judge(
        &self,
        conn: &Connection,
        retention: &Retention,
        event: &EventRow,
        ages: Ages,
    ) -> Result<Verdict> {
        match self {
            Self::Erase(source) | Self::Forget(source) if *event.source != *source.as_str() => {
                Ok(Verdict::Foreign)
            }
            Self::Erase(_) => judge_erasing(conn, retention, event, ages),
            Self::Prune => judge_pruning(conn, retention, event, ages),
            Self::Forget(_) => Ok(judge_forgetting(retention, event, ages)),
            Self::ForgetEmitted
                if retention.keys(&event.source) != KeyRetention::WhileEmittable =>
            {
                Ok(Verdict::Foreign)
            }
            Self::ForgetEmitted => {
                let needed = event.pruned.is_none()
                    || oldest_kept(conn)?.is_some_and(|oldest| oldest < event.seq);
                Ok(if needed {
                    Verdict::Young
                } else {
                    Verdict::Ready
                })
            }
            Self::ForgetNewest | Self::GiveBack => Ok(Verdict::Foreign),
        }
    }
}

fn judge_erasing(
    conn: &Connection,
    retention: &Retention,
    event: &EventRow,
    ages: Ages,
) -> Result<Verdict> {
    match retention.erasure(&event.source) {
        Some(erasure) if event.erased.is_none() && event.pruned.is_none() => {
            let is_old = ages.is_past(event.received, erasure.after);
            judge_ended(conn, event, is_old, |history| {
                is_erasable(erasure, event, history, ages)
            })
        }
        _ => Ok(Verdict::Done),
    }
}

fn judge_pruning(
    conn: &Connection,
    retention: &Retention,
    event: &EventRow,
    ages: Ages,
) -> Result<Verdict> {
    match retention.events {
        Some(keep) if event.pruned.is_none() => {
            let is_old = ages.is_past(event.received, keep);
            judge_ended(conn, event, is_old, |history| {
                is_prunable(retention, event, history, ages)
            })
        }
        _ => Ok(Verdict::Done),
    }
}

fn judge_forgetting(retention: &Retention, event: &EventRow, ages: Ages) -> Verdict {
    let KeyRetention::For(period) = retention.keys(&event.source) else {
        return Verdict::Done;
    };
    match (is_forgettable(event, period, ages), event.pruned) {
        (true, Some(_)) => Verdict::Ready,
        // Pruning removes the key with the event, unless the event arrives once more before.
        (true, None) => Verdict::NotEnded,
        // The event is old, but its last arrival is not.
        (false, _) if ages.is_past(event.received, period) => Verdict::NotEnded,
        (false, _) => Verdict::Young,
    }
}

/// The verdict on an event that is ready if it is old, has ended, and its history is.
fn judge_ended(
    conn: &Connection,
    event: &EventRow,
    is_old: bool,
    is_ready: impl FnOnce(&History) -> bool,
) -> Result<Verdict> {
    if !is_old {
        return Ok(Verdict::Young);
    }
    let history = History::of(conn, event)?;
    Ok(match history {
        Some(history) if is_ready(&history) => Verdict::Ready,
        _ => Verdict::NotEnded,
    })
}

/// Whether the event's payload may be erased. An event with a dead delivery keeps its payload
/// until it is replayed or pruned.
pub(crate) fn is_erasable(
    erasure: &Erasure,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    event.erased.is_none()
        && event.pruned.is_none()
        && !history.has_dead()
        && ages.is_past(history.ended(), erasure.after)
}

/// Whether the event may be pruned.
pub(crate) fn is_prunable(
    retention: &Retention,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    let Some(keep) = retention.events else {
        return false;
    };
    event.pruned.is_none() && ages.is_past(history.ended(), keep)
}

/// Whether the event last arrived `period` ago or earlier.
pub(crate) fn is_forgettable(event: &EventRow, period: Duration, ages: Ages) -> bool {
    let duplicate = event.last_duplicate.unwrap_or(WallTime::EPOCH);
    ages.is_past(event.received.max(duplicate), period)
}

/// The oldest event that is not pruned.
pub(crate) fn oldest_kept(conn: &Connection) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT event FROM bodies ORDER BY event LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}
