//! How providers sign, name and batch their events, and what answer they expect.
//!
//! A [`Verifier`] is one scheme with its keys decoded and ready. It looks at a request's
//! raw bytes, and only when their signature holds does it read an event's id and type out
//! of them. What comes out is [`Verified`], which nothing outside this module can make.
//!
//! Most schemes are data: entries of `builtin.toml` in the form of [`Template`], which a
//! manifest's `[schemes.NAME]` has too. Those that the form cannot express are code, a
//! file each.

mod answer;
mod catalog;
mod declarative;
mod der;
mod encoding;
mod explain;
mod fetched;
mod form;
mod headers;
mod issuer;
mod key;
mod keys;
mod pages;
mod pem;
mod providers;
mod rejection;
mod request;
mod settings;
mod settings_reader;
mod sign;
mod time;
mod tolerance;
mod verified;
mod verifier;

#[cfg(any(fuzzing, feature = "fuzzing"))]
pub mod fuzz;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;

pub use answer::{Answer, AnswerTo};
pub use catalog::{build, build_template, build_with, names};
pub use declarative::{
    AnswerForm, Answers, BodyWithout, Dedup, DedupBy, Layout, OtherKey, Selectors, SignatureForm,
    Template, TemplateError, TimeUnit, TimestampForm,
};
pub use encoding::SignatureEncoding;
pub use explain::explain;
pub use fetched::{CertificateTrust, FetchedKey, KeyRequest, KeyTrouble, with_issuer};
pub use key::{Algorithm, KeyEncoding};
pub use pages::{Page, page, page_index, pages};
pub use providers::provider_files;
pub use rejection::Rejection;
pub use request::Request;
pub use settings::{BuildError, Setting, Settings, SourceSecret};
pub use sign::{SignError, Signed, Unsigned};
pub use verified::{Accepted, ProviderEvent, Verified};
pub use verifier::Verifier;
