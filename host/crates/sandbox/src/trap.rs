//! The end of a run whose guest was broken off by an error.

use wasmtime::{Store, Trap, WasmBacktrace};

use crate::call::{Call, Stop};
use crate::demangle::demangled;
use crate::outcome::End;

/// The most functions of a backtrace that are named.
const MAX_FRAMES: usize = 8;

/// Marks an error because of which no instance could be made.
#[derive(Debug, thiserror::Error)]
#[error("no instance could be made")]
struct Unstarted;

/// Marks an error of instantiation: it lies with the gateway, unless the guest's own start
/// function trapped or reached a limit.
pub(crate) fn unstarted(error: wasmtime::Error) -> wasmtime::Error {
    if error.is::<Trap>() || error.is::<Stop>() {
        error
    } else {
        error.context(Unstarted)
    }
}

/// The end of a run that was broken off by `error`.
pub(crate) fn explain(error: &wasmtime::Error, store: &Store<Call>) -> End {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Calls(most) => End::Limit(format!("calls ({most} are allowed)")),
            Stop::Ledger(error) => End::Ledger(error.clone()),
        };
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::Interrupt) {
        return End::Timeout;
    }
    if let Some(limit) = store.data().memory.exceeded() {
        return End::Limit(limit.to_string());
    }
    if trap == Some(&Trap::StackOverflow) {
        return End::Limit("stack".to_owned());
    }
    if error.is::<Unstarted>() {
        return End::Unstarted(describe(error));
    }
    End::Trap(describe(error))
}

/// The cause of a trap and the innermost functions of its backtrace.
fn describe(error: &wasmtime::Error) -> String {
    let mut text = error.root_cause().to_string();
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames);
    let names: Vec<_> = frames
        .iter()
        .filter_map(|frame| frame.func_name())
        .map(demangled)
        .take(MAX_FRAMES)
        .collect();
    if !names.is_empty() {
        text.push_str(" in ");
        text.push_str(&names.join(" < "));
    }
    text
}
