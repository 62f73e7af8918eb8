//! What the ledger knows of its last restore.

use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;
use utoipa::ToSchema;

use super::Millis;

/// A restore of the ledger: its file is not as the last run left it, but an older one or another
/// one. Kept until an operator releases it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restore {
    /// When a start noticed the restore, or when the command `ledger restore` made it.
    #[schema(value_type = Millis)]
    pub at_ms: WallTime,
    /// The receipt of the newest event in the restored file; `None` if the file has no event.
    #[schema(value_type = Option<Millis>)]
    pub newest_event_ms: Option<WallTime>,
    /// When the last run wrote for the last time; `None` if that is unknown. Events that were
    /// acknowledged after `newest_event_ms` and until then are missing.
    #[schema(value_type = Option<Millis>)]
    pub wrote_until_ms: Option<WallTime>,
    /// How many commits of the last run the restored file lacks; `None` if it is of another
    /// history, so that nobody can say.
    pub missing_commits: Option<u64>,
    /// Whether no delivery and no request of the outbox starts until an operator releases them.
    pub on_hold: bool,
}

impl fmt::Display for Restore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missing_commits {
            Some(missing) => write!(f, "the ledger lacks {missing} commits of the last run")?,
            None => write!(f, "the ledger is not the one of the last run")?,
        }
        if let Some(until) = self.wrote_until_ms {
            write!(f, ", which wrote until {}", rfc3339::format(until))?;
        }
        match self.newest_event_ms {
            Some(newest) => write!(f, "; its newest event is of {}", rfc3339::format(newest))?,
            None => write!(f, "; it has no event")?,
        }
        if self.on_hold {
            write!(f, "; deliveries and requests are on hold")?;
        }
        Ok(())
    }
}
