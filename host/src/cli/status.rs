//! `tollgate status`

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use super::environment;
use crate::gateway::counts_json;
use crate::ledger::SqliteReader;
use crate::reload::read_manifest;

/// The admin listener is on this machine: if it does not answer soon, it will not.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The manifest.
    #[arg(long, default_value = "tollgate.toml", env = "TOLLGATE_MANIFEST")]
    manifest: PathBuf,
    /// The admin address, if not the manifest's.
    #[arg(long)]
    admin: Option<SocketAddr>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let (running, status) = gather(args)?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{status:#}")?;
    } else {
        let state = if running {
            "the gateway runs"
        } else {
            "no gateway answers; from the ledger's file"
        };
        writeln!(out, "{state}")?;
        show(&mut out, &status, 1)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What the gateway says or, if none answers, what its ledger says.
fn gather(args: &StatusArgs) -> anyhow::Result<(bool, Value)> {
    if let Some(admin) = args.admin {
        return Ok((true, ask(admin)?));
    }
    let manifest = read_manifest(&args.manifest, &environment())?.manifest;
    if let Ok(status) = ask(manifest.server.admin) {
        return Ok((true, status));
    }
    let counts = SqliteReader::open(&manifest.ledger.path)?.counts()?;
    Ok((
        false,
        serde_json::json!({ "ledger": counts_json(&counts, None) }),
    ))
}

fn ask(admin: SocketAddr) -> anyhow::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /status HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the admin listener's answer has no end")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!(
            "the admin listener answers {}",
            head.lines().next().unwrap_or_default()
        );
    }
    Ok(serde_json::from_str(body)?)
}

/// Writes a tree of values as indented lines.
fn show(out: &mut impl Write, value: &Value, depth: usize) -> std::io::Result<()> {
    let Value::Object(fields) = value else {
        return Ok(());
    };
    for (name, value) in fields {
        write!(out, "{:indent$}{name}", "", indent = depth * 2)?;
        match value {
            Value::Object(_) => {
                writeln!(out)?;
                show(out, value, depth + 1)?;
            }
            Value::String(text) => writeln!(out, " {}", text.replace('\n', "\n      "))?,
            other => writeln!(out, " {other}")?,
        }
    }
    Ok(())
}
