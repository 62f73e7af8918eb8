//! `tollgate serve`: runs the gateway.

use std::io::Write;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::compile::{code_cache, compile_in};
use super::environment::environment;
use super::exit::Exit;
use super::service_manager;
use crate::run::{Gateway, Options};
use crate::telemetry::{self, LogFormat};
use tollgate_base::time::SystemClock;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The format of log lines on standard error.
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
}

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let telemetry = telemetry::start(args.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))?;
    // A guest that still runs on its thread must not delay the end.
    runtime.shutdown_background();
    drop(telemetry);
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    // The handlers are set first, because the default of each signal is to end the process.
    let hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be handled")?;
    let mut shutdown = pin!(shutdown_signal()?);
    let starting = service_manager::starting();
    let start = Gateway::start(Options {
        manifest: args.manifest.clone(),
        clock: Arc::new(SystemClock),
        env: environment(),
        compile_in: compile_in(),
        code_cache: code_cache(),
        local: None,
    });
    let gateway = tokio::select! {
        started = start => started?,
        () = &mut shutdown => {
            tracing::info!("the gateway is told to end before it has started");
            return Ok(());
        }
    };
    reload_at(hangups, &gateway);
    drop(starting);
    let scheme = if gateway.has_tls() { "https" } else { "http" };
    let ingress = format!("{scheme}://{}", gateway.ingress_address()?);
    let mut out = std::io::stdout().lock();
    writeln!(out, "ingress {ingress}")?;
    if let Some(address) = gateway.redirect_address() {
        writeln!(out, "redirect http://{}", address?)?;
    }
    writeln!(out, "admin http://{}", gateway.admin_address()?)?;
    writeln!(out, "ready")?;
    out.flush()?;
    drop(out);
    let watchdog = service_manager::ready(&ingress);
    let mut stopping = None;
    let shutdown = async {
        shutdown.await;
        stopping = Some(service_manager::stopping());
    };
    gateway.run(shutdown).await;
    drop((watchdog, stopping));
    Ok(())
}

/// Reloads at each signal.
fn reload_at(mut hangups: Signal, gateway: &Gateway) {
    let reload = gateway.reload_handle();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            reload();
        }
    });
}

/// Resolves at the first SIGINT or SIGTERM. At the second signal the process exits at once.
pub(super) fn shutdown_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
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
            tracing::warn!("second signal to end: the process exits at once");
            std::process::exit(Exit::Interrupted.code().into());
        });
    })
}
