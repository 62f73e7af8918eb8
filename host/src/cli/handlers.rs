//! `tollgate handlers`: lists, pauses and resumes handlers.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::gateway::{GatewayArgs, encode, operator};
use super::output::{print, print_list};
use crate::api::handlers_offline;

#[derive(Debug, Args)]
pub(super) struct HandlersArgs {
    #[command(subcommand)]
    command: HandlersCommand,
}

#[derive(Debug, Subcommand)]
enum HandlersCommand {
    /// List handlers. Handlers that left the manifest are listed if they have deliveries.
    List(ListArgs),
    /// Start no more deliveries of a handler until you resume the handler, also after a restart.
    /// Runs under way end. Waiting deliveries wait, and the wait counts as no attempt.
    Pause(PauseArgs),
    /// Start the deliveries and requests of a handler again.
    Resume(HandlerArgs),
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
struct HandlerArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The name of the handler.
    name: String,
    /// The reason, for the log.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PauseArgs {
    #[command(flatten)]
    handler: HandlerArgs,
    /// Also pause the outbox of the handler: its queued requests wait.
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
    let HandlerArgs { name, json, .. } = &args.handler;
    let said = json!({ "outbox": args.outbox, "who": operator(), "why": args.handler.why });
    let answer = post(&args.handler, "pause", &said)?;
    print(*json, &answer, |out| {
        let outbox = match answer["paused"]["outbox"] == true {
            true => "and its outbox ",
            false => "",
        };
        let running = &answer["running"];
        writeln!(out, "{name} {outbox}paused; {running} still running")
    })
}

fn resume(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    let said = json!({ "who": operator(), "why": args.why });
    let answer = post(args, "resume", &said)?;
    print(args.json, &answer, |out| {
        let result = match answer["was_paused"] == true {
            true => "resumed",
            false => "was not paused",
        };
        writeln!(out, "{} {result}", args.name)
    })
}

/// The answer of the running gateway to an operation on a handler.
fn post(args: &HandlerArgs, verb: &str, body: &Value) -> anyhow::Result<Value> {
    let client = args.gateway.running_gateway()?;
    let path = format!("/api/handlers/{}/{verb}", encode(&args.name));
    Ok(client.post(&path, body)?)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let answer: Value = args.gateway.fetch("/api/handlers", |ledger| {
        Ok(handlers_offline(
            &args.gateway.read_manifest()?,
            &ledger.handlers()?,
            &ledger.pauses()?,
        ))
    })?;
    let items = answer["items"].as_array().cloned().unwrap_or_default();
    let head = ["handler", "component", "state", "queued", "running", "file"];
    print_list(args.json, &items, "no handlers", head, row)
}

fn row(handler: &Value) -> [String; 6] {
    let text = |key: &str| match &handler[key] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    [
        text("name"),
        component(handler),
        state(handler),
        text("queued"),
        text("running"),
        text("file"),
    ]
}

/// The first digits of the component's digest.
pub(super) fn component(handler: &Value) -> String {
    match handler["component"].as_str() {
        _ if handler["present"] == false => "not in the manifest".to_owned(),
        None => "-".to_owned(),
        Some(digest) => digest.chars().take(12).collect(),
    }
}

/// The reasons why a handler's deliveries wait, and the state of its component's trial.
pub(super) fn state(handler: &Value) -> String {
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
    let rolled_back = handler.get("in_place_of").map(|_| "rolled back");
    let all: Vec<_> = [paused, breaker, limited, trial, rolled_back]
        .into_iter()
        .flatten()
        .collect();
    match all[..] {
        [] => "-".to_owned(),
        _ => all.join(", "),
    }
}
