//! One run of a component: a fresh instance, the call, and what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};

use super::call::{Call, Stop};
use super::engine::EPOCH_TICK;
use super::guest::{Guest, Limits};
use super::load::World;
use super::priority;
use super::state::StateSource;
use super::v0_1::{self, Texts};
use super::{Component, End, LoadError, Run, Sandbox};
use tollgate_ledger::{Delivery, Effects};

/// Bytes that the guest may hand to the host in one call, as a multiple of what it may
/// have in effects and logs: enough for every call that can succeed.
const HOSTCALL_SLACK: usize = 64 << 10;

/// How long a guest may compute at the usual priority of guests. A hundred times what a
/// handler in Rust takes, and a third of what one in Python may.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long a guest computes in one turn: long enough that changing costs nothing, short
/// enough that sixteen that loop leave another its turn three times a second.
const SLICE: Duration = Duration::from_millis(20);

/// The longest reason or trap message that is kept, in bytes.
const MAX_DETAIL: usize = 4 << 10;

impl Sandbox {
    /// Runs the handler's component on a delivery, in a fresh instance, on this thread,
    /// which must have [`super::THREAD_STACK`] of stack. Takes up to the handler's timeout.
    pub fn run(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: StateSource,
    ) -> Run {
        let _slot = self.slots.take();
        let started = Instant::now();
        let mut store = self.store(component, guest, delivery, state);
        self.watch(&mut store, guest.limits.timeout);
        let answer = self.call(component, &mut store, delivery, guest.limits.timeout);
        let duration = started.elapsed();
        store.data_mut().turn = None;
        let lowered = store.data().lowered && !priority::restore();
        let end = match answer {
            Ok(end) => end,
            Err(error) => explain(&error, &store),
        };
        let (reads, effects, logs) = store.into_data().finish();
        let effects = if matches!(end, End::Done | End::Ignored(_)) {
            effects
        } else {
            Effects::default()
        };
        Run {
            end: shorten(end),
            reads,
            effects,
            logs,
            duration,
            lowered,
        }
    }

    /// Makes an instance and drops it, to see that one can be made within the limits.
    pub fn probe(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
    ) -> Result<(), LoadError> {
        let _slot = self.slots.take();
        let mut store = self.store(
            component,
            guest,
            delivery,
            StateSource::Given(Arc::default()),
        );
        let World::V0_1(pre) = &component.world;
        let made = if component.wasi {
            self.wait(guest.limits.timeout, async {
                pre.instantiate_async(&mut store).await
            })
        } else {
            pre.instantiate(&mut store)
        };
        made.map(drop).map_err(|error| {
            LoadError::Instantiate(match explain(&error, &store) {
                End::Limit(limit) => format!("the handler's limit on {limit} was reached"),
                End::Timeout => "the handler's timeout passed".into(),
                _ => format!("{error:#}"),
            })
        })
    }

    pub(super) fn store(
        &self,
        component: &Component,
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: StateSource,
    ) -> Store<Call> {
        let limits = &guest.limits;
        let call = Call::new(guest, delivery, state, component.wasi);
        let mut store = Store::new(&self.engine, call);
        store.limiter(|call| &mut call.budget);
        store.set_epoch_deadline(ticks(limits.timeout));
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
        let texts = Texts::of(&delivery.event);
        let event = v0_1::lower(
            &delivery.event,
            delivery.attempts + 1,
            delivery.is_replay(),
            &texts,
        );
        let World::V0_1(pre) = &component.world;
        if component.wasi {
            return self.wait(timeout, async {
                let made = pre.instantiate_async(&mut *store).await;
                let instance = made.map_err(unstarted)?;
                let handle = instance.func_handle();
                Ok(v0_1::lift(
                    handle.call_async(&mut *store, (event,)).await?.0,
                ))
            });
        }
        let instance = pre.instantiate(&mut *store).map_err(unstarted)?;
        Ok(v0_1::lift(instance.call_handle(&mut *store, event)?))
    }

    /// Lets the guest compute freely for [`PATIENCE`], then at the lowest priority and in
    /// turn with others that take long, and ends it when it has computed for `timeout`.
    fn watch(&self, store: &mut Store<Call>, timeout: Duration) {
        let Some(mut left) = timeout.checked_sub(PATIENCE) else {
            return;
        };
        let turns = self.turns.clone();
        let mut begun = None::<Instant>;
        store.set_epoch_deadline(ticks(PATIENCE));
        store.epoch_deadline_callback(move |mut store| {
            left = left.saturating_sub(begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
            if left.is_zero() {
                return Ok(UpdateDeadline::Interrupt);
            }
            let call = store.data_mut();
            match &call.turn {
                Some(turn) => turn.pass(),
                None => {
                    call.lowered = priority::lower();
                    call.turn = Some(turns.take());
                }
            }
            // Waiting for the turn is not computing.
            begun = Some(Instant::now());
            Ok(UpdateDeadline::Continue(ticks(left.min(SLICE))))
        });
    }

    /// Runs a guest that may wait. Epochs interrupt a guest that computes, the timer one
    /// that waits.
    fn wait<T>(
        &self,
        timeout: Duration,
        work: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        self.timers.block_on(async {
            match tokio::time::timeout(timeout, work).await {
                Ok(result) => result,
                Err(_) => Err(Trap::Interrupt.into()),
            }
        })
    }
}

/// Bytes that the guest may hand to the host in one call.
pub(super) fn hostcall_fuel(limits: &Limits) -> usize {
    limits.effects + limits.logs + HOSTCALL_SLACK
}

/// Epochs until `timeout` has surely passed: one is under way already.
pub(super) fn ticks(timeout: Duration) -> u64 {
    let ticks = timeout.as_millis().div_ceil(EPOCH_TICK.as_millis()) + 1;
    u64::try_from(ticks).unwrap_or(u64::MAX / 2)
}

/// Marks an error as one that kept an instance from being made.
#[derive(Debug, thiserror::Error)]
#[error("no instance could be made")]
struct Unstarted;

/// What kept an instance from being made lies with the gateway, unless the guest's own
/// start trapped.
fn unstarted(error: wasmtime::Error) -> wasmtime::Error {
    if error.is::<Trap>() || error.is::<Stop>() {
        error
    } else {
        error.context(Unstarted)
    }
}

/// What an error that ended a run says of the guest.
pub(super) fn explain(error: &wasmtime::Error, store: &Store<Call>) -> End {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Limit(limit) => End::Limit((*limit).to_owned()),
            Stop::Ledger(error) => End::Ledger(error.clone()),
        };
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return End::Timeout;
    }
    if let Some(limit) = store.data().budget.exceeded() {
        return End::Limit(limit.to_owned());
    }
    if trap == Some(&Trap::StackOverflow) {
        return End::Limit("stack".to_owned());
    }
    if error.is::<Unstarted>() {
        return End::Unstarted(describe(error));
    }
    End::Trap(describe(error))
}

/// The trap's cause and the innermost functions that it happened in.
fn describe(error: &wasmtime::Error) -> String {
    let mut text = error.root_cause().to_string();
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames);
    let names: Vec<_> = frames
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(|name| format!("{:#}", rustc_demangle::demangle(name)))
        .take(8)
        .collect();
    if !names.is_empty() {
        text.push_str(" in ");
        text.push_str(&names.join(" < "));
    }
    text
}

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
