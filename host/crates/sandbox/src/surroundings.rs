//! What a run may read beside its delivery.

use crate::http::Answers;
use crate::state::StateSource;

/// What a run may read beside its delivery: state, and answers to immediate requests.
pub struct Surroundings {
    /// The handler's state.
    pub state: StateSource,
    /// Where the answers to immediate requests come from.
    pub answers: Answers,
}

impl From<StateSource> for Surroundings {
    /// A run that sends nothing.
    fn from(state: StateSource) -> Self {
        Self {
            state,
            answers: Answers::default(),
        }
    }
}
