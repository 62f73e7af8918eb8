//! `tollgate plugin`: projects of handlers, with the toolchains of their languages.

mod built;
mod cases;
mod fulfillment;
mod javascript;
mod project;
mod python;
mod served;

pub(crate) use cases::Case;
pub(crate) use project::TestProject;
