//! `tollgate handlers`: lists, pauses, resumes handlers, and rolls them back.

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
    /// Let another component serve in place of the one in the handler's file, until that file
    /// changes. Without `--to` that is the trusted component before the one on trial.
    Rollback(RollBackArgs),
    /// Let the component in the handler's file in again: one that was rolled back is on trial anew,
    /// one that is on trial is trusted at once.
    Readmit(HandlerArgs),
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

#[derive(Debug, Args)]
struct RollBackArgs {
    #[command(flatten)]
    handler: HandlerArgs,
    /// The first digits of the sha256 of the component that shall serve. Attempts name the
    /// component that they ran: `tollgate deliveries show`.
    #[arg(long, value_name = "DIGEST")]
    to: Option<String>,
}

pub(super) fn run(args: &HandlersArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        HandlersCommand::List(args) => list(args),
        HandlersCommand::Pause(args) => pause(args),
        HandlersCommand::Resume(args) => resume(args),
        HandlersCommand::Rollback(args) => roll_back(args),
        HandlersCommand::Readmit(args) => readmit(args),
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

fn roll_back(args: &RollBackArgs) -> anyhow::Result<ExitCode> {
    let HandlerArgs {
        name, json, why, ..
    } = &args.handler;
    let said = json!({ "to": args.to, "who": operator(), "why": why });
    let answer = post(&args.handler, "rollback", &said)?;
    print(*json, &answer, |out| {
        let told = answer["told"].as_str().unwrap_or_default();
        writeln!(out, "{name}: {told}")
    })
}

fn readmit(args: &HandlerArgs) -> anyhow::Result<ExitCode> {
    let said = json!({ "who": operator(), "why": args.why });
    let answer = post(args, "readmit", &said)?;
    print(args.json, &answer, |out| {
        let serves = answer["serves"].as_str().unwrap_or("nothing");
        let serves = serves.get(..12).unwrap_or(serves);
        let how = match answer["on_trial"] == true {
            true => "on trial",
            false => "trusted",
        };
        writeln!(out, "{} runs {serves}, {how}", args.name)
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
