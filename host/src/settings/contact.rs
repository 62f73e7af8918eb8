//! Where the gateway of a manifest is found.

use std::net::SocketAddr;
use std::path::PathBuf;

use tollgate_base::secret::Secret;

/// Where the gateway of a manifest is found, and its ledger. A command on the same machine needs
/// nothing else of the manifest, in particular no secret of a source.
#[derive(Debug)]
pub struct Contact {
    /// `admin` in `[server]`.
    pub admin: SocketAddr,
    /// A token of the admin service: one that may operate, if there is one.
    pub admin_token: Option<Secret>,
    /// The file of the ledger.
    pub ledger: PathBuf,
}
