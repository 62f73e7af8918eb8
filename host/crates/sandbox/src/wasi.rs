//! WASI for guests that import it: clocks, random numbers and captured output; requests for guests
//! that import `wasi:http`; nothing else.

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

use crate::capture::{Logs, Output};
use crate::http::Requests;
use tollgate_ledger::Exchange;

/// The most resources of a guest that sends requests: streams, headers, requests, answers. A guest
/// needs some tens.
const MAX_RESOURCES: usize = 1000;

/// The WASI context of one run.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stdout: Output,
    stderr: Output,
    http: WasiHttpCtx,
    requests: Option<Requests>,
}

impl Wasi {
    /// A context that captures `limit` bytes of stdout and of stderr. Guests that import
    /// `wasi:http` have `requests`.
    pub(crate) fn new(limit: usize, requests: Option<Requests>) -> Self {
        let (stdout, stderr) = (Output::new(limit), Output::new(limit));
        let ctx = WasiCtx::builder()
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        let mut table = ResourceTable::new();
        if requests.is_some() {
            table.set_max_capacity(MAX_RESOURCES);
        }
        Self {
            ctx,
            table,
            stdout,
            stderr,
            http: Requests::ctx(),
            requests,
        }
    }

    /// The view that wasmtime's WASI functions work on.
    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }

    /// The view that wasmtime's `wasi:http` works on.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let requests = self.requests.as_mut();
        let requests = requests.expect("made for every component that imports wasi:http");
        WasiHttpCtxView {
            hooks: requests,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }

    /// The immediate requests of the run, for guests that ask.
    pub(crate) fn requests(&mut self) -> Option<&mut Requests> {
        self.requests.as_mut()
    }

    /// The immediate requests of the run with their answers.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let requests = self.requests.as_ref();
        requests.map(Requests::exchanges).unwrap_or_default()
    }

    /// Adds the captured output to the log of the run.
    pub(crate) fn log_output(&self, logs: &mut Logs) {
        for (stream, output) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let text = output.text();
            if !text.is_empty() {
                logs.push("info", &text, &[("stream".into(), stream.into())]);
            }
        }
    }
}
