//! Rolls a handler back, or lets the component in its file in again, because an operator asks.

use std::io;

use crate::dispatch::Runnable as _;
use crate::generation::component_status::{ComponentStatus, RolledBack, Said};
use crate::generation::error::GenerationError;
use crate::generation::roll_back::RollBacks;
use crate::generation::trials::Trials;
use tollgate_base::event::{ComponentDigest, HandlerName};

/// What an operator asks for.
#[derive(Debug)]
pub(crate) struct RollBackRequest {
    /// The handler.
    pub(crate) handler: HandlerName,
    /// The first digits of the digest of the component that shall serve, in hex. `None` for the
    /// trusted component before the one that is on trial.
    pub(crate) to: Option<String>,
    /// Who asks, and why.
    pub(crate) said: Said,
}

/// Why a handler is not rolled back, or its component not let in again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ByHandError {
    /// No such handler.
    #[error("the manifest has no handler `{0}`")]
    Unknown(HandlerName),
    /// The manifest forbids roll-backs.
    #[error("the handler has `rollback = false` in the manifest")]
    Forbidden,
    /// The component has passed its trial, or is the handler's first.
    #[error(
        "its component is not on trial: say which component shall serve, by the first digits of \
         its digest (`to`); attempts of earlier deliveries name them"
    )]
    NotOnTrial,
    /// Nothing to go back from.
    #[error("the component {0} serves already")]
    ServesAlready(String),
    /// No kept component has such a digest.
    #[error("no component that has run begins with `{0}`")]
    NoComponent(String),
    /// Several have.
    #[error("several components begin with `{0}`: write more of the digest")]
    Ambiguous(String),
    /// Nothing to let in again.
    #[error("its component is neither on trial nor rolled back")]
    NothingToReadmit,
    /// The data folder.
    #[error("the data folder cannot be read or written")]
    Folder(#[from] io::Error),
    /// The component does not load any more.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

impl RollBacks {
    /// Lets another component serve in place of the one in the handler's file, until that file
    /// changes.
    pub(super) fn roll_back_by_hand(
        &self,
        request: RollBackRequest,
    ) -> Result<RolledBack, ByHandError> {
        let RollBackRequest { handler, to, said } = request;
        let current = self.swapper.current.load_full();
        let Some(present) = current.handlers.get(&handler) else {
            return Err(ByHandError::Unknown(handler));
        };
        if !present.settings.rollback {
            return Err(ByHandError::Forbidden);
        }
        let last_good = &self.loader.last_good;
        let mut trials = Trials::read(last_good.folder())?;
        let before = self.component_to_serve(&trials, &handler, to)?;
        let serves = present.digest();
        if serves == before {
            return Err(ByHandError::ServesAlready(before.to_string()));
        }
        // What is kept out is the component in the file, whatever serves in its place now.
        let component = match present.status() {
            ComponentStatus::InPlaceOf(rolled_back) => rolled_back.component.clone(),
            _ => serves.to_string(),
        };
        let bytes = self.loader.builder.components.read(before)?;
        let now = (self.clock.now(), said);
        let rolled_back = trials
            .keep_out(handler.as_str(), &component, before, now)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        last_good.add_component(&rolled_back.before, &bytes)?;
        self.serve_in_place((&current, present), &trials, &rolled_back, bytes)?;
        tracing::warn!(%handler, "rolled back: {rolled_back}");
        self.retry_uncounted(&handler, serves);
        Ok(rolled_back)
    }

    /// The component that an operator wants to serve.
    fn component_to_serve(
        &self,
        trials: &Trials,
        handler: &HandlerName,
        to: Option<String>,
    ) -> Result<ComponentDigest, ByHandError> {
        let Some(to) = to else {
            let before = trials.before_trial(handler.as_str());
            return before
                .and_then(ComponentDigest::from_hex)
                .ok_or(ByHandError::NotOnTrial);
        };
        let digits = to.to_ascii_lowercase();
        let kept = self.loader.builder.components.digests()?.into_iter();
        let mut fits = kept.filter(|digest| digest.to_string().starts_with(&digits));
        match (fits.next(), fits.next()) {
            (Some(one), None) if !digits.is_empty() => Ok(one),
            (None, _) => Err(ByHandError::NoComponent(to)),
            _ => Err(ByHandError::Ambiguous(to)),
        }
    }

    /// Forgets the trial or the roll-back of a handler. A reload has to follow: a component that
    /// was kept out is then on trial anew, and one that was on trial is trusted.
    pub(super) fn readmit(&self, handler: HandlerName) -> Result<(), ByHandError> {
        if !self.swapper.current.load().handlers.contains_key(&handler) {
            return Err(ByHandError::Unknown(handler));
        }
        let mut trials = Trials::read(self.loader.last_good.folder())?;
        if !trials.forget(handler.as_str()) {
            return Err(ByHandError::NothingToReadmit);
        }
        trials.write()?;
        Ok(())
    }
}
