//! `tollgate handlers`: what runs, and what waits for it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::client::{GatewayArgs, Side};
use super::table::write_rows;
use crate::api::handlers_offline;
use crate::ledger::Records;

#[derive(Debug, Args)]
pub(super) struct HandlersArgs {
    #[command(subcommand)]
    command: HandlersCommand,
}

#[derive(Debug, Subcommand)]
enum HandlersCommand {
    /// List handlers, also those that left the manifest and have deliveries.
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HandlersArgs) -> anyhow::Result<ExitCode> {
    let HandlersCommand::List(args) = &args.command;
    let answer: Value = match args.gateway.find()? {
        Side::Gateway(client) => client.get("/api/handlers", &[])?,
        Side::Ledger(ledger) => handlers_offline(&ledger.1, &ledger.0.handlers()?),
    };
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::Array(items))?;
    } else if items.is_empty() {
        writeln!(out, "no handlers")?;
    } else {
        let head = ["handler", "component", "queued", "running", "file"];
        write_rows(&mut out, head, items.iter().map(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(handler: &Value) -> [String; 5] {
    let text = |key: &str| match &handler[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let component = match text("component") {
        _ if handler["present"] == false => "not in the manifest".to_owned(),
        digest => digest.chars().take(12).collect(),
    };
    [
        text("name"),
        component,
        text("queued"),
        text("running"),
        text("file"),
    ]
}
