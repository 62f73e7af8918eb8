//! The one form that most schemes are described in.
//!
//! [`Template`] is what the TOML says; `check` finds its mistakes and `prepare` gets it ready;
//! with a source's settings, `verify` makes a [`Declarative`] of it, which verifies. `fields`
//! and `dedup` then make events of the body.

mod check;
mod dedup;
mod family;
mod field;
mod fields;
mod prepare;
pub(super) mod signature;
mod signed;
mod template;
mod verify;

pub use check::TemplateError;
pub use field::Selectors;
pub use signature::{Layout, SignatureForm};
pub use template::{
    AnswerForm, Answers, BodyWithout, Dedup, DedupBy, OtherKey, Template, TimeUnit, TimestampForm,
};
pub(super) use verify::Declarative;
