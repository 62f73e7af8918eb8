//! Goes back to the component before when the component that replaced it breaks down.
//!
//! The dispatcher judges the trial (`dispatch/trial.rs`) and starts nothing more on a component
//! that failed. The thread that reloads then lets the component before serve, records that the
//! failed component is kept out, and makes the deliveries due again that the component failed.

use std::io;
use std::sync::Arc;

use crate::dispatch::{Dispatcher, Runnable, TrialNews, TrialResult};
use crate::generation::code::Code;
use crate::generation::component_status::{ComponentStatus, RolledBack};
use crate::generation::error::GenerationError;
use crate::generation::handler::LoadedHandler;
use crate::generation::load::Loader;
use crate::generation::loaded::Generation;
use crate::generation::swap::Swapper;
use crate::generation::trials::Trials;
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::Clock;
use tollgate_ledger::Deliveries;

/// Why the component before does not serve.
#[derive(Debug, thiserror::Error)]
enum RollBackError {
    #[error("the trials in the data folder: {0}")]
    Trials(io::Error),
    #[error("the copy of the component before: {0}")]
    Copy(io::Error),
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// Acts on the outcomes of trials.
pub(super) struct RollBacks {
    pub(super) loader: Arc<Loader>,
    pub(super) swapper: Arc<Swapper>,
    pub(super) dispatcher: Dispatcher,
    pub(super) deliveries: Arc<dyn Deliveries>,
    pub(super) clock: Arc<dyn Clock>,
}

impl RollBacks {
    /// Acts on news of the trial of a component.
    pub(super) fn act_on(&self, news: TrialNews) {
        let TrialNews {
            handler,
            component,
            result,
        } = news;
        match result {
            None => self.retry_uncounted(&handler, component),
            Some(TrialResult::Passed) => self.pass(&handler, component),
            Some(TrialResult::Failed { broke, of }) => {
                match self.roll_back(&handler, component, (broke, of)) {
                    // The component has been replaced meanwhile.
                    Ok(None) => {}
                    Ok(Some(rolled_back)) => {
                        tracing::error!(%handler, "rolled back: {rolled_back}");
                        self.retry_uncounted(&handler, component);
                    }
                    Err(error) => {
                        tracing::error!(
                            %handler,
                            %error,
                            "the component failed its trial, but the component before cannot serve",
                        );
                        self.dispatcher.waive_trial(&handler);
                    }
                }
            }
        }
    }

    /// Lets the component before serve in place of a component that failed its trial. Returns
    /// `None` if the handler does not run the component any more.
    fn roll_back(
        &self,
        handler: &HandlerName,
        component: ComponentDigest,
        counted: (usize, usize),
    ) -> Result<Option<RolledBack>, RollBackError> {
        let current = self.swapper.current.load_full();
        let serves = current.handlers.get(handler);
        let Some(present) = serves.filter(|loaded| loaded.digest() == component) else {
            return Ok(None);
        };
        let last_good = self.loader.last_good.clone();
        let mut trials = Trials::read(last_good.folder()).map_err(RollBackError::Trials)?;
        let now = self.clock.now();
        let rolled_back = trials
            .fail(handler.as_str(), component, now, counted)
            .ok_or_else(|| RollBackError::Trials(io::ErrorKind::NotFound.into()))?;
        let bytes = last_good
            .read_component(&rolled_back.before)
            .map_err(RollBackError::Copy)?;
        self.serve_in_place((&current, present), &trials, &rolled_back, bytes)?;
        Ok(Some(rolled_back))
    }

    /// Lets the component with these bytes serve in place of the one that is rolled back. Writes
    /// `trials`, which have the roll-back.
    pub(super) fn serve_in_place(
        &self,
        (current, present): (&Generation, &LoadedHandler),
        trials: &Trials,
        rolled_back: &RolledBack,
        bytes: Vec<u8>,
    ) -> Result<(), GenerationError> {
        let handler = present.settings.name.as_str();
        let code = Code {
            bytes,
            status: ComponentStatus::InPlaceOf(rolled_back.clone()),
        };
        let now = self.clock.now();
        let generation = self.loader.builder.replace(current, present, code, now)?;
        let last_good = &self.loader.last_good;
        let kept = trials
            .write()
            .and_then(|()| last_good.replace(handler, &rolled_back.before));
        if let Err(error) = kept {
            tracing::error!(
                %error,
                "the roll-back could not be written to the data folder: after a restart the \
                 component is on trial again",
            );
        }
        self.swapper.serve(generation);
        Ok(())
    }

    /// Records that a component has passed its trial.
    fn pass(&self, handler: &HandlerName, component: ComponentDigest) {
        let noted = Trials::read(self.loader.last_good.folder()).and_then(|mut trials| {
            if trials.pass(handler.as_str(), component) {
                tracing::info!(%handler, "the new component has passed its trial");
                trials.write()?;
            }
            Ok(())
        });
        if let Err(error) = noted {
            tracing::error!(%error, "the end of a trial could not be written to the data folder");
        }
    }

    /// Makes the deliveries due again on which a rolled-back component broke down.
    pub(super) fn retry_uncounted(&self, handler: &HandlerName, component: ComponentDigest) {
        match self.deliveries.retry_uncounted(handler, component) {
            Ok(0) => {}
            Ok(deliveries) => {
                tracing::warn!(%handler, deliveries, "the deliveries that the component failed run again");
                self.dispatcher.wake();
            }
            Err(error) => {
                tracing::error!(
                    %handler,
                    %error,
                    "the deliveries on which the component broke down could not be made due again; \
                     their retry policy applies",
                );
            }
        }
    }

    /// Does the same for all rolled-back components at the start: the process before may have ended
    /// between the roll-back and this step.
    pub(super) fn retry_uncounted_of_kept_out(&self) {
        let Ok(trials) = Trials::read(self.loader.last_good.folder()) else {
            // An error of the read has been logged before.
            return;
        };
        for (handler, component) in trials.rolled_back() {
            self.retry_uncounted(&HandlerName::new(handler), component);
        }
    }
}
