//! `tollgate state`: the durable state of handlers, read and changed by an operator.
//!
//! Lists show no values. Changes need a running gateway, and are on record with the operator and
//! the reason.

mod change;
mod listing;
mod transfer;

use std::process::ExitCode;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct StateArgs {
    #[command(subcommand)]
    command: StateCommand,
}

#[derive(Debug, Subcommand)]
enum StateCommand {
    /// List the keys of a handler, with the component that wrote each.
    List(listing::ListArgs),
    /// Show the value of a key.
    Get(listing::GetArgs),
    /// Set the value of a key.
    Set(change::SetArgs),
    /// Delete keys.
    Delete(change::DeleteArgs),
    /// Write a handler's keys and values as lines of JSON.
    Export(transfer::ExportArgs),
    /// Set the keys and values of an export.
    Import(transfer::ImportArgs),
    /// Show what operators changed, and why.
    Changes(listing::ChangesArgs),
}

pub(super) fn run(args: &StateArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        StateCommand::List(args) => listing::list(args),
        StateCommand::Get(args) => listing::get(args),
        StateCommand::Set(args) => change::set(args),
        StateCommand::Delete(args) => change::delete(args),
        StateCommand::Export(args) => transfer::export(args),
        StateCommand::Import(args) => transfer::import(args),
        StateCommand::Changes(args) => listing::changes(args),
    }
}
