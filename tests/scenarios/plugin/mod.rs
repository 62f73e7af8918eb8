//! `tollgate plugin`: projects of handlers, with the toolchains of their languages.

mod agreement;
mod asking;
mod built;
mod cases;
mod debugged;
mod in_assemblyscript;
mod in_c;
mod in_d;
mod in_go;
mod in_nim;
mod in_zig;
mod inspected;
mod javascript;
mod project;
mod python;
mod recorded;
mod served;

pub(crate) use cases::Case;
pub(crate) use project::{TestProject, all_languages, has, has_extra};
