//! The program `tollgate` with its subcommands.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::exit::{self, Exit};
use super::failure::exit_of;
use super::output::print_error;
use super::{
    alerts, capture, check, compile, completions, config, deliveries, dev, events, handlers, init,
    ledger, man, outbox, plugin, replay, schedule, schemes, serve, sign, state, status, tail,
    terminal, trigger, verify,
};

/// A gateway for payment webhooks whose business logic ships as WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
struct Program {
    #[command(flatten)]
    terminal: terminal::TerminalArgs,
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
    /// Show the alerts that last, and the last notices about alerts.
    Alerts(alerts::AlertsArgs),
    /// Show events and what becomes of them, as it happens.
    Tail(tail::TailArgs),
    /// Write the requests that come to a source into files, refused ones too.
    Capture(capture::CaptureArgs),
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

/// The program, for everything that describes its commands.
pub(super) fn program() -> clap::Command {
    Program::command().after_long_help(exit::help())
}

/// Runs the command that the arguments of the process name.
pub fn main() -> ExitCode {
    let matches = program().get_matches();
    let parsed = Program::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    terminal::set(&parsed.terminal);
    let result = match parsed.command {
        Command::Init(args) => init::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => Ok(check::run(&args)),
        Command::Config(args) => config::run(&args),
        Command::Plugin(args) => plugin::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Capture(args) => capture::run(&args),
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
        Command::Completions(args) => completions::run(program(), &args),
        Command::Man(args) => man::run(program(), &args),
        Command::Compile(args) => Ok(compile::run(&args)),
    };
    result.unwrap_or_else(|error| {
        let exit = exit_of(&error);
        // Nobody wants the rest of the output, as `head` does not, and nothing is wrong.
        if exit != Exit::BrokenPipe {
            print_error(error);
        }
        exit.into()
    })
}
