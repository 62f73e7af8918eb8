//! Immediate requests: a handler sends a request while it runs, and waits for the answer.
//!
//! The sandbox checks the grant, records the exchange, and gives a recorded answer where there is
//! one. This module makes the request: over the connections of [`egress`](crate::egress), with the
//! credentials of the manifest. A request is sent at least once: a run that fails after its request
//! runs again, and asks again.

mod sender;

pub(crate) use sender::{HandlerSender, ImmediateClients};
