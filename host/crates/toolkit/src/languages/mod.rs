//! The languages, one file each.

#[cfg(test)]
mod covered;
mod javascript;
mod python;
mod rust;
mod wat;

pub(crate) use javascript::{JavaScript, TypeScript};
pub(crate) use python::Python;
pub(crate) use rust::Rust;
pub(crate) use wat::Wat;
