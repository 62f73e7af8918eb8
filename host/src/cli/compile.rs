//! `tollgate compile-component`: what the gateway starts itself as, to compile one component.

use std::process::ExitCode;

use clap::Args;
use tollgate_sandbox::{CompileIn, child_main};

/// The name of the command.
pub(super) const NAME: &str = "compile-component";

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The most bytes of memory, and the most seconds.
    limits: Vec<String>,
}

/// Compiles the component of standard input to standard output.
pub(super) fn run(args: &CompileArgs) -> ExitCode {
    child_main(&args.limits)
}

/// Compiles components in children of this program.
pub(super) fn compile_in() -> CompileIn {
    CompileIn::Child {
        // Leads to this program even if its file has been replaced by a newer one.
        program: "/proc/self/exe".into(),
        arguments: vec![NAME.into()],
    }
}
