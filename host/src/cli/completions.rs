//! `tollgate completions`: what a shell needs to complete commands and options.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script with which the shell completes the program.
pub(super) fn run(program: Command, args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    // A command that the gateway calls itself is no help.
    let mut program = without_hidden(program);
    // `generate` panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "tollgate", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command without its hidden commands.
fn without_hidden(command: Command) -> Command {
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    let shown: Vec<Command> = shown.cloned().collect();
    let mut named = Command::new("tollgate").version(env!("CARGO_PKG_VERSION"));
    if let Some(about) = command.get_about() {
        named = named.about(about.clone());
    }
    named.subcommands(shown)
}
