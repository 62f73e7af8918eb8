//! The calls of a guest to the host, with arguments and results, for a developer to read.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use tollgate_ledger::{Exchange, ExchangeAnswer};

/// The most calls of a run that are traced. The calls after them are counted.
const MAX_CALLS: usize = 10_000;

/// The most bytes of a value in a trace. The rest is counted.
const MAX_BYTES: usize = 4 << 10;

/// A call of a guest to the host.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TracedCall {
    /// When the guest called, from the start of the run, in microseconds.
    pub at_us: u64,
    /// The interface and the function, such as `state.get`.
    pub name: &'static str,
    /// The arguments by name. Bytes are text, or base64 where they are no text.
    pub arguments: Value,
    /// The result: `{"ok": …}`, `{"error": …}`, or the value of a function that never fails.
    pub result: Value,
}

/// The calls of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    began: Instant,
    calls: Vec<TracedCall>,
    left_out: usize,
}

impl Trace {
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            calls: Vec::new(),
            left_out: 0,
        }
    }

    /// The time from the start of the run.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn add(&mut self, call: TracedCall) {
        match self.calls.len() < MAX_CALLS {
            true => self.calls.push(call),
            false => self.left_out += 1,
        }
    }

    /// Adds an immediate request in its place by time.
    pub(crate) fn add_request(&mut self, exchange: &Exchange) {
        let after = self.calls.iter();
        let place = after
            .take_while(|call| call.at_us <= exchange.after_us)
            .count();
        if self.calls.len() >= MAX_CALLS {
            self.left_out += 1;
            return;
        }
        let answer = |answer: &ExchangeAnswer| {
            json!({
                "status": answer.status, "headers": answer.headers, "body": bytes(&answer.body),
                "recorded": exchange.recorded,
            })
        };
        let call = TracedCall {
            at_us: exchange.after_us,
            name: "http.request",
            arguments: json!({ "method": exchange.method, "url": exchange.url }),
            result: match &exchange.answer {
                Ok(told) => json!({ "ok": answer(told) }),
                Err(why) => json!({ "error": why.0 }),
            },
        };
        self.calls.insert(place, call);
    }

    /// The calls, the first ones if there were very many.
    pub(crate) fn into_calls(mut self) -> Vec<TracedCall> {
        if self.left_out > 0 {
            self.calls.push(TracedCall {
                at_us: micros(self.began.elapsed()),
                name: "…",
                arguments: json!({ "more_calls": self.left_out }),
                result: Value::Null,
            });
        }
        self.calls
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Bytes as a trace shows them.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    let some = &bytes[..bytes.len().min(MAX_BYTES)];
    let left_out = bytes.len() - some.len();
    let shown = match std::str::from_utf8(some) {
        Ok(text) => json!(text),
        // The cut may have split a character.
        Err(error) if left_out > 0 && error.error_len().is_none() => {
            json!(String::from_utf8_lossy(&some[..error.valid_up_to()]))
        }
        Err(_) => json!({ "base64": STANDARD.encode(some) }),
    };
    match left_out {
        0 => shown,
        _ => json!({ "begins": shown, "bytes": bytes.len() }),
    }
}

/// A result with an error that has a name.
pub(crate) fn result<T, E: std::fmt::Debug>(
    result: &Result<T, E>,
    ok: impl FnOnce(&T) -> Value,
) -> Value {
    match result {
        Ok(value) => json!({ "ok": ok(value) }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_text_where_they_are() {
        assert_eq!(bytes(b"{}"), json!("{}"));
        assert_eq!(bytes(&[0xff, 0]), json!({ "base64": "/wA=" }));
        let long = "\u{e9}".repeat(MAX_BYTES);
        let shown = bytes(format!("x{long}").as_bytes());
        assert_eq!(shown["bytes"], 1 + 2 * MAX_BYTES);
        assert_eq!(shown["begins"].as_str().unwrap().len(), MAX_BYTES - 1);
    }

    #[test]
    fn very_many_calls_are_counted() {
        let mut trace = Trace::begin();
        for _ in 0..MAX_CALLS + 5 {
            trace.add(TracedCall {
                at_us: 0,
                name: "state.get",
                arguments: Value::Null,
                result: Value::Null,
            });
        }
        let calls = trace.into_calls();
        assert_eq!(calls.len(), MAX_CALLS + 1);
        assert_eq!(calls[MAX_CALLS].arguments, json!({ "more_calls": 5 }));
    }
}
