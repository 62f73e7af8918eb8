//! Parts of the views that operators see: log lines and payloads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::Payload;

/// Bytes as operators see them.
pub(crate) fn payload_of(bytes: &[u8]) -> Payload {
    match std::str::from_utf8(bytes) {
        Ok(text) => Payload::Text(text.to_owned()),
        Err(_) => Payload::Base64(STANDARD.encode(bytes)),
    }
}

/// Captured log lines. A line that is no JSON is shown as text.
pub(crate) fn log_lines(logs: &str) -> Vec<Value> {
    let line =
        |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    logs.lines().map(line).collect()
}
