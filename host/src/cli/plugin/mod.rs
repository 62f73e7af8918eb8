//! `tollgate plugin`: makes, builds and tests the projects of handlers.
//!
//! The package `tollgate_toolkit` knows the languages. Here, a component that was built is loaded
//! and run in the real sandbox, as the gateway does.

mod build;
mod debugging;
mod from_ledger;
mod inspect;
mod new;
mod progress;
mod report;
mod test;
mod trial;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Make a new project: handler, fixtures, test and README.
    New(new::NewArgs),
    /// Build a project, load the component and run the fixtures.
    Build(build::BuildArgs),
    /// Run the fixtures of a project or of a component, and show what the handler does.
    Test(test::TestArgs),
    /// Show what is in the file of a component, and whether the gateway would take it.
    Inspect(inspect::InspectArgs),
}

/// Runs the command.
pub(super) fn run(args: &PluginArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        PluginCommand::New(args) => new::run(args),
        PluginCommand::Build(args) => build::run(args),
        PluginCommand::Test(args) => test::run(args),
        PluginCommand::Inspect(args) => inspect::run(args),
    }
}
