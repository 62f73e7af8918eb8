//! Reads the manifest's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::generation::error::GenerationError;
use crate::generation::signature::{Signature, named_files, signature_of};
use crate::manifest::{self, Mistakes};
use crate::settings::Manifest;
use tollgate_base::files::read_regular_text;

/// Looks up an environment variable.
pub type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Why no generation could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The manifest or its components cannot be used.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

impl From<Mistakes> for LoadError {
    fn from(mistakes: Mistakes) -> Self {
        Self::Generation(mistakes.into())
    }
}

/// A manifest with its text and the signature of its files.
pub(crate) struct ReadManifest {
    pub(crate) text: String,
    pub(crate) manifest: Manifest,
    /// The signature of the files, taken before the files of components and fixtures were read. So
    /// a change during the read is seen as a change.
    pub(crate) signature: Signature,
}

/// Reads and checks a manifest's file.
///
/// # Errors
/// The file cannot be read, or has mistakes.
/// A manifest's file, and how the file is read.
pub(crate) struct ManifestSource {
    /// The file.
    pub(crate) path: PathBuf,
    /// The environment variables.
    pub(crate) env: Env,
    /// The folder of the ledger, if the gateway is for this machine alone.
    pub(crate) local: Option<PathBuf>,
}

impl ManifestSource {
    /// Reads the file.
    pub(crate) fn read(&self) -> Result<ReadManifest, LoadError> {
        let mut read = read_manifest(&self.path, &self.env)?;
        self.adapt(&mut read.manifest);
        Ok(read)
    }

    /// Parses a copy of the file, as it would be read at `path`.
    pub(crate) fn parse(&self, text: &str, path: &Path) -> Result<Manifest, LoadError> {
        let mut manifest = manifest::parse(text, path, &*self.env)?;
        self.adapt(&mut manifest);
        Ok(manifest)
    }

    /// The file of the ledger, although the manifest may have mistakes or cannot be read at all.
    pub(crate) fn ledger_file(&self) -> Result<PathBuf, LoadError> {
        let text = text_of(&self.path).unwrap_or_default();
        Ok(manifest::ledger_file(&text, &self.path, &*self.env)?)
    }

    fn adapt(&self, manifest: &mut Manifest) {
        if let Some(folder) = &self.local {
            manifest.keep_local(folder);
        }
    }
}

pub(crate) fn read_manifest(path: &Path, env: &Env) -> Result<ReadManifest, LoadError> {
    let mut signature = signature_of([path.to_owned()]);
    let text = text_of(path)?;
    let manifest = manifest::parse(&text, path, &**env)?;
    signature.extend(signature_of(named_files(&manifest)));
    Ok(ReadManifest {
        text,
        manifest,
        signature,
    })
}

fn text_of(path: &Path) -> Result<String, LoadError> {
    read_regular_text(path, manifest::MAX_SIZE).map_err(|error| LoadError::Read {
        path: path.to_owned(),
        error,
    })
}
