//! The host's side of one run: the data that the guest's calls work on.

use std::sync::Arc;

use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::capture::Logs;
use crate::effects::RequestedEffects;
use crate::guest::Guest;
use crate::memory::MemoryBudget;
use crate::processors::ProcessorPermit;
use crate::state::{StateSource, StateView};
use crate::wasi::Wasi;
use tollgate_ledger::{Delivery, Effects, LedgerError, Read, Resolved};

/// Why the host ends a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The guest called the host more often than this.
    #[error("the handler's limit on calls was reached: {0} are allowed")]
    Calls(u32),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The data of one run in its wasmtime store.
pub(crate) struct Call {
    pub(crate) memory: MemoryBudget,
    pub(crate) logs: Logs,
    pub(crate) state: StateView,
    pub(crate) effects: RequestedEffects,
    pub(crate) guest: Arc<Guest>,
    /// What the provider's API told about the event.
    pub(crate) resolved: Option<Arc<Resolved>>,
    host_calls: u32,
    wasi: Option<Box<Wasi>>,
    /// The permit to compute for long. The guest has none while it may compute freely.
    pub(crate) processor: Option<ProcessorPermit>,
    /// Whether the thread has the lowest priority because the guest computes for long.
    pub(crate) lowered: bool,
}

impl Call {
    /// The data of a new run. `wasi` says whether the component imports WASI: to set WASI up
    /// costs more than many a run.
    pub(crate) fn new(
        guest: &Arc<Guest>,
        delivery: &Delivery,
        state: StateSource,
        wasi: bool,
    ) -> Self {
        Self {
            memory: MemoryBudget::new(&guest.limits),
            logs: Logs::new(guest.limits.logs),
            state: StateView::new(state, guest.name.clone()),
            effects: RequestedEffects::new(guest, delivery),
            guest: guest.clone(),
            resolved: delivery.resolved.clone(),
            host_calls: 0,
            wasi: wasi.then(|| Box::new(Wasi::new(guest.limits.output))),
            processor: None,
            lowered: false,
        }
    }

    /// Counts one call of the host.
    pub(crate) fn count_call(&mut self) -> Result<(), Stop> {
        self.host_calls += 1;
        if self.host_calls > self.guest.limits.calls {
            return Err(Stop::Calls(self.guest.limits.calls));
        }
        Ok(())
    }

    /// The reads, the effects and the log of the run.
    pub(crate) fn finish(mut self) -> (Vec<Read>, Effects, String) {
        if let Some(wasi) = self.wasi.take() {
            wasi.log_output(&mut self.logs);
        }
        let (reads, writes) = self.state.finish();
        let effects = self.effects.into_effects(writes);
        (reads, effects, self.logs.into_lines())
    }
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut();
        wasi.expect("made for every component that imports WASI")
            .view()
    }
}
