//! Deliveries: one event for one handler.

use std::sync::Arc;

use super::OrderKey;
use super::names::state_names;
use tollgate_base::event::{ComponentDigest, Event, HandlerName};
use tollgate_base::time::WallTime;

/// The id of a delivery: a number that no other delivery of the ledger gets. Where several
/// gateways write, the order of numbers is not the order of arrival, so ids have no order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DeliveryId(pub i64);

/// One event for one handler, due to be run.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub seq: DeliveryId,
    /// The handler.
    pub handler: HandlerName,
    /// The event.
    pub event: Arc<Event>,
    /// Attempts made so far.
    pub attempts: u32,
    /// How many of these do not count, since they were made on a component that was then
    /// found to be at fault.
    pub uncounted: u32,
    /// Which run of the delivery this is: 0, and one more for each replay.
    pub run: u32,
    /// The run whose idempotency keys it uses: its own, unless it was replayed with the same
    /// keys as before.
    pub keys: u32,
    /// What is to run, if not the handler's own component.
    pub component: Option<ComponentDigest>,
    /// How many unclean ends of the gateway it was under way at.
    pub crashes: u32,
    /// What it is ordered by.
    pub key: Option<OrderKey>,
    /// When its present run began: with the event, or with the replay. Its age counts from
    /// here.
    pub since: WallTime,
}

impl Delivery {
    /// How many of so many attempts count.
    pub fn counted(&self, attempts: u32) -> u32 {
        attempts.saturating_sub(self.uncounted)
    }

    /// The idempotency key of the delivery's call number `call` (from 0) to the outbox
    /// or to emit: a UUID in text form that is the same on every attempt of a run.
    pub fn idempotency_key(&self, call: u32) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(self.event.id.as_bytes());
        hash.update(self.keys.to_be_bytes());
        hash.update(call.to_be_bytes());
        hash.update(self.handler.as_str().as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.finalize()[..16]);
        uuid::Builder::from_custom_bytes(bytes)
            .into_uuid()
            .hyphenated()
            .to_string()
    }
}

/// That an operator has paused a handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// When.
    pub since: WallTime,
    /// Whether its outbox is paused too.
    pub outbox: bool,
}

/// The states that a delivery may be in. (`running` is known to the process that
/// runs it; the ledger keeps it only for a delivery that runs alone.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeliveryState {
    /// Recorded, not tried yet.
    Pending,
    /// Claimed to run alone.
    Running,
    /// To be tried again.
    Retrying,
    /// Waits for its handler to come back to the manifest.
    Held,
    /// Handled.
    Done,
    /// The handler had nothing to do.
    Ignored,
    /// Given up.
    Dead,
}

state_names!(DeliveryState {
    Pending = "pending",
    Running = "running",
    Retrying = "retrying",
    Held = "held",
    Done = "done",
    Ignored = "ignored",
    Dead = "dead",
});
