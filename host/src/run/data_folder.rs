//! Finds the data folder, even of a broken manifest.

use std::path::{Path, PathBuf};

use crate::generation::{LastGood, LoadError, ManifestSource};
use crate::settings::{LOCAL_LEDGER, Manifest};

/// The data folder: the ledger, and everything that the gateway keeps beside it.
pub(super) struct DataFolder {
    pub(super) folder: PathBuf,
    /// The file of the ledger.
    pub(super) database: PathBuf,
}

impl DataFolder {
    /// Whether a generation is kept here that can serve instead of a broken manifest.
    pub(super) fn has_last_good(&self) -> bool {
        LastGood::in_folder(&self.folder).is_kept()
    }

    /// What an earlier run left in the folder, if the ledger itself is not there. A start with an
    /// empty ledger would know no duplicate of the events before.
    pub(super) fn left_without_ledger(&self) -> Vec<PathBuf> {
        let beside = |ending| {
            let mut path = self.database.clone().into_os_string();
            path.push(ending);
            PathBuf::from(path)
        };
        // A log alone has events that were acknowledged: opening the ledger says so.
        if [self.database.clone(), beside("-wal")]
            .iter()
            .any(|path| path.metadata().is_ok_and(|file| file.len() > 0))
        {
            return Vec::new();
        }
        let progress = Some(beside(".progress")).filter(|path| path.is_file());
        let last_good = LastGood::in_folder(&self.folder);
        let kept = last_good.is_kept().then(|| last_good.folder().to_owned());
        progress.into_iter().chain(kept).collect()
    }
}

/// The data folder of a manifest. A manifest that cannot be used has one too, because the last good
/// generation lies there.
///
/// # Errors
/// The manifest's text does not say where the ledger is.
pub(super) fn data_folder(
    source: &ManifestSource,
    manifest: Option<&Manifest>,
) -> Result<DataFolder, LoadError> {
    let database = match (manifest, &source.local) {
        (Some(manifest), _) => manifest.ledger.path.clone(),
        (None, Some(local)) => local.join(LOCAL_LEDGER),
        (None, None) => source.ledger_file()?,
    };
    let folder = database.parent().map_or_else(PathBuf::new, Path::to_owned);
    Ok(DataFolder { folder, database })
}
