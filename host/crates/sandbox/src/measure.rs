//! Measures a call without the making of its instance, for benchmarks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::Call;
use crate::component::Component;
use crate::epoch::epochs;
use crate::guest::Guest;
use crate::outcome::End;
use crate::run::hostcall_fuel;
use crate::sandbox::Sandbox;
use crate::state::StateSource;
use crate::trap::explain;
use tollgate_ledger::Delivery;

impl Sandbox {
    /// Calls one instance `runs` times with the same delivery, on this thread. Returns the time
    /// of the calls together. Only for benchmarks: [`Sandbox::run`] makes an instance for each
    /// delivery.
    ///
    /// # Errors
    /// The first end that is not [`End::Done`]. A component that imports WASI is not called: the
    /// error is an [`End::Trap`].
    pub fn time_calls(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: &StateSource,
        runs: u32,
    ) -> Result<Duration, End> {
        if component.imports.wasi {
            return Err(End::Trap(
                "a guest that may wait is not measured".to_owned(),
            ));
        }
        let _instance = self.instances.acquire();
        let mut store = self.store(component, guest, delivery, state.clone().into());
        let made = component.world.instantiate(&mut store);
        let instance = made.map_err(|error| explain(&error, &store))?;
        let mut spent = Duration::ZERO;
        for _ in 0..runs {
            // Each call gets the limits of a fresh run.
            *store.data_mut() = Call::new(guest, delivery, state.clone().into(), component.imports);
            store.set_epoch_deadline(epochs(guest.limits.timeout));
            store.set_hostcall_fuel(hostcall_fuel(&guest.limits));
            let started = Instant::now();
            let answer = instance.call(&mut store, delivery);
            spent += started.elapsed();
            match answer {
                Ok(End::Done) => {}
                Ok(end) => return Err(end),
                Err(error) => return Err(explain(&error, &store)),
            }
        }
        Ok(spent)
    }
}
