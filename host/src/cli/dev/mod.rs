//! `tollgate dev`: one command for local work.
//!
//! A gateway for this machine alone: its listeners are on loopback and have no TLS, its ledger
//! stands apart, and secrets that are not set are made. The projects of handlers are built on each
//! change, and what becomes of each event is printed.

mod projects;
mod secrets;

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use clap::Args;
use tollgate_base::files::read_regular_text;
use tollgate_base::time::SystemClock;

use self::projects::{Builders, build, projects};
use self::secrets::LocalSecrets;
use super::compile::{code_cache, compile_in};
use super::gateway::Client;
use super::output::{print_error, text_out};
use super::serve::shutdown_signal;
use super::tail::follow;
use crate::generation::read_manifest;
use crate::manifest;
use crate::run::{Gateway, Options};
use crate::settings::Manifest;
use crate::telemetry::{self, LogFormat};

/// The folder beside the manifest for what local work leaves.
const FOLDER: &str = ".tollgate/dev";

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The project of a handler that is to be built too, several times for several. The projects
    /// around the manifest's components are built without this.
    #[arg(long = "plugin", value_name = "FOLDER")]
    plugins: Vec<PathBuf>,
    /// Begin with an empty ledger.
    #[arg(long)]
    fresh: bool,
}

pub(super) fn run(args: &DevArgs) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::start_quiet(LogFormat::Text);
    let folder = args.manifest.parent().unwrap_or(Path::new("")).join(FOLDER);
    let text = read_regular_text(&args.manifest, manifest::MAX_SIZE)
        .with_context(|| format!("{}: try `tollgate init`", args.manifest.display()))?;
    let secrets = LocalSecrets::in_folder(&folder, &text)?;
    let data = folder.join("data");
    if args.fresh && data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    let read = read_manifest(&args.manifest, &secrets.environment());
    let folders = projects(read.as_ref().ok().map(|read| &read.manifest), &args.plugins);
    for project in &folders {
        build(project)?;
    }
    let options = Options {
        manifest: args.manifest.clone(),
        clock: Arc::new(SystemClock),
        env: secrets.environment(),
        compile_in: compile_in(),
        code_cache: code_cache(),
        local: Some(data),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = shutdown_signal()?;
        let gateway = Gateway::start(options).await?;
        let builders = Builders::start(&folders)?;
        let (ingress, admin) = (gateway.ingress_address()?, gateway.admin_address()?);
        writeln!(text_out(), "admin http://{admin}")?;
        if let Ok(read) = &read {
            write_sources(&mut text_out(), &read.manifest, ingress, &secrets)?;
        }
        let token = read.ok().and_then(|read| read.manifest.token_of_commands());
        thread::spawn(move || {
            if let Err(error) = follow(&Client::at(admin, token)) {
                print_error(error);
            }
        });
        gateway.run(shutdown).await;
        drop(builders);
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Writes where each source listens, and how to send it an event.
fn write_sources(
    out: &mut dyn Write,
    manifest: &Manifest,
    ingress: SocketAddr,
    secrets: &LocalSecrets,
) -> io::Result<()> {
    for (name, source) in &manifest.sources {
        writeln!(out, "{name}  http://{ingress}{}", source.path)?;
        if source.verifier.scheme() == "stripe" {
            let to = format!("http://{ingress}{}", source.path);
            writeln!(out, "  stripe listen --forward-to {to}")?;
        }
    }
    let mut made = secrets.variables().peekable();
    if made.peek().is_some() {
        writeln!(
            out,
            "\nsecrets that are not set were made; for `tollgate trigger` elsewhere:"
        )?;
    }
    for (variable, value) in made {
        writeln!(out, "  export {variable}={value}")?;
    }
    writeln!(out, "\nready: every event is shown here; Ctrl-C ends")?;
    out.flush()
}
