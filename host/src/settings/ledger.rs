//! `[ledger]`: where the ledger is.

use std::path::PathBuf;

/// `[ledger]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerSettings {
    /// `url = "sqlite:PATH"`: the database file. Default `data/tollgate.db`. The folder of this
    /// file is the data folder. It also holds compiled components and the last good manifest.
    pub path: PathBuf,
}
