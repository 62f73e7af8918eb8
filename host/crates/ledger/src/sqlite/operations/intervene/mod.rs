//! Carrying out the actions of operators.

mod deliveries;
mod requests;
mod route;
mod scheduled;
mod state;

use rusqlite::Result;

use crate::sqlite::write::{Operation, Transaction};
use crate::{Action, Intervened, Intervention};

/// Carries one intervention out. The answers are in the order of the items that it names.
pub(crate) struct Intervene(pub(crate) Intervention);

impl Operation for Intervene {
    type Answer = Vec<Intervened>;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Vec<Intervened>> {
        let Self(by) = self;
        match &by.action {
            Action::Retry(which) => deliveries::each(tx, by, which, deliveries::retry),
            Action::Cancel(which) => deliveries::each(tx, by, which, deliveries::cancel),
            Action::Replay {
                deliveries: which,
                keys,
                component,
                refetch,
            } => deliveries::each(tx, by, which, |tx, by, row| {
                deliveries::replay(tx, by, row, (*keys, *component), refetch.as_deref())
            }),
            Action::Route(events) => events
                .iter()
                .map(|anew| route::route(tx, by, anew))
                .collect(),
            Action::RetryRequests(seqs) => seqs
                .iter()
                .map(|seq| requests::retry(tx, by, *seq))
                .collect(),
            Action::CancelRequests(seqs) => seqs
                .iter()
                .map(|(seq, answer)| requests::cancel(tx, by, *seq, answer.as_deref()))
                .collect(),
            Action::RunScheduled(handler, key) => {
                Ok(vec![scheduled::run_now(tx, by, handler, key)?])
            }
            Action::CancelScheduled(handler, key) => {
                Ok(vec![scheduled::cancel(tx, by, handler, key)?])
            }
            Action::ChangeState(handler, changes) => state::change(tx, by, handler, changes),
        }
    }
}
