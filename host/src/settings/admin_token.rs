//! The tokens of the admin service, and their roles.

use std::fmt;
use std::sync::Arc;

use tollgate_base::secret::Secret;

/// The name of the token that `admin_token` in `[server]` sets.
pub const ADMIN: &str = "admin";

/// A token of the admin service: `admin_token`, or one of `[[server.admin_tokens]]`.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// `name`: the name that records and the log have. No two tokens have the same one.
    pub name: Arc<str>,
    /// `token`: what a request presents. No two tokens are the same.
    pub token: Secret,
    /// `role`: what the token may do.
    pub role: Role,
}

/// What a token of the admin service may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read everything, and change nothing.
    Read,
    /// Read and change everything.
    Operate,
}

impl Role {
    /// The name in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
