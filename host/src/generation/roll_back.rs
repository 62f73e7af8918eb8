//! Going back to the component before, when the one that replaced it breaks down.
//!
//! The dispatcher finds out (`dispatch/trial.rs`) and starts nothing more on the component;
//! the thread that reloads puts the one before in its place, has it noted that the other
//! is kept out, and has what it failed run again.

use std::io;

use crate::dispatch::{Runnable, TrialNews, Verdict};
use crate::generation::last_good::{Kept, LastGood};
use crate::generation::reload::Thread;
use crate::generation::trials::Trials;
use crate::generation::{Code, Generation, GenerationError, RolledBack, Standing};
use crate::settings::Handler;
use tollgate_base::event::{ComponentDigest, HandlerName};

/// Why a component was not replaced by the one before.
#[derive(Debug, thiserror::Error)]
enum RollBackError {
    #[error("the trials in the data folder: {0}")]
    Trials(#[source] io::Error),
    #[error("the copy of the component before: {0}")]
    Copy(#[source] io::Error),
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// Which component a handler runs: that of its file, or the one before.
pub(crate) struct Choice<'a> {
    last_good: &'a LastGood,
    served: Option<Kept>,
    trials: Option<Trials>,
}

impl<'a> Choice<'a> {
    /// By what the data folder says. Where it cannot be read, files count as they stand.
    pub(crate) fn read(last_good: &'a LastGood) -> Self {
        let unread = |error: io::Error| {
            tracing::error!(%error, "it cannot be read which components are kept out");
        };
        Self {
            last_good,
            served: last_good.read().map_err(unread).ok().flatten(),
            trials: Trials::read(last_good.folder()).map_err(unread).ok(),
        }
    }

    /// The component to run where the file holds `bytes`.
    pub(crate) fn of_file(&self, handler: &Handler, bytes: Vec<u8>) -> (ComponentDigest, Code) {
        let digest = ComponentDigest::of(&bytes);
        let standing = match &self.trials {
            Some(trials) if handler.rollback => {
                let name = handler.name.as_str();
                let served = self.served.as_ref().and_then(|kept| kept.component(name));
                trials.of_file(name, digest, served)
            }
            _ => Standing::Trusted,
        };
        let Standing::InPlaceOf(rolled_back) = &standing else {
            return (digest, Code { bytes, standing });
        };
        match self.last_good.read_component(&rolled_back.before) {
            Ok(bytes) => {
                tracing::warn!(handler = %handler.name, "{rolled_back}");
                (ComponentDigest::of(&bytes), Code { bytes, standing })
            }
            Err(error) => {
                tracing::error!(handler = %handler.name, %error, "{rolled_back}; but its copy cannot be read, so the file counts as it stands");
                (digest, bytes.into())
            }
        }
    }

    /// The component to run of a last good generation.
    pub(crate) fn of_kept(&self, handler: &Handler, kept: &Kept) -> io::Result<Code> {
        let name = handler.name.as_str();
        let digest = kept.component(name).ok_or(io::ErrorKind::NotFound)?;
        let standing = match &self.trials {
            Some(trials) => trials.of_kept(name, digest),
            None => Standing::Trusted,
        };
        let serves = match &standing {
            Standing::InPlaceOf(rolled_back) => rolled_back.before.clone(),
            _ => digest.to_string(),
        };
        Ok(Code {
            bytes: self.last_good.read_component(&serves)?,
            standing,
        })
    }
}

/// Notes how the components of a generation stand that is about to serve.
pub(crate) fn note_trials(last_good: &LastGood, generation: &Generation) {
    let noted = Trials::read(last_good.folder()).and_then(|mut trials| {
        let mut news = false;
        for (name, digest) in generation.digests() {
            let standing = generation.handlers[&name].standing();
            news |= trials.note(name.as_str(), digest, standing);
        }
        if news { trials.write() } else { Ok(()) }
    });
    if let Err(error) = noted {
        tracing::error!(%error, "it could not be noted which components are on trial");
    }
}

impl Thread {
    /// Acts on what is known of a component that replaced another.
    pub(crate) fn trial(&mut self, news: TrialNews) {
        let TrialNews {
            handler,
            component,
            verdict,
        } = news;
        match verdict {
            None => self.excuse(&handler, component),
            Some(Verdict::Passed) => self.passed(&handler, component),
            Some(Verdict::Failed { broke, of }) => {
                match self.roll_back(&handler, component, (broke, of)) {
                    // It has been replaced meanwhile.
                    Ok(None) => {}
                    Ok(Some(rolled_back)) => {
                        tracing::error!(%handler, "rolled back: {rolled_back}");
                        self.excuse(&handler, component);
                    }
                    Err(error) => {
                        tracing::error!(%handler, %error, "the component breaks down, but the one before cannot serve in its place");
                        self.core.dispatcher.acquit(&handler);
                    }
                }
            }
        }
    }

    /// Puts the component before in the place of one that failed its trial.
    fn roll_back(
        &mut self,
        handler: &HandlerName,
        component: ComponentDigest,
        counted: (usize, usize),
    ) -> Result<Option<RolledBack>, RollBackError> {
        let current = self.core.current.load_full();
        let serves = current.handlers.get(handler);
        let Some(present) = serves.filter(|loaded| loaded.digest() == component) else {
            return Ok(None);
        };
        let last_good = self.loader.last_good.clone();
        let mut trials = Trials::read(last_good.folder()).map_err(RollBackError::Trials)?;
        let now = self.core.clock.now();
        let rolled_back = trials
            .fail(handler.as_str(), component, now, counted)
            .ok_or_else(|| RollBackError::Trials(io::ErrorKind::NotFound.into()))?;
        let bytes = last_good
            .read_component(&rolled_back.before)
            .map_err(RollBackError::Copy)?;
        let code = Code {
            bytes,
            standing: Standing::InPlaceOf(rolled_back.clone()),
        };
        let generation = self.loader.builder.replace(&current, present, code, now)?;
        let kept = trials
            .write()
            .and_then(|()| last_good.replace(handler.as_str(), &rolled_back.before));
        if let Err(error) = kept {
            tracing::error!(%error, "it could not be kept in the data folder that a component was rolled back: after a restart it is on trial again");
        }
        self.serve(generation);
        Ok(Some(rolled_back))
    }

    fn passed(&self, handler: &HandlerName, component: ComponentDigest) {
        let noted = Trials::read(self.loader.last_good.folder()).and_then(|mut trials| {
            if trials.pass(handler.as_str(), component) {
                tracing::info!(%handler, "the new component has passed its trial");
                trials.write()?;
            }
            Ok(())
        });
        if let Err(error) = noted {
            tracing::error!(%error, "it could not be noted that a component has passed its trial");
        }
    }

    /// Has run again what a component failed that is kept out.
    fn excuse(&self, handler: &HandlerName, component: ComponentDigest) {
        match self.core.ledger.excuse(handler, component) {
            Ok(0) => {}
            Ok(deliveries) => {
                tracing::warn!(%handler, deliveries, "what the component failed runs again");
                self.core.dispatcher.wake();
            }
            Err(error) => {
                tracing::error!(%handler, %error, "what the component failed could not be made due again; it waits as its policy says");
            }
        }
    }

    /// The same at the start, where an end of the process may have come between.
    pub(crate) fn excuse_kept_out(&self) {
        let Ok(trials) = Trials::read(self.loader.last_good.folder()) else {
            // That has been told.
            return;
        };
        for (handler, component) in trials.kept_out() {
            self.excuse(&HandlerName::new(handler), component);
        }
    }
}
