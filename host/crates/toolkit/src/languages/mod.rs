//! The languages, one file each.

mod rust;
mod wat;

pub(crate) use rust::Rust;
pub(crate) use wat::Wat;
