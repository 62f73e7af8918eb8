//! What a handler does and reads during a run, until it is committed.

use super::{NewEvent, NewRequest, ScheduleWrite, Version};

/// What a handler asked for during a run.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Writes to state, at most one a key.
    pub state: Vec<(String, StateWrite)>,
    /// Requests, in the order of the calls.
    pub outbox: Vec<NewRequest>,
    /// Emitted events, in the order of the calls, with the handlers that their routes name.
    pub emitted: Vec<NewEvent>,
    /// Changes to its schedule, at most one a key.
    pub schedule: Vec<(String, ScheduleWrite)>,
}

impl Effects {
    /// Whether there are none.
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
    /// The value is now this.
    Set(Vec<u8>),
    /// There is no value.
    Delete,
    /// The value, a decimal 64-bit integer or absent (0), grows by this.
    Add(i64),
}

/// Something that a handler read from its state, to be checked at the commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Read {
    /// One key.
    Key {
        /// The key.
        key: String,
        /// The version that was seen.
        version: Version,
    },
    /// A listing, with the arguments that it was made with.
    List {
        /// The prefix.
        prefix: String,
        /// Keys after this one.
        after: Option<String>,
        /// At most so many.
        limit: u32,
        /// The keys and versions that were seen.
        seen: Vec<(String, Version)>,
    },
}
