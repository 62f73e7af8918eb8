//! Which gateway a command asks.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::de::DeserializeOwned;
use tollgate_base::secret::Secret;
use tollgate_ledger::{LedgerUrl, ReadLedger, open_to_read};

use super::client::Client;
use crate::cli::environment::environment;
use crate::generation::read_manifest;
use crate::manifest;
use crate::settings::{Contact, Manifest};

/// Which gateway a command asks.
#[derive(Debug, Args)]
pub(in crate::cli) struct GatewayArgs {
    /// The manifest. It contains the admin address and the ledger.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The URL of the admin service, such as `http://10.0.0.5:8081`. Default: the manifest's
    /// admin address.
    #[arg(long)]
    url: Option<String>,
    /// The admin token. Default: the manifest's admin token.
    #[arg(long, env = "TOLLGATE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A command needs a gateway, and none runs.
#[derive(Debug, thiserror::Error)]
#[error("no gateway answers: this command needs a running gateway")]
pub(in crate::cli) struct NoGateway;

/// Where a command gets its answer.
pub(in crate::cli) enum Backend {
    /// A running gateway.
    Gateway(Client),
    /// The ledger, if no gateway answers.
    Ledger(Arc<dyn ReadLedger>),
}

impl GatewayArgs {
    /// The running gateway. If no gateway answers and the arguments have no URL, its ledger.
    pub(in crate::cli) fn backend(&self) -> anyhow::Result<Backend> {
        if let Some(url) = &self.url {
            return Ok(Backend::Gateway(Client::at_url(url, self.token())?));
        }
        let contact = self.contact()?;
        let token = self.token().or(contact.admin_token);
        let client = Client::at(contact.admin, token);
        if client.answers() {
            return Ok(Backend::Gateway(client));
        }
        Ok(Backend::Ledger(open_ledger(contact.ledger)?))
    }

    /// The resource at a path of the admin API. If no gateway answers, the same resource from the
    /// ledger.
    pub(in crate::cli) fn fetch<T: DeserializeOwned>(
        &self,
        path: &str,
        from_ledger: impl FnOnce(&dyn ReadLedger) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match self.backend()? {
            Backend::Gateway(client) => Ok(client.get(path, &[])?),
            Backend::Ledger(ledger) => from_ledger(&*ledger),
        }
    }

    /// The running gateway, for a command that the ledger alone cannot carry out.
    pub(in crate::cli) fn running_gateway(&self) -> anyhow::Result<Client> {
        match self.backend()? {
            Backend::Gateway(client) => Ok(client),
            Backend::Ledger(_) => Err(NoGateway.into()),
        }
    }

    /// The whole manifest that the arguments name, with its secrets.
    pub(in crate::cli) fn read_manifest(&self) -> anyhow::Result<Manifest> {
        Ok(read_manifest(&self.manifest, &environment())?.manifest)
    }

    /// The file of the manifest's ledger.
    pub(in crate::cli) fn ledger_file(&self) -> anyhow::Result<PathBuf> {
        Ok(manifest::contact(&self.manifest, &*environment(), true)?.ledger)
    }

    /// Where the gateway of the manifest is found. Needs no secret but the admin token, and not
    /// even that if the arguments have it.
    fn contact(&self) -> anyhow::Result<Contact> {
        let env = environment();
        Ok(manifest::contact(
            &self.manifest,
            &*env,
            self.token.is_some(),
        )?)
    }

    /// The token in the arguments.
    pub(in crate::cli) fn token(&self) -> Option<Secret> {
        self.token
            .as_ref()
            .map(|token| Secret::new(token.as_bytes()))
    }
}

/// The ledger in a file, open for reading.
pub(in crate::cli) fn open_ledger(path: PathBuf) -> anyhow::Result<Arc<dyn ReadLedger>> {
    Ok(open_to_read(&LedgerUrl::Sqlite(path))?)
}
