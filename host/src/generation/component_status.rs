//! The status of a handler's component: trusted, on trial, or rolled back.

use std::fmt;

use serde::{Deserialize, Serialize};
use tollgate_base::time::WallTime;

/// The status of the component that a handler runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ComponentStatus {
    /// The handler has no component to go back to, or no reason to go back.
    #[default]
    Trusted,
    /// The component has replaced another. If the trial fails, the component before serves again.
    OnTrial {
        /// The digest of the component before, in hex.
        before: String,
    },
    /// The component serves in place of the component in the file, which has failed its trial.
    InPlaceOf(RolledBack),
}

/// A component that is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The digest of the component, in hex.
    pub component: String,
    /// The digest of the component that serves in its place, in hex.
    pub before: String,
    /// Since when.
    pub at: WallTime,
    /// Why.
    pub cause: Cause,
}

/// Why a component is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The component failed its trial.
    BrokeDown {
        /// The number of deliveries on which the component broke down.
        broke: usize,
        /// The number of deliveries in the trial.
        of: usize,
    },
    /// An operator has rolled the handler back.
    Operator(Said),
}

/// What an operator says with a roll-back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The name of the operator.
    pub who: String,
    /// The reason.
    pub why: Option<String>,
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        let component = short(&self.component);
        match &self.cause {
            Cause::BrokeDown { broke, of } => write!(
                f,
                "its component {component} broke down on {broke} of {of} new deliveries and is"
            ),
            Cause::Operator(Said { who, why: None }) => {
                write!(
                    f,
                    "its component {component} was rolled back by {who} and is"
                )
            }
            Cause::Operator(Said {
                who,
                why: Some(why),
            }) => write!(
                f,
                "its component {component} was rolled back by {who} ({why}) and is"
            ),
        }?;
        let before = short(&self.before);
        write!(
            f,
            " kept out until its file changes; {before} serves in its place"
        )
    }
}
