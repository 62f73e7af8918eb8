//! Finds the data folder, even of a broken manifest.

use std::path::{Path, PathBuf};

use crate::manifest;
use crate::settings::Manifest;
use tollgate_base::files::read_regular_text;

/// The data folder: the ledger, and everything that the gateway keeps beside it.
pub(super) struct DataFolder {
    pub(super) folder: PathBuf,
    /// The file of the ledger.
    pub(super) database: PathBuf,
}

/// The data folder of a manifest. If the manifest cannot be used, its text is searched for the URL
/// of the ledger, because the last good generation lies there too.
pub(super) fn data_folder(path: &Path, manifest: Option<&Manifest>) -> DataFolder {
    let folder = path.parent().unwrap_or(Path::new(""));
    let database = match manifest {
        Some(manifest) => manifest.ledger.path.clone(),
        None => folder.join(ledger_path_in(
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
