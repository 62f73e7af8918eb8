//! The ledger's file, for subcommands that read it beside a running gateway.

use std::path::PathBuf;

use clap::Args;

use super::environment;
use crate::ledger::SqliteReader;
use crate::reload::read_manifest;

/// Which ledger is meant.
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    /// The manifest, which names the ledger.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The ledger's file, if not by the manifest.
    #[arg(long)]
    ledger: Option<PathBuf>,
}

impl LedgerArgs {
    /// Opens it for reading.
    pub(super) fn open(&self) -> anyhow::Result<SqliteReader> {
        if let Some(ledger) = &self.ledger {
            return Ok(SqliteReader::open(ledger)?);
        }
        let manifest = read_manifest(&self.manifest, &environment())?.manifest;
        Ok(SqliteReader::open(&manifest.ledger.path)?)
    }
}
