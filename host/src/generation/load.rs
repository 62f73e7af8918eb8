//! Loads generations from the manifest's file or from the copy of the last good generation.

use std::cell::RefCell;
use std::path::Path;

use crate::generation::build::Builder;
use crate::generation::code::read_file;
use crate::generation::last_good::{KeptComponents, LastGood};
use crate::generation::loaded::{Generation, Origin};
use crate::generation::read::{LoadError, ManifestSource, ReadManifest};
use crate::generation::select::{ComponentSelector, record_trials};
use crate::generation::signature::Signature;
use crate::generation::trials::Trials;
use crate::settings::Handler;
use tollgate_base::time::WallTime;

/// Loads generations from a manifest's file, and keeps copies of those that serve.
pub(crate) struct Loader {
    pub(crate) source: ManifestSource,
    pub(crate) builder: Builder,
    pub(crate) last_good: LastGood,
}

/// A generation with the text, the files and the components that it was built from.
pub(crate) struct BuiltGeneration {
    pub(crate) generation: Generation,
    text: String,
    /// The signature of the files that the generation was built from.
    pub(crate) signature: Signature,
    components: KeptComponents,
}

impl Loader {
    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        self.last_good.data()
    }

    /// Reads the manifest's file.
    pub(crate) fn read_manifest(&self) -> Result<ReadManifest, LoadError> {
        self.source.read()
    }

    /// Builds a generation from a manifest and the components that the manifest names.
    pub(crate) fn build(
        &self,
        read: ReadManifest,
        number: u64,
        now: WallTime,
    ) -> Result<BuiltGeneration, LoadError> {
        let ReadManifest {
            text,
            manifest,
            signature,
        } = read;
        let components = RefCell::new(KeptComponents::default());
        let selector = ComponentSelector::read(&self.last_good);
        let max_size = manifest.plugins.max_size;
        let read = |handler: &Handler| {
            let bytes = read_file(handler, max_size)?;
            let (digest, code) = selector.for_file(handler, bytes);
            components
                .borrow_mut()
                .add(&handler.name, digest, &code.bytes);
            Ok(code)
        };
        let generation = self
            .builder
            .build(manifest, number, now, Origin::Manifest, &read)?;
        Ok(BuiltGeneration {
            generation,
            text,
            signature,
            components: components.into_inner(),
        })
    }

    /// Builds the last good generation from its copy; `None` if there is no copy.
    pub(crate) fn build_last_good(&self, now: WallTime) -> Result<Option<Generation>, LoadError> {
        let failed = |error| LoadError::Read {
            path: self.source.path.clone(),
            error,
        };
        let Some(kept) = self.last_good.read().map_err(failed)? else {
            return Ok(None);
        };
        let manifest = self.source.parse(&kept.text, &kept.path)?;
        let selector = ComponentSelector::read(&self.last_good);
        let read = |handler: &Handler| selector.for_kept(handler, &kept);
        Ok(Some(self.builder.build(
            manifest,
            1,
            now,
            Origin::LastGood,
            &read,
        )?))
    }

    /// Removes copies of components that no start needs any more.
    fn prune_last_good(&self) {
        let trials = Trials::read(self.last_good.folder());
        let pruned = trials.and_then(|trials| self.last_good.prune(&trials.components_before()));
        if let Err(error) = pruned {
            tracing::warn!(%error, "old copies of components could not be removed");
        }
    }

    /// Copies a generation that is about to serve into the data folder, for a start with a broken
    /// manifest.
    pub(crate) fn keep(&self, built: &BuiltGeneration) {
        // Trials first: a component on trial must never be kept as trusted.
        record_trials(&self.last_good, &built.generation);
        let kept = self
            .last_good
            .keep(&self.source.path, &built.text, &built.components);
        match kept {
            Ok(()) => self.prune_last_good(),
            Err(error) => {
                tracing::error!(%error, "the last good generation could not be copied");
            }
        }
        for (digest, bytes) in &built.components.bytes {
            if let Err(error) = self.builder.components.keep(*digest, bytes) {
                tracing::error!(%digest, %error, "a component could not be copied");
            }
        }
    }
}
