//! `[schemes.NAME]`: how a provider without a built-in scheme signs, names and batches events.
//!
//! The keys are the keys of the built-in schemes. Serde reads the `Template` of a built-in scheme.
//! The parser here does not use serde, because serde stops at the first mistake.

mod jws;
mod names;
mod own;
mod signed;
mod template;
#[cfg(test)]
mod tests;
mod texts;

pub(super) use jws::JWS;
pub(crate) use own::{OwnSchemes, schemes};
pub(super) use signed::{EXPECTATION, OTHER_SIGNATURE, SIGNATURE};
pub(super) use template::{
    ANSWER, ANSWERS, CHALLENGE, DEDUP, LIVEMODE, OTHER_KEY, SCHEME, TIMESTAMP,
};
