//! Weaknesses that several schemes share, in words for an operator.

/// The request carries the secret.
pub(super) const SECRET_IN_REQUEST: &str = "the request carries the secret itself: nothing protects the body, and an attacker who sees \
     one request can forge others";

/// No timestamp is among the signed bytes.
pub(super) const NO_TIMESTAMP: &str = "no timestamp is signed: a captured request is recognised by its dedup key alone, so keys are \
     kept for good";

/// A signed time is there, but no bound on it.
pub(super) const TIME_UNCHECKED: &str = "no timestamp is checked, since the provider resends without signing anew: a captured request is \
     recognised by its dedup key alone, so keys are kept for good";

/// Nothing of the body is signed.
pub(super) const UNSIGNED_BODY: &str = "nothing of the body is signed: an attacker who captures a request can write another body; \
     believe nothing of it without asking the provider";
