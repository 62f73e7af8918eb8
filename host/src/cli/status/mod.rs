//! `tollgate status`: the state of the gateway, or of its ledger if no gateway answers.

mod screen;
mod tree;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use tollgate_base::time::{Clock as _, SystemClock};

use super::gateway::{Backend, Client, GatewayArgs};
use super::output::print;
use crate::run::counts_json;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The admin address: the same as `--url http://ADDRESS`. Default: the manifest's admin
    /// address.
    #[arg(long, conflicts_with = "url")]
    admin: Option<SocketAddr>,
    /// Print every value, and not only what fits on a screen.
    #[arg(long)]
    all: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let (running, status) = read(args)?;
    print(args.json, &status, |out| {
        let state = if running {
            "the gateway runs"
        } else {
            "no gateway answers; this is the state of the ledger"
        };
        match args.all {
            true => {
                writeln!(out, "{state}")?;
                tree::write_tree(out, &status, 1)
            }
            false => screen::write_screen(out, state, &status),
        }
    })
}

/// The status, and whether it is the status of a running gateway.
fn read(args: &StatusArgs) -> anyhow::Result<(bool, Value)> {
    let backend = match args.admin {
        Some(admin) => Backend::Gateway(Client::at(admin, args.gateway.token())),
        None => args.gateway.backend()?,
    };
    match backend {
        Backend::Gateway(client) => Ok((true, client.get("/status", &[])?)),
        Backend::Ledger(ledger) => {
            let now = SystemClock.now();
            let mut status =
                json!({ "now_ms": now, "ledger": counts_json(&ledger.counts()?, None) });
            status["ledger"]["restored"] = json!(ledger.restored()?);
            // The state of the ledger can be told without the secrets' environment variables.
            status["secrets"] = match args.gateway.read_manifest() {
                Ok(manifest) => json!(manifest.expiry_warnings(now)),
                Err(_) => json!("the manifest has mistakes; see `tollgate check`"),
            };
            Ok((false, status))
        }
    }
}
