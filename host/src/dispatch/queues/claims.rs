//! The supervisor's part: handlers to register at the ledger, and deliveries to claim from it.

use super::{HandlerQueues, Registration};
use crate::dispatch::handler_queue::{ClaimLimit, HandlerQueue};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::Claimed;

/// The handlers to register at the ledger.
pub(in crate::dispatch) struct Handlers {
    /// The handlers that are served.
    pub(in crate::dispatch) served: Vec<HandlerName>,
    /// The handlers whose dead deliveries hold no order key, if the handlers have changed.
    pub(in crate::dispatch) without_block: Option<Vec<HandlerName>>,
}

impl HandlerQueues {
    /// Whether the supervisor has something to do now.
    pub(in crate::dispatch) fn needs_supervisor(&self) -> bool {
        self.needs_look || self.registration != Registration::Current
    }

    /// The supervisor begins to look at everything.
    pub(in crate::dispatch) fn look_begins(&mut self) {
        self.needs_look = false;
    }

    /// Has the clock and the ledger looked at again for every handler.
    pub(in crate::dispatch) fn look_again(&mut self) {
        self.needs_look = true;
        let queues = self.queues.values_mut();
        queues.for_each(|queue| queue.due_at(SteadyTime::ZERO));
    }

    /// When a queue has to be looked at again, as far as that depends on the time.
    pub(in crate::dispatch) fn next_look(&self) -> Option<SteadyTime> {
        self.queues
            .values()
            .filter_map(HandlerQueue::next_look)
            .min()
    }

    /// A registration of the handlers begins, if the ledger does not know them yet.
    pub(in crate::dispatch) fn registration_begins(&mut self) -> Option<Handlers> {
        let changed = match self.registration {
            Registration::Current => return None,
            Registration::Repeat => false,
            Registration::Changed => true,
        };
        self.registration = Registration::Current;
        Some(Handlers {
            served: self.queues.keys().cloned().collect(),
            without_block: changed.then(|| self.without_block()),
        })
    }

    /// A registration of the handlers has failed. It has to be done again.
    pub(in crate::dispatch) fn registration_failed(&mut self, handlers: &Handlers) {
        self.registration = match handlers.without_block {
            Some(_) => Registration::Changed,
            None => self.registration.max(Registration::Repeat),
        };
    }

    fn without_block(&self) -> Vec<HandlerName> {
        let without = |(_, queue): &(&_, &HandlerQueue)| !queue.dead_hold_their_keys();
        let queues = self.queues.iter().filter(without);
        queues.map(|(name, _)| name.clone()).collect()
    }

    /// The handlers with something to claim at `now`, and space for it.
    pub(in crate::dispatch) fn wanting_claims(&self, now: SteadyTime) -> Vec<HandlerName> {
        let max_bytes = self.bytes_per_queue();
        let wanting = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.wants_claim(now, max_bytes));
        wanting.map(|(name, _)| name.clone()).collect()
    }

    /// A claim of a handler's deliveries begins. `None` if none may begin: the handler has left, or
    /// the handlers have changed and are not registered yet. Then a claim that found nothing would
    /// hide deliveries that are yet to be released.
    pub(in crate::dispatch) fn claim_begins(&mut self, name: &HandlerName) -> Option<ClaimLimit> {
        if self.registration == Registration::Changed {
            return None;
        }
        let max_bytes = self.bytes_per_queue();
        let queue = self.queues.get_mut(name)?;
        Some(queue.claim_begins(max_bytes))
    }

    /// A claim has ended. If the handler has left, its deliveries go back to the ledger.
    pub(in crate::dispatch) fn claim_ended(
        &mut self,
        name: &HandlerName,
        now: SteadyTime,
        claimed: Claimed,
    ) {
        let max_bytes = self.bytes_per_queue();
        if let Some(queue) = self.queues.get_mut(name) {
            queue.claim_ended(claimed);
            self.needs_look |= queue.wants_claim(now, max_bytes);
            self.enlist(name);
        }
    }

    /// A claim has failed.
    pub(in crate::dispatch) fn claim_failed(&mut self, name: &HandlerName) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.claim_failed();
        }
    }
}
