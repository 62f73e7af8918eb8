//! `tollgate serve`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::environment;
use crate::run::start::{Gateway, Options};
use crate::telemetry::{self, LogFormat};
use tollgate_base::time::SystemClock;

/// What a process that is told to end twice exits with: that of SIGINT in shells.
const INTERRUPTED: i32 = 130;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The form of log lines on stderr.
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    telemetry::start(args.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))?;
    // What a guest still does on its thread must not delay the end.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    // Before anybody can know that the process runs: a signal's default is to end it.
    let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be listened for")?;
    let end = told_to_end()?;
    let gateway = Gateway::start(Options {
        manifest: args.manifest.clone(),
        clock: Arc::new(SystemClock),
        env: environment(),
    })
    .await?;
    let reload = gateway.reload_handle();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            reload();
        }
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "ingress http://{}", gateway.ingress_address()?)?;
    writeln!(out, "admin http://{}", gateway.admin_address()?)?;
    writeln!(out, "ready")?;
    out.flush()?;
    drop(out);
    gateway.run(end).await;
    Ok(())
}

/// Resolves at the first SIGINT or SIGTERM; at the second the process leaves at once.
fn told_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    let mut terminate =
        signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    Ok(async move {
        let mut either = async move || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        either().await;
        tokio::spawn(async move {
            either().await;
            tracing::warn!("told to end a second time: leaving at once");
            std::process::exit(INTERRUPTED);
        });
    })
}
