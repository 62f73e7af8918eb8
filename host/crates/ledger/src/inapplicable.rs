//! Why effects cannot be applied.

/// The reasons why effects cannot be applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Inapplicable {
    /// An `add` meets a value that is no counter, or leaves the range of one.
    #[error("`add` to a value in state that is no decimal 64-bit integer, or beyond its range")]
    NotACounter,
    /// An entry of the schedule is due beyond `SCHEDULE_HORIZON`.
    #[error("scheduled more than 400 days ahead")]
    ScheduleTooFar,
    /// The handler has as many scheduled events as it may have.
    #[error("the handler has as many scheduled events as it may have")]
    ScheduleFull,
}
