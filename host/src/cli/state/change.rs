//! Setting and deleting values.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::api::{ChangeRequest, MAX_CHANGES, ValueChange};
use crate::cli::gateway::{Client, GatewayArgs, encode, operator};
use crate::cli::input::{MAX_BODY, read_input};
use crate::cli::output::{counted, print, print_error, printable};

#[derive(Debug, Args)]
pub(super) struct SetArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// The key: 1 to 512 bytes.
    #[arg(allow_hyphen_values = true)]
    key: String,
    /// The value: JSON, if the handler reads it with `state::get`. A text is `'"a text"'`.
    #[arg(required_unless_present = "file", allow_hyphen_values = true)]
    value: Option<String>,
    /// A file with the value; `-` is standard input.
    #[arg(long, conflicts_with = "value")]
    file: Option<PathBuf>,
    /// Change nothing if the value has another version, as `get --json` shows it; 0 for an absent
    /// key.
    #[arg(long)]
    if_version: Option<i64>,
    /// The reason, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// The keys.
    #[arg(required = true)]
    keys: Vec<String>,
    /// The reason, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn set(args: &SetArgs) -> anyhow::Result<ExitCode> {
    let value = match (&args.value, &args.file) {
        (Some(value), _) => value.clone().into_bytes(),
        (None, Some(file)) => read_input(file, MAX_BODY)?,
        (None, None) => Vec::new(),
    };
    let is_json = serde_json::from_slice::<IgnoredAny>(&value).is_ok();
    let change = ValueChange {
        if_version: args.if_version,
        ..change_to(&args.key, value)
    };
    let client = args.gateway.running_gateway()?;
    let answer = post(&client, &args.handler, vec![change], args.why.as_deref())?;
    if !is_json {
        print_error(
            "note: the value is no JSON, so `state::get` of the handler fails on it; `get_bytes` \
             reads it. A text in JSON has quotes: '\"a text\"'",
        );
    }
    print(args.json, &answer, |out| {
        writeln!(
            out,
            "{} of {} is set",
            printable(&args.key),
            printable(&args.handler)
        )
    })
}

pub(super) fn delete(args: &DeleteArgs) -> anyhow::Result<ExitCode> {
    let keys: BTreeSet<_> = args.keys.iter().collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let client = args.gateway.running_gateway()?;
    let mut deleted = 0;
    for some in keys.chunks(MAX_CHANGES) {
        let changes = some.iter().map(|key| ValueChange {
            key: (*key).clone(),
            ..ValueChange::default()
        });
        let changes = changes.collect();
        let answer = post(&client, &args.handler, changes, args.why.as_deref())?;
        deleted += answer["changed"].as_u64().unwrap_or(0);
    }
    let answer = json!({ "handler": args.handler, "changed": deleted });
    print(args.json, &answer, |out| {
        let deleted = counted(usize::try_from(deleted).unwrap_or(usize::MAX), "key");
        writeln!(out, "{deleted} of {} deleted", keys.len())
    })
}

/// The change of a key to these bytes.
pub(super) fn change_to(key: &str, value: Vec<u8>) -> ValueChange {
    let (text, base64) = match String::from_utf8(value) {
        Ok(text) => (Some(text), None),
        Err(bytes) => (None, Some(STANDARD.encode(bytes.as_bytes()))),
    };
    ValueChange {
        key: key.to_owned(),
        text,
        base64,
        if_version: None,
    }
}

/// Changes values by the gateway.
pub(super) fn post(
    client: &Client,
    handler: &str,
    changes: Vec<ValueChange>,
    why: Option<&str>,
) -> anyhow::Result<Value> {
    let request = ChangeRequest {
        changes,
        who: Some(operator()),
        why: why.map(str::to_owned),
    };
    let path = format!("/api/state/{}", encode(handler));
    Ok(client.post(&path, &serde_json::to_value(request)?)?)
}
