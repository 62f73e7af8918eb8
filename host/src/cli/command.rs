//! The program `tollgate` with its subcommands.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::output::print_error;
use super::{
    check, compile, completions, config, deliveries, dev, events, handlers, init, ledger, man,
    outbox, plugin, replay, schedule, schemes, serve, sign, state, status, tail, trigger, verify,
};

/// A gateway for payment webhooks whose business logic ships as WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a manifest for the providers that you name.
    Init(init::InitArgs),
    /// Run a gateway for local work: it builds handlers on each change and shows every event.
    Dev(dev::DevArgs),
    /// Run the gateway.
    Serve(serve::ServeArgs),
    /// Check a manifest and its components, and show every mistake.
    Check(check::CheckArgs),
    /// Show the manifest as it is understood, with the defaults and with secrets masked.
    Config(config::ConfigArgs),
    /// Make, build and test the project of a handler, in any of several languages.
    Plugin(plugin::PluginArgs),
    /// Show the state of the gateway, or of its ledger if no gateway runs.
    Status(status::StatusArgs),
    /// Show events and what becomes of them, as it happens.
    Tail(tail::TailArgs),
    /// Show whether the gateway would accept a captured request, and why not.
    Verify(verify::VerifyArgs),
    /// List the built-in schemes, or show the page of one scheme.
    Schemes(schemes::SchemesArgs),
    /// Sign a request as its provider does.
    Sign(sign::SignArgs),
    /// Post realistic, rightly signed events of a provider to a running gateway.
    Trigger(Box<trigger::TriggerArgs>),
    /// List, show, retry and cancel the outbox requests of handlers.
    Outbox(outbox::OutboxArgs),
    /// List, run and cancel the scheduled events of handlers.
    Schedule(schedule::ScheduleArgs),
    /// List, show, erase and replay recorded events.
    Events(events::EventsArgs),
    /// List, show, retry and cancel deliveries. Dead deliveries are the dead letters.
    Deliveries(deliveries::DeliveriesArgs),
    /// Handle recorded events again.
    Replay(Box<replay::ReplayArgs>),
    /// List, pause and resume handlers.
    Handlers(handlers::HandlersArgs),
    /// List, show, set, delete, export and import the state of handlers.
    State(state::StateArgs),
    /// Back the ledger up, restore it, check it, and release a restored one.
    Ledger(ledger::LedgerArgs),
    /// Print the script with which a shell completes commands and options.
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write a page for each command.
    Man(man::ManArgs),
    /// Compile the component of standard input to standard output, for the gateway itself.
    #[command(name = compile::NAME, hide = true)]
    Compile(compile::CompileArgs),
}

/// Runs the command that the arguments of the process name.
pub fn main() -> ExitCode {
    let result = match Program::parse().command {
        Command::Init(args) => init::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => Ok(check::run(&args)),
        Command::Config(args) => config::run(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Schemes(args) => schemes::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Trigger(args) => trigger::run(&args),
        Command::Outbox(args) => outbox::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::Events(args) => events::run(&args),
        Command::Deliveries(args) => deliveries::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Handlers(args) => handlers::run(&args),
        Command::State(args) => state::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Completions(args) => completions::run::<Program>(&args),
        Command::Man(args) => man::run::<Program>(&args),
        Command::Compile(args) => Ok(compile::run(&args)),
    };
    result.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return ExitCode::from(BROKEN_PIPE);
        }
        print_error(error);
        ExitCode::FAILURE
    })
}

/// The exit code after SIGPIPE in shells.
const BROKEN_PIPE: u8 = 141;

/// Whether standard output was closed, as `head` closes its input: nobody wants the rest.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
