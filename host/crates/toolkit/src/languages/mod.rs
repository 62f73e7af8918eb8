//! The languages, one file each.

mod assemblyscript;
mod c;
#[cfg(test)]
mod covered;
mod d;
mod go;
mod javascript;
mod nim;
mod python;
mod rust;
mod wat;
mod zig;

pub(crate) use assemblyscript::AssemblyScript;
pub(crate) use c::C;
pub(crate) use d::D;
pub(crate) use go::Go;
pub(crate) use javascript::{JavaScript, TypeScript};
pub(crate) use nim::Nim;
pub(crate) use python::Python;
pub(crate) use rust::Rust;
pub(crate) use wat::Wat;
pub(crate) use zig::Zig;
