//! Events as Stripe sends them, signed as its documentation describes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::request;

/// The source's path in all manifests of the tests.
pub(crate) const PATH: &str = "/webhooks/stripe";
/// The endpoint's secret. The manifest takes it from the environment.
pub(crate) const SECRET: &str = "whsec_5q9vAEnd2EndOnlyNotASecretOfAnybody";
/// The block size of SHA-256 in bytes.
const BLOCK: usize = 64;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

impl Event {
    /// Makes an event of a type, with an id of its own. The conformance guest runs these
    /// steps: one, or an array.
    pub(crate) fn new(kind: &str, steps: Value) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("evt_{:06}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self::with_id(&id, kind, steps)
    }

    /// Makes an event of a type, with a given id and steps.
    pub(crate) fn with_id(id: &str, kind: &str, steps: Value) -> Self {
        let steps = if steps.is_array() {
            steps
        } else {
            json!([steps])
        };
        Self::about(id, kind, json!({ "object": "test", "steps": steps }))
    }

    /// Makes an event about any object.
    pub(crate) fn about(id: &str, kind: &str, object: Value) -> Self {
        let body = json!({
            "id": id,
            "object": "event",
            "type": kind,
            "created": now(),
            "livemode": true,
            "data": { "object": object },
        });
        Self {
            id: id.to_owned(),
            body: serde_json::to_vec(&body).unwrap(),
        }
    }

    /// Returns the request that delivers the event, signed now.
    pub(crate) fn request(&self) -> Vec<u8> {
        let signature = sign(SECRET, now(), &self.body);
        let headers = [
            ("content-type", "application/json; charset=utf-8"),
            ("stripe-signature", &signature),
        ];
        request("POST", PATH, &headers, &self.body)
    }
}

/// Returns the time in seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// Returns a `Stripe-Signature` header: HMAC-SHA256 over `TIMESTAMP.BODY`, in hex.
pub(crate) fn sign(secret: &str, timestamp: u64, body: &[u8]) -> String {
    let mut signed = format!("{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    let mac = hmac_sha256(secret.as_bytes(), &signed);
    format!("t={timestamp},v1={}", hex::encode(mac))
}

/// Computes HMAC-SHA256 (RFC 2104).
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let keyed = |pad: u8, message: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(block.map(|byte| byte ^ pad));
        hash.update(message);
        hash.finalize()
    };
    keyed(0x5c, &keyed(0x36, message)).into()
}
