//! The environment of the process.

use std::sync::Arc;

use crate::generation::Env;

/// The environment variables of the process.
pub(super) fn environment() -> Env {
    Arc::new(|name: &str| std::env::var(name).ok())
}
