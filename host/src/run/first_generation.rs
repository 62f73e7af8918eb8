//! The generation that serves first: of the manifest, or the last good one.

use crate::generation::{Generation, LoadError, Loader, ReadManifest, Signature};
use tollgate_base::time::WallTime;

/// The generation that serves first.
pub(super) struct FirstGeneration {
    pub(super) generation: Generation,
    /// Why the manifest's file does not serve; `None` if it serves.
    pub(super) trouble: Option<String>,
    /// Whether the reason may pass by itself.
    pub(super) may_pass: bool,
    /// The signature of the files that were read.
    pub(super) signature: Signature,
}

/// Builds the generation of the manifest or, if it cannot be used, the last good generation. `seen`
/// is the signature of the manifest's file before it was read.
pub(super) fn first_generation(
    loader: &Loader,
    read: Result<ReadManifest, LoadError>,
    seen: Signature,
    now: WallTime,
) -> Result<FirstGeneration, LoadError> {
    let error = match read.and_then(|read| loader.build(read, 1, now)) {
        Ok(built) => {
            loader.keep(&built);
            for warning in &built.generation.manifest.warnings {
                tracing::warn!("{warning}");
            }
            return Ok(FirstGeneration {
                signature: built.signature,
                generation: built.generation,
                trouble: None,
                may_pass: false,
            });
        }
        Err(error) => error,
    };
    match loader.build_last_good(now) {
        Ok(Some(generation)) => {
            tracing::error!(%error, "the manifest cannot be used; the last good generation serves");
            Ok(FirstGeneration {
                signature: seen,
                generation,
                trouble: Some(error.to_string()),
                may_pass: error.may_pass(),
            })
        }
        Ok(None) => Err(error),
        Err(kept) => {
            tracing::error!(error = %kept, "the last good generation cannot be used either");
            Err(error)
        }
    }
}
