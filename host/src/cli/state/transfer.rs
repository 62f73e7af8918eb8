//! Taking state out and putting it in: a line of JSON for each key.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tollgate_ledger::{Payload, StateView};

use super::change::post;
use super::listing::{Wanted, each, page};
use crate::api::{MAX_CHANGES, ValueChange};
use crate::cli::gateway::GatewayArgs;
use crate::cli::output::{counted, print};
use crate::cli::progress::Progress;

/// The most bytes of keys and values in one call, if they are several. JSON may double them.
const MAX_BYTES: usize = 512 << 10;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// Only keys that begin with this.
    #[arg(long, default_value = "")]
    prefix: String,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// The file with the lines of an export; `-` is standard input.
    file: PathBuf,
    /// Delete the handler's keys that the file does not have.
    #[arg(long)]
    replace: bool,
    /// Show what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The reason, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A line of an export.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl From<StateView> for Line {
    fn from(view: StateView) -> Self {
        let (text, base64) = match view.value {
            Some(Payload::Text(text)) => (Some(text), None),
            Some(Payload::Base64(coded)) => (None, Some(coded)),
            _ => (None, None),
        };
        Self {
            key: view.key,
            text,
            base64,
        }
    }
}

impl From<Line> for ValueChange {
    fn from(line: Line) -> Self {
        Self {
            key: line.key,
            text: line.text,
            base64: line.base64,
            if_version: None,
        }
    }
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let backend = args.gateway.backend()?;
    let mut out = std::io::stdout().lock();
    let progress = Progress::counting("exporting");
    each(&backend, &all_of(&args.handler, &args.prefix), |view| {
        serde_json::to_writer(&mut out, &Line::from(view))?;
        progress.add(1);
        Ok(out.write_all(b"\n")?)
    })?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// All values of a handler whose keys begin with `prefix`.
fn all_of<'a>(handler: &'a str, prefix: &'a str) -> Wanted<'a> {
    Wanted {
        handler,
        prefix,
        after: None,
        limit: u32::MAX,
        values: true,
    }
}

pub(super) fn import(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let mut changes = lines(&args.file)?;
    // All of the file is looked at before anything is changed.
    for change in &changes {
        change.clone().checked()?;
    }
    let client = args.gateway.running_gateway()?;
    // A handler that is not there is told, also by a dry run.
    let first = Wanted {
        limit: 1,
        values: false,
        ..all_of(&args.handler, "")
    };
    page(&args.gateway.backend()?, &first)?;
    let set = changes.len();
    if args.replace {
        let kept: BTreeSet<_> = changes.iter().map(|change| change.key.clone()).collect();
        let backend = args.gateway.backend()?;
        each(&backend, &all_of(&args.handler, ""), |view| {
            if !kept.contains(&view.key) {
                changes.push(ValueChange {
                    key: view.key,
                    ..ValueChange::default()
                });
            }
            Ok(())
        })?;
    }
    let deleted = changes.len() - set;
    if !args.dry_run {
        let mut done = 0;
        let progress = Progress::of("importing", changes.len() as u64);
        for some in batches(&changes) {
            let posted = post(&client, &args.handler, some.to_vec(), args.why.as_deref());
            posted.with_context(|| {
                format!("{done} of {} changes were made before this", changes.len())
            })?;
            done += some.len();
            progress.add(some.len() as u64);
        }
    }
    let answer = json!({ "set": set, "deleted": deleted, "dry_run": args.dry_run });
    print(args.json, &answer, |out| {
        let would = if args.dry_run { " would be" } else { "" };
        let keys = counted(set, "key");
        writeln!(out, "{keys}{would} set, {deleted}{would} deleted")
    })
}

/// The changes in parts that one call takes.
fn batches(changes: &[ValueChange]) -> Vec<&[ValueChange]> {
    let length = |change: &ValueChange| {
        let value = change.text.as_ref().or(change.base64.as_ref());
        change.key.len() + value.map_or(0, String::len)
    };
    let (mut parts, mut begin, mut bytes) = (Vec::new(), 0, 0);
    for (at, change) in changes.iter().enumerate() {
        bytes += length(change);
        if at > begin && (at - begin == MAX_CHANGES || bytes > MAX_BYTES) {
            parts.push(&changes[begin..at]);
            (begin, bytes) = (at, length(change));
        }
    }
    if begin < changes.len() {
        parts.push(&changes[begin..]);
    }
    parts
}

/// The changes that the lines of an export make.
fn lines(file: &PathBuf) -> anyhow::Result<Vec<ValueChange>> {
    let input: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => {
            let opened = File::open(file);
            let opened = opened.with_context(|| format!("{} cannot be read", file.display()))?;
            Box::new(BufReader::new(opened))
        }
    };
    let mut changes: Vec<ValueChange> = Vec::new();
    let mut keys = BTreeSet::new();
    for (number, line) in input.lines().enumerate() {
        let line = line.with_context(|| format!("line {} is no text", number + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let read: Line = serde_json::from_str(&line)
            .with_context(|| format!("line {} is no line of an export", number + 1))?;
        if read.text.is_some() == read.base64.is_some() {
            bail!(
                "line {} has neither `text` nor `base64`, or both",
                number + 1
            );
        }
        if !keys.insert(read.key.clone()) {
            bail!(
                "line {} has a key that is there already: `{}`",
                number + 1,
                read.key
            );
        }
        changes.push(read.into());
    }
    Ok(changes)
}
