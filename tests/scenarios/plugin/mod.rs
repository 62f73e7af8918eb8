//! `tollgate plugin`: projects of handlers, in the languages that need no package registry of their
//! own but cargo's.

mod built;
mod project;
mod served;

pub(crate) use project::TestProject;
