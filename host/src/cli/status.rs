//! `tollgate status`: the state of the gateway, or of its ledger if no gateway answers.

use std::io::Write;
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
        writeln!(out, "{state}")?;
        write_tree(out, &status, 1)
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
            let mut status = json!({ "ledger": counts_json(&ledger.counts()?, None) });
            status["ledger"]["restored"] = json!(ledger.restored()?);
            // The state of the ledger can be told without the secrets' environment variables.
            status["secrets"] = match args.gateway.read_manifest() {
                Ok(manifest) => json!(manifest.expiry_warnings(SystemClock.now())),
                Err(_) => json!("the manifest has mistakes; see `tollgate check`"),
            };
            Ok((false, status))
        }
    }
}

/// Writes a tree of values as indented lines.
fn write_tree(out: &mut dyn Write, value: &Value, depth: usize) -> std::io::Result<()> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, value) in fields {
        write!(out, "{:indent$}{name}", "", indent = depth * 2)?;
        match value {
            Value::Object(_) => {
                writeln!(out)?;
                write_tree(out, value, depth + 1)?;
            }
            Value::String(text) => writeln!(out, " {}", text.replace('\n', "\n      "))?,
            other => writeln!(out, " {other}")?,
        }
    }
    Ok(())
}
