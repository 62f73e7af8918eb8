//! `tollgate config`: the manifest as the gateway understands it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::environment::environment;
use super::output::json_out;
use crate::generation::read_manifest;

#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
}

/// Prints every setting with its value, also those that the manifest leaves out, as JSON. Secrets
/// are masked.
pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let manifest = read_manifest(&args.manifest, &environment())?.manifest;
    writeln!(json_out(), "{:#}", manifest.shown())?;
    Ok(ExitCode::SUCCESS)
}
