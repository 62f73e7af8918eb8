//! Carrying out the actions of operators.

mod deliveries;
mod requests;
mod route;
mod scheduled;
mod state;

use crate::postgres::error::Fault;
use crate::postgres::transaction::{Operation, Tx};
use crate::{Action, Intervened, Intervention};
use tollgate_base::event::HandlerName;

/// Carries one intervention out. The answers are in the order of the items that it names.
pub(crate) struct Intervene(pub(crate) Intervention);

impl Operation for Intervene {
    type Answer = Vec<Intervened>;

    fn handlers(&self) -> Vec<&HandlerName> {
        match &self.0.action {
            Action::Route(events) => {
                let recipients = events.iter().flat_map(|anew| &anew.handlers);
                recipients.map(|recipient| &recipient.handler).collect()
            }
            Action::CancelRequests(requests) => {
                let told = requests.iter().filter_map(|(_, told)| told.as_deref());
                let recipients = told.flat_map(|event| &event.handlers);
                recipients.map(|recipient| &recipient.handler).collect()
            }
            Action::ChangeState(handler, _) => vec![handler],
            _ => Vec::new(),
        }
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Vec<Intervened>, Fault> {
        let Self(by) = self;
        match &by.action {
            Action::Retry(which) | Action::Cancel(which) => deliveries::each(tx, by, which).await,
            Action::Replay { deliveries, .. } => deliveries::each(tx, by, deliveries).await,
            Action::Route(events) => {
                let mut answers = Vec::with_capacity(events.len());
                for anew in events {
                    answers.push(route::route(tx, by, anew).await?);
                }
                Ok(answers)
            }
            Action::RetryRequests(ids) => {
                let mut answers = Vec::with_capacity(ids.len());
                for id in ids {
                    answers.push(requests::retry(tx, by, *id).await?);
                }
                Ok(answers)
            }
            Action::CancelRequests(ids) => {
                let mut answers = Vec::with_capacity(ids.len());
                for (id, answer) in ids {
                    answers.push(requests::cancel(tx, by, *id, answer.as_deref()).await?);
                }
                Ok(answers)
            }
            Action::RunScheduled(handler, key) => {
                Ok(vec![scheduled::run_now(tx, by, handler, key).await?])
            }
            Action::CancelScheduled(handler, key) => {
                Ok(vec![scheduled::cancel(tx, by, handler, key).await?])
            }
            Action::ChangeState(handler, changes) => state::change(tx, by, handler, changes).await,
        }
    }
}
