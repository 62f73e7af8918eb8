//! `tollgate handlers`: what runs, what waits for it, and whether it may go on.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{GatewayArgs, Side, encode};
use super::table::write_rows;
use crate::api::handlers_offline;

#[derive(Debug, Args)]
pub(super) struct HandlersArgs {
    #[command(subcommand)]
    command: HandlersCommand,
}

#[derive(Debug, Subcommand)]
enum HandlersCommand {
    /// List handlers, also those that left the manifest and have deliveries.
    List(ListArgs),
    /// Start no more deliveries of a handler until it is resumed, across restarts. What runs
    /// ends; what waits waits, and no attempts are counted.
    Pause(PauseArgs),
    /// Start a handler's deliveries and requests again.
    Resume(NamedArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct NamedArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    name: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PauseArgs {
    #[command(flatten)]
    named: NamedArgs,
    /// Pause its outbox too: requests that it has queued wait as well.
    #[arg(long)]
    outbox: bool,
}

pub(super) fn run(args: &HandlersArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        HandlersCommand::List(args) => list(args),
        HandlersCommand::Pause(args) => pause(args),
        HandlersCommand::Resume(args) => resume(args),
    }
}

fn pause(args: &PauseArgs) -> anyhow::Result<ExitCode> {
    let answer = act(&args.named, "pause", &json!({ "outbox": args.outbox }))?;
    if !args.named.json {
        let outbox = match answer["paused"]["outbox"] == true {
            true => "and its outbox ",
            false => "",
        };
        let name = &args.named.name;
        let running = &answer["running"];
        writeln!(
            io::stdout(),
            "{name} {outbox}paused; {running} still running"
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn resume(args: &NamedArgs) -> anyhow::Result<ExitCode> {
    let answer = act(args, "resume", &json!({}))?;
    if !args.json {
        let what = match answer["was_paused"] == true {
            true => "resumed",
            false => "was not paused",
        };
        writeln!(io::stdout(), "{} {what}", args.name)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the gateway that runs do something with a handler.
fn act(args: &NamedArgs, what: &str, body: &Value) -> anyhow::Result<Value> {
    let Side::Gateway(client) = args.gateway.find()? else {
        bail!("no gateway answers: start it first");
    };
    let path = format!("/api/handlers/{}/{what}", encode(&args.name));
    let answer: Value = client.post(&path, body)?;
    if args.json {
        writeln!(io::stdout(), "{answer:#}")?;
    }
    Ok(answer)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let answer: Value = match args.gateway.find()? {
        Side::Gateway(client) => client.get("/api/handlers", &[])?,
        Side::Ledger(ledger) => {
            let (reader, manifest) = &*ledger;
            handlers_offline(manifest, &reader.handlers()?, &reader.pauses()?)
        }
    };
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", Value::Array(items))?;
    } else if items.is_empty() {
        writeln!(out, "no handlers")?;
    } else {
        let head = ["handler", "component", "state", "queued", "running", "file"];
        write_rows(&mut out, head, items.iter().map(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(handler: &Value) -> [String; 6] {
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
        state(handler),
        text("queued"),
        text("running"),
        text("file"),
    ]
}

/// What holds a handler's deliveries back, and what is odd about its component.
fn state(handler: &Value) -> String {
    let paused = match (&handler["paused"], &handler["paused"]["outbox"]) {
        (Value::Null, _) => None,
        (_, Value::Bool(true)) => Some("paused, outbox too"),
        _ => Some("paused"),
    };
    let breaker = match handler["breaker"].as_str() {
        Some("open") => Some("breaker open"),
        Some("half-open") => Some("breaker half-open"),
        _ => None,
    };
    let limited = (handler["limited"] == true).then_some("at its rate");
    let trial = handler.get("on_trial_after").map(|_| "on trial");
    let out = handler.get("in_place_of").map(|_| "rolled back");
    let all: Vec<_> = [paused, breaker, limited, trial, out]
        .into_iter()
        .flatten()
        .collect();
    match all[..] {
        [] => "-".to_owned(),
        _ => all.join(", "),
    }
}
