//! The status of a handler's component: trusted, on trial, or rolled back.

use std::fmt;

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

/// A component that failed its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The digest of the component, in hex.
    pub component: String,
    /// The digest of the component that serves in its place, in hex.
    pub before: String,
    /// When the trial failed.
    pub at: WallTime,
    /// The number of deliveries on which the component broke down.
    pub broke: usize,
    /// The number of deliveries in the trial.
    pub of: usize,
}

impl fmt::Display for RolledBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        write!(
            f,
            "its component {} broke down on {} of {} new deliveries and is kept out until its file \
             changes; {} serves in its place",
            short(&self.component),
            self.broke,
            self.of,
            short(&self.before),
        )
    }
}
