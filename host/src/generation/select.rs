//! Selects the component that a handler runs, by the trials on disk.

use std::io;

use crate::generation::code::Code;
use crate::generation::component_status::ComponentStatus;
use crate::generation::last_good::{KeptGeneration, LastGood};
use crate::generation::loaded::Generation;
use crate::generation::trials::Trials;
use crate::settings::Handler;
use tollgate_base::event::ComponentDigest;

/// Selects the component that a handler runs: the component in its file, or the one before.
pub(crate) struct ComponentSelector<'a> {
    last_good: &'a LastGood,
    /// The last generation that served.
    served: Option<KeptGeneration>,
    trials: Option<Trials>,
}

impl<'a> ComponentSelector<'a> {
    /// Reads the data folder. If it cannot be read, handlers run the components in their files.
    pub(crate) fn read(last_good: &'a LastGood) -> Self {
        let unread = |error: io::Error| {
            tracing::error!(
                folder = %last_good.folder().display(),
                %error,
                "the list of rolled-back components cannot be read",
            );
        };
        Self {
            last_good,
            served: last_good.read().map_err(unread).ok().flatten(),
            trials: Trials::read(last_good.folder()).map_err(unread).ok(),
        }
    }

    /// The component to run for a handler whose file has these bytes.
    pub(crate) fn for_file(&self, handler: &Handler, bytes: Vec<u8>) -> (ComponentDigest, Code) {
        let digest = ComponentDigest::of(&bytes);
        let status = match &self.trials {
            Some(trials) if handler.rollback => {
                let name = handler.name.as_str();
                let served = self.served.as_ref().and_then(|kept| kept.component(name));
                trials.status_of_file(name, digest, served)
            }
            _ => ComponentStatus::Trusted,
        };
        let ComponentStatus::InPlaceOf(rolled_back) = &status else {
            return (digest, Code { bytes, status });
        };
        match self.last_good.read_component(&rolled_back.before) {
            Ok(bytes) => {
                tracing::warn!(handler = %handler.name, "{rolled_back}");
                (ComponentDigest::of(&bytes), Code { bytes, status })
            }
            Err(error) => {
                tracing::error!(
                    handler = %handler.name,
                    %error,
                    "{rolled_back}; but the copy cannot be read, so the component in the file serves",
                );
                (digest, bytes.into())
            }
        }
    }

    /// The component to run for a handler of the last good generation.
    pub(crate) fn for_kept(&self, handler: &Handler, kept: &KeptGeneration) -> io::Result<Code> {
        let name = handler.name.as_str();
        let digest = kept.component(name).ok_or(io::ErrorKind::NotFound)?;
        let status = match &self.trials {
            Some(trials) => trials.status_of_kept(name, digest),
            None => ComponentStatus::Trusted,
        };
        let serves = match &status {
            ComponentStatus::InPlaceOf(rolled_back) => rolled_back.before.clone(),
            _ => digest.to_string(),
        };
        Ok(Code {
            bytes: self.last_good.read_component(&serves)?,
            status,
        })
    }
}

/// Records the status of the components of a generation that is about to serve.
pub(crate) fn record_trials(last_good: &LastGood, generation: &Generation) {
    let noted = Trials::read(last_good.folder()).and_then(|mut trials| {
        let mut news = false;
        for (name, digest) in generation.digests() {
            let status = generation.handlers[&name].status();
            news |= trials.record(name.as_str(), digest, status);
        }
        if news { trials.write() } else { Ok(()) }
    });
    if let Err(error) = noted {
        tracing::error!(%error, "the list of components on trial could not be written");
    }
}
