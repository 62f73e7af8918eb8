//! What a call costs apart from its instance, for the bench.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call::Call;
use super::guest::Guest;
use super::load::World;
use super::run::{explain, hostcall_fuel, ticks};
use super::state::StateSource;
use super::v0_1::{self, Texts};
use super::{Component, End, Sandbox};
use tollgate_ledger::Delivery;

impl Sandbox {
    /// Calls one instance `runs` times with the same delivery, on this thread, and answers
    /// how long the calls took together. For measuring alone: what handles a delivery is
    /// [`Sandbox::run`], in an instance of its own.
    ///
    /// # Errors
    /// The first end that is not [`End::Done`]. A component that imports WASI is not
    /// called: it ends in [`End::Trap`].
    pub fn time_calls(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: &StateSource,
        runs: u32,
    ) -> Result<Duration, End> {
        if component.wasi {
            return Err(End::Trap(
                "a guest that may wait is not measured".to_owned(),
            ));
        }
        let _slot = self.slots.take();
        let mut store = self.store(component, guest, delivery, state.clone());
        let World::V0_1(pre) = &component.world;
        let made = pre.instantiate(&mut store);
        let instance = made.map_err(|error| explain(&error, &store))?;
        let mut spent = Duration::ZERO;
        for _ in 0..runs {
            // As a fresh run finds them, so that no limit adds up.
            *store.data_mut() = Call::new(guest, delivery, state.clone(), false);
            store.set_epoch_deadline(ticks(guest.limits.timeout));
            store.set_hostcall_fuel(hostcall_fuel(&guest.limits));
            let started = Instant::now();
            let texts = Texts::of(&delivery.event);
            let event = v0_1::lower(&delivery.event, 1, false, &texts);
            let answer = instance.call_handle(&mut store, event);
            spent += started.elapsed();
            match answer.map(v0_1::lift) {
                Ok(End::Done) => {}
                Ok(end) => return Err(end),
                Err(error) => return Err(explain(&error, &store)),
            }
        }
        Ok(spent)
    }
}
