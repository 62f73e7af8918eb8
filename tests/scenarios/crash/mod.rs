//! The gateway is killed again and again under load, at random moments and at the worst ones.
//! In the end, every event and every effect is accounted for.
//!
//! `make crash ROUNDS=500` plays more rounds than the tests do. The worst moments are the
//! failpoints of a build with debug assertions (see `host/src/failpoint.rs`). A build without
//! failpoints is killed at random moments only.

mod effects;
mod pruning;
mod replays;
mod rounds;
mod runs;
mod storm;
