//! Alerts: the gateway itself tells when something is wrong, and when it is over.
//!
//! A thread looks at [facts](facts) about the gateway every two seconds, and a [`Watcher`] compares
//! them with the conditions of the manifest. What starts or ends is committed together with its
//! notices, as requests of the outbox: so each is told once, also by a process that ends in
//! between. A notice gets the form of its receiver as it leaves, since the URL of a receiver is a
//! secret.

mod conditions;
mod facts;
mod formats;
mod memory;
mod notice;
mod rhythm;
#[cfg(test)]
mod tests;
mod watcher;
mod window;

pub(crate) use facts::{Facts, HandlerFacts, SourceFacts};
pub(crate) use formats::{Unreadable, body};
pub(crate) use notice::About;
pub(crate) use watcher::Watcher;
