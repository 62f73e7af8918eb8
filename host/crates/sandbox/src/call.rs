//! The host's side of one run: the data that the guest's calls work on.

use std::sync::Arc;

use serde_json::Value;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::capture::Logs;
use crate::effects::RequestedEffects;
use crate::guest::Guest;
use crate::http::Requests;
use crate::imports::Imports;
use crate::memory::MemoryBudget;
use crate::processors::ProcessorPermit;
use crate::state::StateView;
use crate::surroundings::Surroundings;
use crate::trace::{Trace, TracedCall, micros};
use crate::wasi::Wasi;
use tollgate_ledger::{Delivery, Effects, Exchange, LedgerError, Read, Resolved, without_query};

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

/// What is left of a run that has ended.
pub(crate) struct Finished {
    pub(crate) reads: Vec<Read>,
    pub(crate) effects: Effects,
    pub(crate) logs: String,
    pub(crate) trace: Vec<TracedCall>,
    pub(crate) exchanges: Vec<Exchange>,
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
    /// The calls so far, if they are to be noted.
    pub(crate) trace: Option<Trace>,
    wasi: Option<Box<Wasi>>,
    /// The permit to compute for long. The guest has none while it may compute freely.
    pub(crate) processor: Option<ProcessorPermit>,
    /// Whether the thread has the lowest priority because the guest computes for long.
    pub(crate) lowered: bool,
}

impl Call {
    /// The data of a new run of a component with these imports: to set WASI up costs more than
    /// many a run.
    pub(crate) fn new(
        guest: &Arc<Guest>,
        delivery: &Delivery,
        surroundings: Surroundings,
        imports: Imports,
    ) -> Self {
        let Surroundings { state, answers } = surroundings;
        let requests = imports.http.then(|| Requests::new(guest, &answers));
        let wasi = |requests| Box::new(Wasi::new(guest.limits.output, requests));
        Self {
            memory: MemoryBudget::new(&guest.limits),
            logs: Logs::new(guest.limits.logs),
            state: StateView::new(state, guest.name.clone()),
            effects: RequestedEffects::new(guest, delivery),
            guest: guest.clone(),
            resolved: delivery.resolved.clone(),
            host_calls: 0,
            trace: None,
            wasi: imports.wasi.then(|| wasi(requests)),
            processor: None,
            lowered: false,
        }
    }

    /// Begins a call of the host: counts the call, and notes the call if the run is traced.
    pub(crate) fn begin(
        &mut self,
        name: &'static str,
        arguments: impl FnOnce() -> Value,
    ) -> Result<Option<TracedCall>, Stop> {
        self.host_calls += 1;
        if self.host_calls > self.guest.limits.calls {
            return Err(Stop::Calls(self.guest.limits.calls));
        }
        Ok(self.trace.as_ref().map(|trace| TracedCall {
            at_us: micros(trace.now()),
            name,
            arguments: arguments(),
            result: Value::Null,
        }))
    }

    /// Ends a call that [`Call::begin`] began.
    pub(crate) fn end(&mut self, call: Option<TracedCall>, result: impl FnOnce() -> Value) {
        if let (Some(trace), Some(mut call)) = (self.trace.as_mut(), call) {
            call.result = result();
            trace.add(call);
        }
    }

    /// The reads, the effects, the log and the traced calls of the run.
    pub(crate) fn finish(mut self) -> Finished {
        let mut exchanges = Vec::new();
        if let Some(wasi) = self.wasi.take() {
            wasi.log_output(&mut self.logs);
            exchanges = wasi.exchanges();
        }
        for exchange in &exchanges {
            self.note(exchange);
        }
        let (reads, writes) = self.state.finish();
        Finished {
            reads,
            effects: self.effects.into_effects(writes),
            logs: self.logs.into_lines(),
            trace: self.trace.map(Trace::into_calls).unwrap_or_default(),
            exchanges,
        }
    }

    /// Logs an immediate request without an answer, and adds an immediate request to the trace.
    fn note(&mut self, exchange: &Exchange) {
        if let Err(why) = &exchange.answer {
            let request = format!("{} {}", exchange.method, without_query(&exchange.url));
            self.logs.push("warn", &format!("{request}: {why}"), &[]);
        }
        if let Some(trace) = &mut self.trace {
            trace.add_request(exchange);
        }
    }
}

impl Call {
    /// The immediate requests of the run.
    pub(crate) fn requests(&mut self) -> &mut Requests {
        let wasi = self.wasi.as_mut();
        let requests = wasi.and_then(|wasi| wasi.requests());
        requests.expect("made for every component that asks")
    }
}

impl WasiHttpView for Call {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi.as_mut();
        wasi.expect("made for every component that imports WASI")
            .http()
    }
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut();
        wasi.expect("made for every component that imports WASI")
            .view()
    }
}
