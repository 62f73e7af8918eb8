//! Backing a ledger up while a gateway may run on it.

use std::path::Path;

use rusqlite::Connection;

use super::copy::Copy;
use super::error::{MaintainError, sqlite_error};
use super::verify::verify;
use crate::BackedUp;
use crate::sqlite::error::OpenError;
use crate::sqlite::lineage::{self, PROGRESS};
use crate::sqlite::{open, progress};
use tollgate_base::event::ComponentDigest;

/// Copies the ledger at `path` as it is at one moment to `target`, which must not exist: synced,
/// checked, and then moved into its place.
pub(crate) fn backup(path: &Path, target: &Path) -> Result<BackedUp, MaintainError> {
    if target.exists() {
        return Err(MaintainError::Exists(target.into()));
    }
    if !path.exists() {
        return Err(OpenError::Missing { path: path.into() }.into());
    }
    open::check_kinds(path)?;
    // A log that is not the database's would be copied as if it were.
    let progress = progress::read(&open::beside(path, PROGRESS));
    lineage::check_files(path, progress.ok().flatten().as_ref())?;
    let copy = Copy::make(path, target)?;
    let verified = verify(&copy.path)?;
    if !verified.problems.is_empty() {
        let problems = verified.problems;
        return Err(MaintainError::Unsound {
            path: path.into(),
            problems,
        });
    }
    let components = copy.open().and_then(|conn| {
        let components = components(&conn);
        components.map_err(sqlite_error(&copy.path))
    })?;
    copy.move_to(target)?;
    Ok(BackedUp {
        verified,
        components,
    })
}

/// The components that attempts name.
fn components(conn: &Connection) -> rusqlite::Result<Vec<ComponentDigest>> {
    conn.prepare("SELECT digest FROM components WHERE attempts > 0 ORDER BY id")?
        .query_map([], |row| row.get(0).map(ComponentDigest))?
        .collect()
}
