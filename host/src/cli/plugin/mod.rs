//! `tollgate plugin`: makes, builds and tests the projects of handlers.
//!
//! The package `tollgate_toolkit` knows the languages. Here, a component that was built is loaded
//! and run in the real sandbox, as the gateway does.

mod build;
mod new;
mod progress;
mod report;
mod test;
mod trial;

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
    /// Build a project, run its fixtures and show what the handler does.
    Test(test::TestArgs),
}

/// Runs the command.
pub(super) fn run(args: &PluginArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        PluginCommand::New(args) => new::run(args),
        PluginCommand::Build(args) => build::run(args),
        PluginCommand::Test(args) => test::run(args),
    }
}
