//! Changes of single deliveries, `retry` and `cancel`, and what other changes share with them.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::client::{GatewayArgs, Side};
use super::deliveries::write_history;
use super::table::printable;
use crate::api::change::Report;
use crate::ledger::DeliveryDetail;

/// Who runs the command, as far as the environment says, for the record.
pub(super) fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    format!("{user}, by command")
}

/// Whether somebody at a terminal says to go on with what `tell` writes.
pub(super) fn confirmed(tell: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    tell(&mut io::stderr().lock())?;
    eprint!("go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Report {
    /// What was done by handler and state, and what was not and why.
    pub(super) fn write_parts(&self, out: &mut dyn Write) -> io::Result<()> {
        for (what, many) in &self.by {
            writeln!(out, "  {many:6} {}", printable(what))?;
        }
        for (why, many) in &self.refused {
            writeln!(out, "  {many:6} not: {}", printable(why))?;
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The delivery's number, as lists show it.
    seq: i64,
    /// Why, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Has a delivery changed and shows what it is then.
pub(super) fn change(args: &ChangeArgs, verb: &str) -> anyhow::Result<ExitCode> {
    let Side::Gateway(client) = args.gateway.find()? else {
        bail!("no gateway answers: to {verb} a delivery needs one that runs");
    };
    let body = json!({ "who": who(), "why": args.why });
    let path = format!("/api/deliveries/{}/{verb}", args.seq);
    let delivery: DeliveryDetail = client.post(&path, &body)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&delivery)?)?;
    } else {
        write_history(&mut out, &delivery)?;
    }
    Ok(ExitCode::SUCCESS)
}
