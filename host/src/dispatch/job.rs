//! The work of the guests' threads.

use std::sync::Arc;

use super::budget::Need;
use super::gate::Admission;
use super::runnable::Runnable;
use tollgate_ledger::{Completion, Delivery, DeliveryId, Exchange, Lease, LeasedDelivery};

/// A delivery that was under way at this many unclean ends is suspected of causing them.
const SUSPECT: u32 = 2;

/// The bytes that a job holds beside the payload, about.
const OVERHEAD: usize = 512;

/// A delivery in memory, leased to this gateway. A job that is dropped gives its lease back.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) delivery: Delivery,
    pub(super) lease: Lease<DeliveryId>,
    /// The number of commits that found a changed read.
    pub(super) conflicts: u32,
    /// The gate's admission of the run that is under way.
    pub(super) admission: Admission,
    /// What the run takes.
    pub(super) need: Need,
    /// The immediate requests of an earlier run whose answers this run is given: of a run that met
    /// a conflict, or of the run that is replayed.
    pub(super) recorded: Arc<[Exchange]>,
}

impl Job {
    pub(super) fn new(LeasedDelivery { delivery, lease }: LeasedDelivery) -> Self {
        Self {
            delivery,
            lease,
            conflicts: 0,
            admission: Admission::default(),
            need: Need::default(),
            recorded: Arc::default(),
        }
    }

    /// The bytes that the job holds while it waits, about.
    pub(super) fn weight(&self) -> usize {
        self.delivery.bytes() + OVERHEAD
    }

    /// Whether the delivery may have ended the process, so that it has to run alone.
    pub(super) fn is_suspect(&self) -> bool {
        self.delivery.crashes >= SUSPECT
    }
}

/// Something for a guest thread to do.
pub(super) enum Task {
    /// Run the handler.
    Run(Job, Arc<dyn Runnable>),
    /// Commit a completion that replaces one which could not be applied.
    Commit(Job, Box<Completion>),
}
