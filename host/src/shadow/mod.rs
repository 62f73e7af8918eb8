//! Shadow replay: runs another component on recorded events, without its effects, and compares.
//!
//! The candidate runs on a copy of the handler's present state, because the past state is not
//! recorded. If the recorded component is kept, that component runs too, on a second copy of the
//! same state, and the outcomes of both runs are compared. Otherwise the candidate's outcome is
//! compared with the record, without the state.

mod difference;
mod outcome;
mod replay;

pub(crate) use difference::Difference;
pub(crate) use replay::{Comparison, Shadow};
