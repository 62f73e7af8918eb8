//! How providers sign, name and batch their events, and which answer they expect.
//!
//! A [`Verifier`] is one scheme with its keys decoded and ready. It checks the signature over the
//! raw bytes of a request. Only if the signature is valid does it read the events from the body.
//! The result is [`Verified`], and nothing outside this package can make one.
//!
//! A provider's scheme is either data in the form of a [`Template`], which a manifest's
//! `[schemes.NAME]` has too, or code.
//!
//! # To add a provider
//!
//! 1. Write `providers/NAME.toml`: the template in `[scheme]` and the facts for people in `[page]`.
//!    Add `NAME` to `scheme_names.rs`, and `data/NAME.json` to `tollgate-events`.
//! 2. If a template cannot express the scheme, write `providers/NAME.rs` (`plaid.rs` is an example)
//!    and add a variant to the enum `Coded` in `providers/mod.rs`. The TOML file then has `[code]`
//!    in the place of `[scheme]`.
//! 3. Record requests that the provider's own library has judged in
//!    `tests/oracles/vectors/NAME.json`, and add the file to `tests/vectors.rs`.
//! 4. Write the page: `PAGES=write cargo test -p tollgate-scheme pages`.
//!
//! # The files
//!
//! - [`Request`], [`Verified`], [`Rejection`], [`Answer`] and [`Settings`] have a file each.
//! - `catalog.rs` builds verifiers; `verifier.rs` has the trait that every scheme implements.
//! - `declarative/` verifies by a template; `providers/` has the built-in schemes.
//! - `explain/` tells an operator the likely reason of a rejection; `sign.rs` signs for tests,
//!   `stand_in.rs` with a private key in the place of a provider's;
//!   `pages/` makes the page of each provider; `addresses/` has what addresses providers publish.
//! - The other files are parts that several schemes use.

mod addresses;
mod answer;
mod catalog;
mod certificate_source;
mod certificates;
mod chain;
mod declarative;
mod encoding;
mod explain;
mod fetched_key;
mod form;
mod hash;
mod headers;
mod invalid_key;
mod issuer;
mod jwk;
mod jws;
mod key;
mod key_ring;
mod named_key;
mod pages;
mod pem;
mod providers;
mod rejection;
mod request;
mod scheme_names;
mod settings;
mod settings_reader;
mod sign;
mod stand_in;
mod time;
mod tolerance;
mod verified;
mod verifier;
mod warnings;

#[cfg(feature = "fuzzing")]
pub mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

pub use addresses::{PublishedAddresses, published_addresses, schemes_with_addresses};
pub use answer::{Answer, RequestOutcome};
pub use catalog::{build, build_template, build_with, names};
pub use certificates::{CertificateError, CertificateTrust, with_issuer};
pub use declarative::{
    AnswerForm, Answers, BodyWithout, ChallengeForm, ChallengeMethod, Dedup, DedupBy, Expectation,
    JwsForm, Layout, LiveMode, OtherKey, OtherSignature, Selectors, SignatureForm, SignedForms,
    Template, TemplateError, TimeUnit, TimestampForm,
};
pub use encoding::SignatureEncoding;
pub use explain::explain;
pub use fetched_key::{FetchedKey, KeyError, KeyRequest, Visit};
pub use invalid_key::InvalidKey;
pub use jws::JwsAlgorithm;
pub use key::{Algorithm, KeyEncoding};
pub use pages::{Page, page, page_identity, page_index, pages};
pub use providers::provider_files;
pub use rejection::Rejection;
pub use request::Request;
pub use settings::{
    BuildError, DedupChoice, OnUnreadable, SECRET_PARAMS, Setting, Settings, SourceSecret,
};
pub use sign::{SignError, SignedRequest, UnsignedRequest};
pub use stand_in::StandInKey;
pub use verified::{Accepted, EqualBytes, ProviderEvent, Verified};
pub use verifier::Verifier;
