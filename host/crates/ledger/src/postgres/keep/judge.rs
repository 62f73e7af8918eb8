//! Whether events have been kept long enough.

use super::history::{EventRow, History, oldest_kept};
use crate::engine::Verdict;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::{Erasure, KeyRetention, Retention};
use tollgate_base::event::SourceName;
use tollgate_base::time::Ages;

/// One kind of work that a sweep does.
#[derive(Clone, Debug)]
pub(super) enum Kind {
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
}

impl Kind {
    /// Judges events, in their order.
    pub(super) async fn judge(
        &self,
        conn: &Connection,
        retention: &Retention,
        events: &[EventRow],
        ages: Ages,
    ) -> Result<Vec<(i64, Verdict)>, Fault> {
        let oldest = oldest_kept(conn).await?;
        let first = |event: &EventRow| match self.by_row(retention, event, ages, oldest) {
            Some(verdict) => (event.seq, Some(verdict)),
            None => (event.seq, None),
        };
        let firsts: Vec<_> = events.iter().map(first).collect();
        let open = events.iter().zip(&firsts);
        let open: Vec<&EventRow> = open
            .filter(|(_, (_, verdict))| verdict.is_none())
            .map(|(event, _)| event)
            .collect();
        let histories = History::of(conn, &open).await?;
        let mut verdicts = Vec::with_capacity(events.len());
        for (event, (seq, verdict)) in events.iter().zip(firsts) {
            let history = histories.get(&seq);
            let ready = || history.is_some_and(|of| self.is_ready(retention, event, of, ages));
            verdicts.push((
                seq,
                verdict.unwrap_or_else(|| match ready() {
                    true => Verdict::Ready,
                    false => Verdict::NotEnded,
                }),
            ));
        }
        Ok(verdicts)
    }

    /// The verdict on an event by its row; `None` if its history decides.
    fn by_row(
        &self,
        retention: &Retention,
        event: &EventRow,
        ages: Ages,
        oldest: Option<i64>,
    ) -> Option<Verdict> {
        let foreign = |source: &SourceName| event.source != source.as_str();
        match self {
            Self::Erase(source) | Self::Forget(source) if foreign(source) => Some(Verdict::Foreign),
            Self::Erase(_) => match retention.erasure(&event.source) {
                Some(erasure) if event.erased.is_none() && event.pruned.is_none() => {
                    (!ages.is_past(event.received, erasure.after)).then_some(Verdict::Young)
                }
                _ => Some(Verdict::Done),
            },
            Self::Prune => match retention.events {
                Some(keep) if event.pruned.is_none() => {
                    (!ages.is_past(event.received, keep)).then_some(Verdict::Young)
                }
                _ => Some(Verdict::Done),
            },
            Self::Forget(_) => Some(judge_forgetting(retention, event, ages)),
            Self::ForgetEmitted
                if retention.keys(&event.source) != KeyRetention::WhileEmittable =>
            {
                Some(Verdict::Foreign)
            }
            Self::ForgetEmitted => {
                let needed =
                    event.pruned.is_none() || oldest.is_some_and(|oldest| oldest < event.seq);
                Some(match needed {
                    true => Verdict::Young,
                    false => Verdict::Ready,
                })
            }
            Self::ForgetNewest => Some(Verdict::Foreign),
        }
    }

    fn is_ready(
        &self,
        retention: &Retention,
        event: &EventRow,
        history: &History,
        ages: Ages,
    ) -> bool {
        match self {
            Self::Erase(_) => retention
                .erasure(&event.source)
                .is_some_and(|erasure| is_erasable(erasure, event, history, ages)),
            _ => is_prunable(retention, event, history, ages),
        }
    }
}

fn judge_forgetting(retention: &Retention, event: &EventRow, ages: Ages) -> Verdict {
    let KeyRetention::For(period) = retention.keys(&event.source) else {
        return Verdict::Done;
    };
    match (ages.is_past(event.last_arrival(), period), event.pruned) {
        (true, Some(_)) => Verdict::Ready,
        // Pruning removes the key with the event, unless the event arrives once more before.
        (true, None) => Verdict::NotEnded,
        // The event is old, but its last arrival is not.
        (false, _) if ages.is_past(event.received, period) => Verdict::NotEnded,
        (false, _) => Verdict::Young,
    }
}

/// Whether the event's payload may be erased. An event with a dead delivery keeps its payload until
/// it is replayed or pruned.
pub(super) fn is_erasable(
    erasure: &Erasure,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    event.erased.is_none()
        && event.pruned.is_none()
        && !history.has_dead()
        && ages.is_past(history.ended, erasure.after)
}

/// Whether the event may be pruned.
pub(super) fn is_prunable(
    retention: &Retention,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    let keep = retention.events;
    event.pruned.is_none() && keep.is_some_and(|keep| ages.is_past(history.ended, keep))
}

/// Whether nothing needs the key of an event any more that has no body. `oldest` is the oldest
/// event that is kept.
pub(super) fn may_forget(
    retention: &Retention,
    event: &EventRow,
    ages: Ages,
    oldest: Option<i64>,
) -> bool {
    match retention.keys(&event.source) {
        KeyRetention::Forever => false,
        KeyRetention::For(period) => ages.is_past(event.last_arrival(), period),
        KeyRetention::WhileEmittable => oldest.is_none_or(|oldest| oldest > event.seq),
    }
}
