//! Runs of guests that ask and wait.
//!
//! Such a guest holds no thread while it waits: it is a task of a runtime whose few threads all
//! these guests share. A guest that computes yields after each epoch, so that guests take turns and
//! every run ends at its `timeout`, which counts the waiting too.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use wasmtime::Trap;

use crate::component::Component;
use crate::guest::Guest;
use crate::outcome::Run;
use crate::run::{call_async, conclude};
use crate::sandbox::Sandbox;
use crate::surroundings::Surroundings;
use crate::waiting_threads::Waiting;
use tollgate_ledger::Delivery;

/// A run that has begun.
pub enum Started {
    /// The run has ended already.
    Ended(Box<Run>),
    /// The guest may wait, and holds no thread meanwhile.
    Waiting(Waiting),
}

impl Sandbox {
    /// Runs a component on a delivery, in a fresh instance: on this thread as
    /// [`run`](Sandbox::run) does, or as a task if the component may wait for answers.
    pub fn start(
        &self,
        component: &Arc<Component>,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: Surroundings,
    ) -> Started {
        if !component.may_ask() {
            return Started::Ended(Box::new(self.run(component, guest, delivery, surroundings)));
        }
        let threads = match self.waiting.handle() {
            Ok(threads) => threads,
            Err(error) => {
                let why = format!("the threads of guests that wait could not be started: {error}");
                return Started::Ended(Box::new(Run::unstarted(why)));
            }
        };
        let component = self.moved(component).unwrap_or_else(|| component.clone());
        let (guest, delivery) = (guest.clone(), delivery.clone());
        let instance = self.instances.acquire();
        let mut store = self.store(&component, &guest, &delivery, surroundings);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let run = Box::pin(async move {
            let _instance = instance;
            let started = Instant::now();
            let call = call_async(&component, &mut store, &delivery);
            let answer = timeout(guest.limits.timeout, call).await;
            let answer = answer.unwrap_or_else(|_| Err(Trap::Interrupt.into()));
            conclude(store, answer, started.elapsed(), &guest)
        });
        Started::Waiting(Waiting { threads, run })
    }
}
