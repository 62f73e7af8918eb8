//! The manifest: reads and checks `tollgate.toml`.
//!
//! The parser works in two steps. First the TOML text becomes a tree that remembers the place of
//! each value ([`text`]). Then the validation ([`sections`]) makes the settings from the tree, or
//! the list of every mistake ([`mistakes`]). Nothing outside this module sees the tree.

mod about_handlers;
mod defaults;
mod mistakes;
mod origins;
mod parse;
mod project;
mod sections;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use about_handlers::HandlerMistake;
pub(crate) use about_handlers::at_their_places;
pub use mistakes::{Mistake, Mistakes};
pub(crate) use origins::{Origin, Origins};
pub(crate) use parse::{MAX_SIZE, ledger_file};
pub use parse::{contact, load, own_schemes, parse};
pub(crate) use project::{default_handler, project};
pub(crate) use sections::json_schema;
