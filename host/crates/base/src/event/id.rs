//! The gateway's ids of events.

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::time::WallTime;

/// The gateway's id of an event: a UUID (version 7), so that ids sort by arrival.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id for an event that arrives at `now`.
    pub fn generate(now: WallTime) -> Self {
        let mut random = [0; 10];
        fastrand::fill(&mut random);
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid())
    }

    /// The id of an event that a handler emitted. The time is `now` and the rest comes from `seed`,
    /// so that the same emission always has the same id.
    pub fn derived(now: WallTime, seed: &[u8]) -> Self {
        let hash = Sha256::digest(seed);
        let mut tail = [0; 10];
        tail.copy_from_slice(&hash[..10]);
        Self(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &tail).into_uuid())
    }

    /// The 16 bytes of the id, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for EventId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}
