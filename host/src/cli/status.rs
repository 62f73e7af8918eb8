//! `tollgate status`

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::client::{Client, GatewayArgs, Side};
use crate::run::core::counts_json;
use tollgate_base::time::{Clock as _, SystemClock};

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The admin address, if not the manifest's; the same as `--url http://ADDRESS`.
    #[arg(long, conflicts_with = "url")]
    admin: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let (running, status) = gather(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{status:#}")?;
    } else {
        let state = if running {
            "the gateway runs"
        } else {
            "no gateway answers; from the ledger's file"
        };
        writeln!(out, "{state}")?;
        show(&mut out, &status, 1)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the gateway says or, if none answers, what its ledger says.
fn gather(args: &StatusArgs) -> anyhow::Result<(bool, Value)> {
    let side = match args.admin {
        Some(admin) => Side::Gateway(Client::at(admin, args.gateway.token())),
        None => args.gateway.find()?,
    };
    match side {
        Side::Gateway(client) => Ok((true, client.get("/status", &[])?)),
        Side::Ledger(ledger) => {
            let (reader, manifest) = &*ledger;
            let status = serde_json::json!({
                "ledger": counts_json(&reader.counts()?, None),
                "secrets": manifest.expiry_warnings(SystemClock.now()),
            });
            Ok((false, status))
        }
    }
}

/// Writes a tree of values as indented lines.
fn show(out: &mut impl Write, value: &Value, depth: usize) -> std::io::Result<()> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, value) in fields {
        write!(out, "{:indent$}{name}", "", indent = depth * 2)?;
        match value {
            Value::Object(_) => {
                writeln!(out)?;
                show(out, value, depth + 1)?;
            }
            Value::String(text) => writeln!(out, " {}", text.replace('\n', "\n      "))?,
            other => writeln!(out, " {other}")?,
        }
    }
    Ok(())
}
