//! The form of a scheme whose provider signs with a JSON Web Signature (RFC 7515).
//!
//! The token stands in the body, or in a header. A token in a header may hold the event, the hash
//! of the body, or nothing: then the body is what it signs (detached).

use serde::Deserialize;

use super::check::Mistakes;
use crate::jws::JwsAlgorithm;
use tollgate_base::json::PointerSet;

/// The word for a token that is the whole body.
pub(crate) const BODY: &str = "body";

/// A JSON Web Signature. Either `header` or `at` is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwsForm {
    /// The header with the token. The word `Bearer` before it is left out.
    pub header: Option<String>,
    /// The place of a token in the body: a JSON pointer, or `body` if the body is the token.
    pub at: Option<String>,
    /// The algorithm. A token that names another is refused.
    pub algorithm: JwsAlgorithm,
    /// Whether the token leaves its payload out, because it is the body.
    #[serde(default)]
    pub detached: bool,
    /// The claim with the SHA-256 of the body, as a JSON pointer into the payload. Events are then
    /// read from the body.
    pub body_hash: Option<String>,
    /// The claim with the time of signing, as a JSON pointer into what is signed: a number of
    /// seconds or milliseconds. Without it only the dedup key stops a replay.
    pub time: Option<String>,
    /// Whether the token comes with the certificates of its signer, which must lead to a root
    /// certificate among the secrets.
    #[serde(default)]
    pub x5c: bool,
}

impl JwsForm {
    /// The place of the token, for messages.
    pub(crate) fn place(&self) -> &str {
        let header = self.header.as_deref();
        header.or(self.at.as_deref()).unwrap_or_default()
    }

    /// Whether events are read from the body, and not from the token's payload.
    pub(crate) fn signs_body(&self) -> bool {
        self.detached || self.body_hash.is_some()
    }

    /// Adds a mistake for each part that does not fit the others.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        let mut add = |key: &str, message: &str| mistakes.add(&format!("jws.{key}"), message);
        match (&self.header, &self.at) {
            (Some(_), Some(_)) => add("at", "set `header` or `at`, not both"),
            (None, None) => add("header", "say where the token stands: `header` or `at`"),
            _ => {}
        }
        if self.signs_body() && self.header.is_none() {
            let key = if self.detached {
                "detached"
            } else {
                "body_hash"
            };
            add(key, "only a token in a `header` can sign the body");
        }
        if self.detached && self.body_hash.is_some() {
            add(
                "body_hash",
                "a detached token signs the body itself: leave it out",
            );
        }
        let at = self.at.as_ref().filter(|at| *at != BODY);
        let pointers = [
            ("at", at),
            ("body_hash", self.body_hash.as_ref()),
            ("time", self.time.as_ref()),
        ];
        for (key, pointer) in pointers {
            if let Some(Err(error)) = pointer.map(|pointer| PointerSet::new(&[pointer])) {
                add(key, &error.to_string());
            }
        }
    }
}
