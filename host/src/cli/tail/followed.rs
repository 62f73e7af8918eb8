//! An event that has not ended yet.

use std::collections::HashMap;

use tollgate_ledger::{DeliveryDetail, EventDetail, EventSummary};

use super::line::Change;

/// An event, and what was shown of its deliveries.
pub(super) struct Followed {
    event: EventSummary,
    /// What was shown of a delivery, by its number.
    shown: HashMap<i64, Progress>,
    /// Whether every delivery has ended.
    ended: bool,
}

/// How far a delivery is.
#[derive(Clone, PartialEq, Eq)]
struct Progress {
    state: String,
    run: u32,
    attempts: u32,
}

impl Followed {
    pub(super) fn new(event: EventSummary) -> Self {
        Self {
            event,
            shown: HashMap::new(),
            ended: false,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.event.id
    }

    /// Whether nothing more is to come.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What happened since the last look.
    pub(super) fn changes<'n>(&mut self, now: &'n EventDetail) -> Vec<Change<'n>> {
        let mut changes = Vec::new();
        if now.event.duplicates > self.event.duplicates {
            changes.push(Change::CameAgain(&now.event));
        }
        self.event = now.event.clone();
        for detail in &now.history {
            let progress = progress(detail);
            let before = self.shown.insert(detail.delivery.seq, progress.clone());
            if before.as_ref() != Some(&progress) && is_news(&progress) {
                changes.push(Change::Delivery(&now.event, detail));
            }
        }
        self.ended = now.history.iter().all(|detail| {
            let state = detail.delivery.state.as_str();
            matches!(state, "done" | "ignored" | "dead")
        });
        changes
    }
}

fn progress(detail: &DeliveryDetail) -> Progress {
    Progress {
        state: detail.delivery.state.clone(),
        run: detail.delivery.run,
        attempts: detail.delivery.attempts,
    }
}

/// Whether a person wants to see this: not that a delivery waits for its turn, or runs.
fn is_news(progress: &Progress) -> bool {
    !matches!(progress.state.as_str(), "pending" | "running")
}
