//! One run of a component: makes a fresh instance, calls it, and collects the result.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline, WasmCoreDump};

use crate::call::{Call, Finished};
use crate::component::{Component, LoadError};
use crate::epoch::epochs;
use crate::guest::{Guest, Limits};
use crate::outcome::{End, Run};
use crate::priority;
use crate::profile::Sampler;
use crate::sandbox::Sandbox;
use crate::state::StateSource;
use crate::surroundings::Surroundings;
use crate::trace::Trace;
use crate::trap::{explain, unstarted};
use crate::words::with_last_words;
use tollgate_ledger::{Delivery, Effects};

/// Bytes that a guest may pass to the host in one call beyond its limits on effects and logs:
/// enough for every call that can succeed.
const HOSTCALL_SLACK: usize = 64 << 10;

/// How long a guest may compute at the usual priority of guests. A hundred times what a handler in
/// Rust takes, and a third of what a handler in Python may take.
const FREE_TIME: Duration = Duration::from_millis(20);

/// How long a guest computes before it yields its processor. Long enough that a change costs
/// nothing; short enough that beside sixteen guests that loop, another guest computes three times
/// a second.
const SLICE: Duration = Duration::from_millis(20);

/// The longest reason or trap message in a result, in bytes.
const MAX_DETAIL: usize = 4 << 10;

/// What a developer wants to see of a run.
#[derive(Default)]
struct Watch<'a> {
    trace: Option<Trace>,
    sampler: Option<&'a Sampler>,
}

impl Sandbox {
    /// Runs a component on a delivery, in a fresh instance. Blocks for the handler's `timeout` at
    /// most, beside the time in which it waits for an instance or, once the guest has computed for
    /// long, for a processor. The thread must have [`THREAD_STACK`](crate::THREAD_STACK) bytes of
    /// stack.
    pub fn run(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: impl Into<Surroundings>,
    ) -> Run {
        let surroundings = surroundings.into();
        self.run_watched(component, guest, delivery, surroundings, Watch::default())
    }

    /// The same, and notes every call of the guest to the host.
    pub fn run_traced(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: impl Into<Surroundings>,
    ) -> Run {
        let watch = Watch {
            trace: Some(Trace::begin()),
            sampler: None,
        };
        self.run_watched(component, guest, delivery, surroundings.into(), watch)
    }

    /// The same as [`Sandbox::run`], with samples.
    pub(crate) fn run_sampled(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: Surroundings,
        sampler: &Sampler,
    ) -> Run {
        let watch = Watch {
            trace: None,
            sampler: Some(sampler),
        };
        self.run_watched(component, guest, delivery, surroundings, watch)
    }

    fn run_watched(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: Surroundings,
        watch: Watch<'_>,
    ) -> Run {
        let moved = self.moved(component);
        let component = moved.as_deref().unwrap_or(component);
        let _instance = self.instances.acquire();
        let started = Instant::now();
        let mut store = self.store(component, guest, delivery, surroundings);
        store.data_mut().trace = watch.trace;
        match watch.sampler {
            Some(sampler) => sampler.watch(&mut store, guest.limits.timeout),
            None => self.limit_time(&mut store, guest.limits.timeout),
        }
        let answer = self.call(component, &mut store, delivery, guest.limits.timeout);
        let duration = started.elapsed();
        store.data_mut().processor = None;
        let lowered = store.data().lowered && !priority::restore();
        Run {
            lowered,
            ..conclude(store, answer, duration, guest)
        }
    }

    /// Makes an instance and drops it, to find out whether the limits allow one. Blocks for the
    /// handler's `timeout` at most.
    ///
    /// # Errors
    /// [`LoadError::Instantiate`], or [`LoadError::Requests`] if the component imports `wasi:http`
    /// and nothing grants it.
    pub fn probe(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
    ) -> Result<(), LoadError> {
        if component.may_ask() && !guest.grants.iter().any(|grant| grant.immediate) {
            return Err(LoadError::Requests(guest.name.clone()));
        }
        let _instance = self.instances.acquire();
        let mut store = self.store(
            component,
            guest,
            delivery,
            StateSource::Given(Arc::default()).into(),
        );
        let world = &component.world;
        let made = if component.imports.wasi {
            let making = world.instantiate_async(&mut store);
            self.timers.run(guest.limits.timeout, making)
        } else {
            world.instantiate(&mut store)
        };
        made.map(drop).map_err(|error| {
            LoadError::Instantiate(match explain(&error, &store) {
                End::Limit(limit) => format!("the handler's limit on {limit} was reached"),
                End::Timeout => "the handler's timeout passed".into(),
                _ => format!("{error:#}"),
            })
        })
    }

    /// The store of a new run, with its limits.
    pub(crate) fn store(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: Surroundings,
    ) -> Store<Call> {
        let limits = &guest.limits;
        let call = Call::new(guest, delivery, surroundings, component.imports);
        let mut store = Store::new(&component.running.engine, call);
        store.limiter(|call| &mut call.memory);
        store.set_epoch_deadline(epochs(limits.timeout));
        store.set_hostcall_fuel(hostcall_fuel(limits));
        store
    }

    fn call(
        &self,
        component: &Component,
        store: &mut Store<Call>,
        delivery: &Delivery,
        timeout: Duration,
    ) -> wasmtime::Result<End> {
        if component.imports.wasi {
            let call = call_async(component, store, delivery);
            return self.timers.run(timeout, call);
        }
        let instance = component.world.instantiate(store);
        instance.map_err(unstarted)?.call(store, delivery)
    }

    /// Lets the guest compute freely for [`FREE_TIME`]. Then the guest computes at the lowest
    /// priority and shares the processors with others that compute for long. After `timeout` of
    /// computing the guest is interrupted.
    fn limit_time(&self, store: &mut Store<Call>, timeout: Duration) {
        let Some(mut left) = timeout.checked_sub(FREE_TIME) else {
            return;
        };
        let processors = self.processors.clone();
        let mut begun = None::<Instant>;
        store.set_epoch_deadline(epochs(FREE_TIME));
        store.epoch_deadline_callback(move |mut store| {
            left = left.saturating_sub(begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
            if left.is_zero() {
                return Ok(UpdateDeadline::Interrupt);
            }
            let call = store.data_mut();
            match &call.processor {
                Some(processor) => processor.yield_now(),
                None => {
                    call.lowered = priority::lower();
                    call.processor = Some(processors.acquire());
                }
            }
            // The wait for a processor does not count as computing.
            begun = Some(Instant::now());
            Ok(UpdateDeadline::Continue(epochs(left.min(SLICE))))
        });
    }
}

/// Makes an instance and calls it. The guest may wait.
pub(crate) async fn call_async(
    component: &Component,
    store: &mut Store<Call>,
    delivery: &Delivery,
) -> wasmtime::Result<End> {
    let instance = component.world.instantiate_async(store).await;
    instance
        .map_err(unstarted)?
        .call_async(store, delivery)
        .await
}

/// The result of a run that ended with `answer`.
pub(crate) fn conclude(
    mut store: Store<Call>,
    answer: wasmtime::Result<End>,
    duration: Duration,
    guest: &Guest,
) -> Run {
    let (end, core) = match answer {
        Ok(end) => (end, None),
        Err(error) => {
            let core = error.downcast_ref::<WasmCoreDump>();
            let core = core.and_then(|core| dump(core, &mut store, guest.name.as_str()));
            (explain(&error, &store), core)
        }
    };
    let memory = store.data().memory.used();
    let Finished {
        reads,
        effects,
        logs,
        trace,
        exchanges,
    } = store.into_data().finish();
    let effects = if matches!(end, End::Done | End::Ignored(_)) {
        effects
    } else {
        Effects::default()
    };
    Run {
        end: shorten(with_last_words(end, &logs)),
        reads,
        effects,
        logs,
        duration,
        memory,
        trace,
        exchanges,
        core,
        lowered: false,
    }
}

/// The bytes of a core dump. `None` if wasmtime cannot write it: version 48 panics for components
/// that are linked from several modules.
fn dump(core: &WasmCoreDump, store: &mut Store<Call>, name: &str) -> Option<Vec<u8>> {
    catch_unwind(AssertUnwindSafe(|| core.serialize(store, name))).ok()
}

/// Bytes that a guest may pass to the host in one call.
pub(crate) fn hostcall_fuel(limits: &Limits) -> usize {
    limits.effects + limits.logs + HOSTCALL_SLACK
}

/// The end with its texts cut to [`MAX_DETAIL`].
fn shorten(end: End) -> End {
    let cut = |mut text: String| {
        if text.len() > MAX_DETAIL {
            text.truncate(text.floor_char_boundary(MAX_DETAIL));
            text.push('…');
        }
        text
    };
    match end {
        End::Ignored(reason) => End::Ignored(cut(reason)),
        End::Retry { reason, after } => End::Retry {
            reason: cut(reason),
            after,
        },
        End::Reject(reason) => End::Reject(cut(reason)),
        End::Trap(message) => End::Trap(cut(message)),
        End::Unstarted(message) => End::Unstarted(cut(message)),
        other => other,
    }
}
