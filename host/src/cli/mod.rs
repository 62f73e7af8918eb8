//! The command line: one file a subcommand.

mod change;
mod check;
mod client;
mod deliveries;
mod events;
mod filter;
mod handlers;
mod outbox;
mod replay;
mod request;
mod schedule;
mod schemes;
mod serve;
mod shadow;
mod sign;
mod status;
mod table;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::generation;
use crate::generation::reload::Env;
use crate::settings::Manifest;

/// A gateway for payment webhooks whose business logic ships as WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(serve::ServeArgs),
    /// Say what is wrong with a manifest and the components that it names.
    Check(check::CheckArgs),
    /// Tell what the gateway is doing, or what is in its ledger when it does not run.
    Status(status::StatusArgs),
    /// Say whether a captured request would be accepted, and why not.
    Verify(verify::VerifyArgs),
    /// List the schemes that are built in, or tell all about one.
    Schemes(schemes::SchemesArgs),
    /// Sign a request as its provider would.
    Sign(sign::SignArgs),
    /// Look at the requests that handlers have queued.
    Outbox(outbox::OutboxArgs),
    /// Look at the events that handlers have scheduled for themselves.
    Schedule(schedule::ScheduleArgs),
    /// Look at recorded events.
    Events(events::EventsArgs),
    /// Look at deliveries, the dead letters among them.
    Deliveries(deliveries::DeliveriesArgs),
    /// Have events handled again.
    Replay(Box<replay::ReplayArgs>),
    /// Look at handlers.
    Handlers(handlers::HandlersArgs),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => Ok(check::run(&args, &components)),
        Command::Status(args) => status::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Schemes(args) => schemes::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Outbox(args) => outbox::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Deliveries(args) => deliveries::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Handlers(args) => handlers::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tollgate: {error:#}");
        ExitCode::FAILURE
    })
}

/// What is wrong with the components that a manifest names.
fn components(manifest: &Manifest) -> Vec<String> {
    match generation::check(manifest) {
        Ok(()) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

/// The process's environment.
fn environment() -> Env {
    Arc::new(|name: &str| std::env::var(name).ok())
}
