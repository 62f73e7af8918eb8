//! Schemes as data: most providers' schemes fit one form.
//!
//! [`Template`] is the form as TOML has it. `checked` and `layout` find its mistakes. With the
//! settings of a source, the template becomes a [`Declarative`] (`verify`), which checks the
//! signatures of requests. `fields` then reads the events from the body.

mod answers;
mod challenge;
mod check;
mod checked;
mod coverage;
mod decimals;
mod dedup;
mod envelope;
mod expect;
mod family;
mod field;
mod fields;
mod filter;
mod inside;
mod json_place;
mod keys;
mod layout;
mod mode;
mod request_values;
pub(super) mod signature;
mod signed;
mod signing;
mod syntax;
mod template;
mod token;
mod verify;

pub use challenge::{ChallengeForm, ChallengeMethod};
pub use check::TemplateError;
pub(super) use dedup::with_unsigned_id;
pub(super) use envelope::Enveloped;
pub use field::Selectors;
pub use mode::LiveMode;
pub use signature::{Layout, SignatureForm};
pub use template::{
    AnswerForm, Answers, BodyWithout, Dedup, DedupBy, Expectation, OtherKey, OtherSignature,
    SignedForms, Template, TimeUnit, TimestampForm,
};
pub use token::JwsForm;
pub(super) use verify::Declarative;
