//! Sending: one try of a request, the meaning of its answer, and the record of the try.

mod attempt;
mod outcome;
mod outgoing;
mod response;
mod sender;
mod settler;

pub(crate) use response::cancelled as cancelled_event;
pub(super) use sender::{Ended, Sender};
