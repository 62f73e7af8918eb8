//! Captures the output of a guest: log lines and, if the guest uses WASI, stdout and stderr. The
//! record of the attempt keeps the output, up to a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// The log lines of a run as JSON, one object a line: `{"level", "message", "fields"}`.
#[derive(Debug)]
pub(crate) struct Logs {
    lines: String,
    limit: usize,
    cut: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [(String, String)],
}

impl Logs {
    /// An empty log of at most `limit` bytes of text.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            lines: String::new(),
            limit,
            cut: false,
        }
    }

    /// Adds a line if it fits. The first line that does not fit ends the log with a warning.
    pub(crate) fn push(&mut self, level: &str, message: &str, fields: &[(String, String)]) {
        if self.cut {
            return;
        }
        let size = message.len() + fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>();
        if self.lines.len() + size > self.limit {
            self.cut = true;
            self.write("warn", "the log goes on beyond the handler's limit", &[]);
        } else {
            self.write(level, message, fields);
        }
    }

    fn write(&mut self, level: &str, message: &str, fields: &[(String, String)]) {
        let line = serde_json::to_string(&Line {
            level,
            message,
            fields,
        })
        .expect("strings always serialise");
        self.lines.push_str(&line);
        self.lines.push('\n');
    }

    /// The lines, each with a line end.
    pub(crate) fn into_lines(self) -> String {
        self.lines
    }
}

/// The host's end of a guest's stdout or stderr. Keeps the first `limit` bytes and drops the rest.
/// A guest that writes never waits and never fails.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    kept: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Output {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            kept: Arc::default(),
            limit,
        }
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock();
        let room = self.limit.saturating_sub(kept.len());
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The kept bytes as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept.lock()).into_owned()
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_cut_once_and_says_so() {
        let mut logs = Logs::new(100);
        for _ in 0..10 {
            logs.push("info", "a line of some length", &[("k".into(), "v".into())]);
        }
        let lines = logs.into_lines();
        assert_eq!(
            lines.lines().filter(|line| line.contains("beyond")).count(),
            1
        );
        assert!(lines.lines().last().unwrap().contains("beyond"));
        assert!(lines.len() < 300);
    }

    #[test]
    fn output_beyond_the_limit_is_dropped() {
        let mut output = Output::new(5);
        output.write(Bytes::from_static(b"abc")).unwrap();
        output.write(Bytes::from_static(b"defg")).unwrap();
        assert_eq!(output.text(), "abcde");
    }
}
