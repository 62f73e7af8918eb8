//! The manifest: what `tollgate.toml` says, checked as a whole.
//!
//! Reading happens in two steps: the TOML text becomes a tree that remembers where each
//! value stands, and validation turns that into a [`Manifest`] or into a list of every
//! mistake in it. Nothing outside this module sees the raw tree.

mod allow;
mod backlog;
mod breaker;
mod defaults;
mod expiry;
mod fields;
mod handlers;
mod hosts;
mod json;
mod names;
mod order;
mod quantity;
mod raw;
mod report;
mod retention;
mod retry;
mod routes;
mod schemes;
mod secrets;
mod sources;
mod substitute;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tollgate_base::suggest;
use tollgate_scheme::Template;

use crate::settings::Manifest;

pub use expiry::SecretState;
pub(crate) use quantity::parse_duration;
pub use report::{Mistake, Mistakes};

/// Reads and checks the manifest in this file. `env` answers with the value of an
/// environment variable.
///
/// # Errors
/// Every mistake in it, or that it cannot be read.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Manifest, Mistakes> {
    let unreadable =
        |why: String| Mistakes::of_file(path, format!("the manifest cannot be read: {why}"));
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    parse(&text, path, env)
}

/// Checks the text of a manifest as if it stood in the file `origin`, which is named in
/// messages and whose folder relative paths start from. Files that hold secrets are read.
///
/// # Errors
/// Every mistake in it.
pub fn parse(
    text: &str,
    origin: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Manifest, Mistakes> {
    validate::manifest(text, origin, env)
}

/// The schemes that `[schemes.NAME]` of a manifest's text describe, by name. Nothing else of
/// it is looked at, so it needs neither an environment nor files.
///
/// # Errors
/// Every mistake in them.
pub fn own_schemes(text: &str, origin: &Path) -> Result<BTreeMap<String, Arc<Template>>, Mistakes> {
    validate::own_schemes(text, origin)
}
