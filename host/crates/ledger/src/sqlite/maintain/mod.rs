//! Work on a ledger's file as a whole: copies, checks, and putting a copy in the ledger's place.

mod backup;
mod copy;
mod error;
mod invariants;
mod restore;
mod verify;

pub(crate) use backup::backup;
pub(crate) use error::MaintainError;
pub(crate) use restore::restore;
pub(crate) use verify::verify;
