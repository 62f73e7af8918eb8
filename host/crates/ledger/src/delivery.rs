//! Deliveries: one event for one handler.

use std::sync::Arc;

use utoipa::ToSchema;

use super::names::state_names;
use super::{OrderKey, Resolved};
use tollgate_base::event::{ComponentDigest, Event, HandlerName};
use tollgate_base::time::WallTime;

/// The id of a delivery: a number that no other delivery of the ledger gets. Where several
/// gateways write, the order of numbers is not the order of arrival, so ids have no order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct DeliveryId(pub i64);

/// One event for one handler, as it is handed out to be run.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The id.
    pub id: DeliveryId,
    /// The handler.
    pub handler: HandlerName,
    /// The event.
    pub event: Arc<Event>,
    /// What the provider's API told about the event. `None` if it was not asked.
    pub resolved: Option<Arc<Resolved>>,
    /// The attempts of the present run so far.
    pub attempts: u32,
    /// The attempts among these that do not count: their component was found to be at fault.
    pub uncounted: u32,
    /// The run: 0, and one more for each replay.
    pub run: u32,
    /// The run whose idempotency keys the delivery uses: the present run, unless an operator
    /// replayed the delivery with the keys of the run before.
    pub keys: u32,
    /// The component to run, if not the handler's present component.
    pub component: Option<ComponentDigest>,
    /// The run whose recorded answers to immediate requests this run is given. `None` if the run
    /// makes every request anew.
    pub answers: Option<u32>,
    /// The number of unclean ends of the gateway at which the delivery was under way.
    pub crashes: u32,
    /// The order key.
    pub key: Option<OrderKey>,
    /// The start of the present run: the receipt of the event, or the replay. The delivery's age
    /// counts from here.
    pub since: WallTime,
}

impl Delivery {
    /// The bytes of the event and of the recorded answers of the provider's API.
    pub fn bytes(&self) -> usize {
        let resolved = self.resolved.as_ref();
        self.event.payload.len() + resolved.map_or(0, |resolved| resolved.len())
    }

    /// The number of attempts that count, of this many.
    pub fn counted(&self, attempts: u32) -> u32 {
        attempts.saturating_sub(self.uncounted)
    }

    /// The idempotency key of call number `call` (from 0) to the outbox or to emit: a UUID as
    /// text, the same on every attempt of a run.
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

/// An operator's pause of a handler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// The start of the pause.
    pub since: WallTime,
    /// Whether the handler's outbox is paused too.
    pub outbox: bool,
}

/// The states of a delivery. `running` is known to the process that runs the delivery. The ledger
/// keeps `running` only for a delivery that runs alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Recorded, without an attempt.
    Pending,
    /// Claimed to run alone.
    Running,
    /// Waits for another attempt.
    Retrying,
    /// Waits for a gateway that serves the handler.
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
