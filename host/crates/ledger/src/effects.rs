//! The effects and the reads of a run, before they are committed.

use super::{Inapplicable, NewEvent, NewRequest, ScheduleWrite, Version};

/// The effects of a run.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Writes to state, at most one for each key.
    pub state: Vec<(String, StateWrite)>,
    /// Requests, in the order of the calls.
    pub outbox: Vec<NewRequest>,
    /// Emitted events, in the order of the calls, with the handlers that their routes name.
    pub emitted: Vec<NewEvent>,
    /// Changes to the handler's schedule, at most one for each key.
    pub schedule: Vec<(String, ScheduleWrite)>,
}

impl Effects {
    /// Whether the run has no effects.
    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
            && self.outbox.is_empty()
            && self.emitted.is_empty()
            && self.schedule.is_empty()
    }
}

/// A write to one key of a handler's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateWrite {
    /// Sets the value.
    Set(Vec<u8>),
    /// Removes the value.
    Delete,
    /// Adds to the value, which is a decimal 64-bit integer; an absent value counts as 0.
    Add(i64),
}

/// The value of a counter after an `add`: a decimal 64-bit integer. An absent value counts as 0.
///
/// # Errors
/// [`Inapplicable::NotACounter`]
pub fn counter_after(before: Option<&[u8]>, delta: i64) -> Result<Vec<u8>, Inapplicable> {
    let number = before.map_or(Some(0), |value| {
        std::str::from_utf8(value).ok()?.parse::<i64>().ok()
    });
    let sum = number.and_then(|number| number.checked_add(delta));
    sum.map(|sum| sum.to_string().into_bytes())
        .ok_or(Inapplicable::NotACounter)
}

/// A read of the handler's state, which the commit checks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// One key.
    Key {
        /// The key.
        key: String,
        /// The version that the run saw.
        version: Version,
    },
    /// A listing, with its arguments.
    List {
        /// The prefix.
        prefix: String,
        /// The listing begins behind this key.
        after: Option<String>,
        /// The most entries.
        limit: u32,
        /// The keys and versions that the run saw.
        seen: Vec<(String, Version)>,
    },
}
