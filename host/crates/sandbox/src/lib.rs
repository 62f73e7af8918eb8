//! Runs handlers as WebAssembly components. This is the only package that knows of wasmtime.
//!
//! [`Sandbox::load`] compiles and links a component once. [`Sandbox::run`] gives every delivery
//! a fresh instance, from a pool that cannot be exhausted: a run waits for a free instance. A
//! run changes nothing: it returns a [`Run`] with the effects that the guest asked for.

mod ask;
mod bindings;
mod cache;
mod call;
mod capture;
mod compile;
mod component;
mod copy;
mod demangle;
mod effects;
mod engine;
mod epoch;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod guest;
mod http;
mod imports;
mod instances;
mod listing;
mod load;
mod measure;
mod memory;
mod moved;
mod outcome;
mod priority;
mod processors;
mod profile;
mod run;
mod running;
mod runtime;
mod sandbox;
mod sandbox_error;
mod state;
mod surroundings;
#[cfg(test)]
mod tests;
mod timers;
mod trace;
mod trap;
mod v0_1;
#[cfg(test)]
mod v0_2;
mod version;
mod waiting;
mod waiting_threads;
mod wasi;
mod words;
mod world;
#[cfg(test)]
mod world_tests;

pub use compile::{CompileIn, CompileLimits, CompilerFailure, Refusal, child_main};
pub use component::{Component, LoadError};
pub use copy::{Snapshot, StateCopy, Written};
pub use engine::{MAX_MEMORY, THREAD_STACK};
pub use guest::{Grant, Guest, Limits};
pub use http::{Answers, NoAnswer, NoAnswerKind, RequestSender, SendFuture, refused_method};
pub use outcome::{End, Run};
pub use profile::ProfileError;
pub use sandbox::{Sandbox, SandboxOptions};
pub use sandbox_error::SandboxError;
pub use state::{MAX_KEY, StateSource};
pub use surroundings::Surroundings;
pub use trace::TracedCall;
pub use waiting::Started;
pub use waiting_threads::Waiting;
