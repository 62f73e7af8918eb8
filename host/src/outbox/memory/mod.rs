//! The part of the outbox that is in memory: requests that may go, leased from the ledger.
//!
//! A request comes into memory when it is its turn and it is due: through the [`Inbox`], when a
//! commit made it so, or by a claim. Memory is bounded, and shared out among [`Lanes`].
//! [`Hosts`] holds back requests to hosts that take no more at present.

mod handler;
mod hosts;
mod inbox;
mod lane;
mod lanes;
mod load;

pub(super) use hosts::{Hosts, quiet_until};
pub(super) use inbox::Arrived;
pub use inbox::Inbox;
pub(super) use lanes::{End, Lanes, Wanted};
pub(super) use load::Bounds;
#[cfg(test)]
pub(super) use load::Load;
