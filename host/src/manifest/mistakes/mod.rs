//! The mistakes of a manifest: how they are collected, and how they are shown with line, caret and
//! help.
//!
//! A quoted line never shows a secret. Every value is masked, unless the parser marked the value as
//! one that cannot hold a secret; see [`mask`].

mod diagnostics;
mod mask;
mod mistake;
mod quote;
mod spanned;
mod syntax;

pub(crate) use diagnostics::{Diagnostics, Help};
pub use mistake::{Mistake, Mistakes};
