//! WASI for guests that import it: clocks, random numbers and captured output, nothing else.

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView};

use crate::capture::{Logs, Output};

/// The WASI context of one run.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stdout: Output,
    stderr: Output,
}

impl Wasi {
    /// A context that captures `limit` bytes of stdout and of stderr.
    pub(crate) fn new(limit: usize) -> Self {
        let (stdout, stderr) = (Output::new(limit), Output::new(limit));
        let ctx = WasiCtx::builder()
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self {
            ctx,
            table: ResourceTable::new(),
            stdout,
            stderr,
        }
    }

    /// The view that wasmtime's WASI functions work on.
    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
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
