//! A debugger's view of a run: the calls to the gateway, a core dump of a trap, a profile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tollgate_ledger::Delivery;
use tollgate_sandbox::{Component, End, Guest, Run, Sandbox, Surroundings};

use super::progress::{say, say_error};

/// The options of a run that a developer looks into.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct DebugArgs {
    /// Show each call of the handler to the gateway, with arguments and result.
    #[arg(long)]
    debug: bool,
    /// If the handler traps, write a core dump into this file, in the format of WebAssembly's
    /// tool conventions.
    #[arg(long, value_name = "FILE")]
    core_dump: Option<PathBuf>,
    /// Write a profile of the last run into this file, for the Firefox profiler.
    #[arg(long, value_name = "FILE", conflicts_with = "debug")]
    profile: Option<PathBuf>,
    /// How often the handler runs for the profile, each time in a fresh instance.
    #[arg(long, default_value_t = 200, requires = "profile")]
    runs: u32,
}

impl DebugArgs {
    /// Runs the handler once, or more often for a profile. `state` gives the state of each run.
    pub(super) fn run(
        &self,
        sandbox: &Sandbox,
        (component, guest): (&Component, &Arc<Guest>),
        delivery: &Delivery,
        surroundings: &dyn Fn() -> Surroundings,
    ) -> Run {
        let run = match (&self.profile, self.debug) {
            (Some(path), _) => {
                self.profile(path, sandbox, (component, guest), delivery, surroundings)
            }
            (None, true) => sandbox.run_traced(component, guest, delivery, surroundings()),
            (None, false) => sandbox.run(component, guest, delivery, surroundings()),
        };
        match (&self.core_dump, &run.core, &run.end) {
            (Some(path), Some(core), _) => write(path, core),
            (Some(_), None, End::Trap(_)) => say_error(
                "there is no core dump: wasmtime cannot write one of a component that is linked \
                 from several modules, as those in JavaScript and Python are",
                None,
            ),
            _ => {}
        }
        run
    }

    /// Whether traps are to leave core dumps.
    pub(super) fn wants_core_dumps(&self) -> bool {
        self.core_dump.is_some()
    }

    fn profile(
        &self,
        path: &Path,
        sandbox: &Sandbox,
        (component, guest): (&Component, &Arc<Guest>),
        delivery: &Delivery,
        surroundings: &dyn Fn() -> Surroundings,
    ) -> Run {
        match sandbox.profile(component, guest, delivery, surroundings, self.runs) {
            Ok((run, json)) => {
                write(path, &json);
                run
            }
            Err(error) => {
                say_error(&error.to_string(), None);
                sandbox.run(component, guest, delivery, surroundings())
            }
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    let shown = path.display();
    match fs::write(path, bytes) {
        Ok(()) => say(&format!("wrote {shown}")),
        Err(error) => say_error(&format!("{shown}: {error}"), None),
    }
}
