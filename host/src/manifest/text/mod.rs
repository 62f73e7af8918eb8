//! The manifest's text: its TOML as a tree with places, and the environment variables in it.

pub(crate) mod substitute;
pub(crate) mod tree;
