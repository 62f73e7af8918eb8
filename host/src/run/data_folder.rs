//! Finds the data folder, even of a broken manifest.

use std::path::{Path, PathBuf};

use crate::generation::{LastGood, ManifestSource};
use crate::manifest;
use crate::settings::{LOCAL_LEDGER, Manifest};
use tollgate_base::files::read_regular_text;

/// The data folder: the ledger, and everything that the gateway keeps beside it.
pub(super) struct DataFolder {
    pub(super) folder: PathBuf,
    /// The file of the ledger.
    pub(super) database: PathBuf,
}

impl DataFolder {
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

/// The data folder of a manifest. If the manifest cannot be used, its text is searched for the URL
/// of the ledger, because the last good generation lies there too.
pub(super) fn data_folder(source: &ManifestSource, manifest: Option<&Manifest>) -> DataFolder {
    let path = &source.path;
    let folder = path.parent().unwrap_or(Path::new(""));
    let database = match (manifest, &source.local) {
        (Some(manifest), _) => manifest.ledger.path.clone(),
        (None, Some(local)) => local.join(LOCAL_LEDGER),
        (None, None) => folder.join(ledger_path_in(
            &read_regular_text(path, manifest::MAX_SIZE).unwrap_or_default(),
        )),
    };
    let folder = database.parent().map_or_else(PathBuf::new, Path::to_owned);
    DataFolder { folder, database }
}

/// The path of the ledger in the text of a manifest that cannot be parsed: the text after the first
/// `"sqlite:`, or the default.
fn ledger_path_in(text: &str) -> &str {
    text.split_once("\"sqlite:")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("data/tollgate.db", |(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_found_in_a_broken_manifest() {
        assert_eq!(
            ledger_path_in("version = = 1\n[ledger]\nurl = \"sqlite:x/y.db\"\n"),
            "x/y.db"
        );
        assert_eq!(ledger_path_in("version = = 1"), "data/tollgate.db");
    }
}
