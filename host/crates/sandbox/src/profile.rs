//! Profiles of a guest, for the Firefox profiler.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tollgate_base::thread::OwnedThread;
use wasmtime::{Engine, GuestProfiler, Store, UpdateDeadline};

use crate::call::Call;
use crate::component::Component;
use crate::guest::Guest;
use crate::outcome::Run;
use crate::sandbox::Sandbox;
use crate::surroundings::Surroundings;
use tollgate_ledger::Delivery;

/// The time between two samples. Most handlers take some hundred microseconds, so a profile is of
/// many runs.
const INTERVAL: Duration = Duration::from_micros(100);

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[error("the handler cannot be profiled: {0}")]
pub struct ProfileError(String);

impl From<wasmtime::Error> for ProfileError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

impl From<io::Error> for ProfileError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A sampler that the runs of one profile share.
#[derive(Clone)]
pub(crate) struct Sampler(Arc<Mutex<State>>);

struct State {
    profiler: GuestProfiler,
    last: Instant,
}

impl Sampler {
    /// Lets the store's epochs take samples, and end the run after `timeout`.
    pub(crate) fn watch(&self, store: &mut Store<Call>, timeout: Duration) {
        let began = Instant::now();
        let Self(state) = self.clone();
        state.lock().last = began;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |store| {
            if began.elapsed() > timeout {
                return Ok(UpdateDeadline::Interrupt);
            }
            let mut state = state.lock();
            let took = state.last.elapsed();
            state.last = Instant::now();
            state.profiler.sample(&store, took);
            Ok(UpdateDeadline::Continue(1))
        });
    }
}

impl Sandbox {
    /// Runs a component so many times, each in a fresh instance with the state that `state` gives.
    /// Returns the last run, and a profile of all runs: JSON for the Firefox profiler, with the
    /// functions that the component's name section names.
    ///
    /// # Errors
    /// The engine or the machine cannot take samples.
    pub fn profile(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: &dyn Fn() -> Surroundings,
        runs: u32,
    ) -> Result<(Run, Vec<u8>), ProfileError> {
        let engine = &component.running.engine;
        let code = component.code().clone();
        let name = guest.name.as_str();
        let profiler = GuestProfiler::new_component(engine, name, INTERVAL, code, [])?;
        let sampler = Sampler(Arc::new(Mutex::new(State {
            profiler,
            last: Instant::now(),
        })));
        let ticking = tick(engine)?;
        let run = |_| self.run_sampled(component, guest, delivery, surroundings(), &sampler);
        let last = (0..runs.max(1)).map(run).last();
        drop(ticking);
        let Sampler(state) = sampler;
        let state = Arc::into_inner(state).ok_or_else(|| ProfileError("a run goes on".into()))?;
        let mut json = Vec::new();
        state.into_inner().profiler.finish(&mut json)?;
        let last = last.ok_or_else(|| ProfileError("nothing ran".into()))?;
        Ok((last, json))
    }
}

/// Advances the engine's epoch in the pace of the samples.
fn tick(engine: &Engine) -> io::Result<OwnedThread> {
    let engine = engine.weak();
    OwnedThread::start("samples", move |stop| {
        while !stop.wait(INTERVAL) {
            if let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
            }
        }
    })
}
