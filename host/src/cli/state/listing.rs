//! Reading state: keys, one value, and what operators changed.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::Value;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Payload, StateChangeView, StateView};

use crate::api::{MAX_LIMIT, StatePage};
use crate::cli::gateway::{Backend, GatewayArgs, encode};
use crate::cli::output::{or_dash, print, print_list, time};

/// The most values of one call.
const VALUES: u32 = 100;

/// The letters of a digest that a list shows.
const SHORT: usize = 12;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// Only keys that begin with this.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Only keys after this, in byte order.
    #[arg(long)]
    after: Option<String>,
    /// The greatest number of keys.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct GetArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// The key.
    #[arg(allow_hyphen_values = true)]
    key: String,
    /// Write the bytes as they are, without a line end.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Print JSON, with the version and the component that wrote the value.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ChangesArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler.
    handler: String,
    /// Only changes of this key.
    #[arg(long)]
    key: Option<String>,
    /// The greatest number of changes.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

/// Which part of a handler's state a page is.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) handler: &'a str,
    pub(super) prefix: &'a str,
    pub(super) after: Option<&'a str>,
    pub(super) limit: u32,
    /// Whether the values are wanted too.
    pub(super) values: bool,
}

/// A page of a handler's state.
pub(super) fn page(backend: &Backend, wanted: &Wanted<'_>) -> anyhow::Result<Vec<StateView>> {
    match backend {
        Backend::Gateway(client) => {
            let mut query = vec![
                ("prefix", wanted.prefix.to_owned()),
                ("limit", wanted.limit.to_string()),
                ("values", wanted.values.to_string()),
            ];
            query.extend(wanted.after.map(|after| ("after", after.to_owned())));
            let path = format!("/api/state/{}", encode(wanted.handler));
            let page: StatePage = client.get(&path, &query)?;
            Ok(page.items)
        }
        Backend::Ledger(ledger) => {
            let handler = HandlerName::new(wanted.handler);
            Ok(ledger.state(&handler, wanted.prefix, wanted.after, wanted.limit)?)
        }
    }
}

/// Calls `then` with what is wanted, in the order of the keys. One call to the gateway gives a part
/// of it.
pub(super) fn each(
    backend: &Backend,
    wanted: &Wanted<'_>,
    mut then: impl FnMut(StateView) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let most = match wanted.values {
        true => VALUES,
        false => MAX_LIMIT as u32,
    };
    let mut left = wanted.limit;
    let mut after = wanted.after.map(str::to_owned);
    loop {
        let limit = left.min(most);
        let part = Wanted {
            after: after.as_deref(),
            limit,
            ..*wanted
        };
        let found = page(backend, &part)?;
        let count = found.len() as u32;
        left = left.saturating_sub(count);
        after = found.last().map(|view| view.key.clone());
        found.into_iter().try_for_each(&mut then)?;
        if count < limit || left == 0 {
            return Ok(());
        }
    }
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let wanted = Wanted {
        handler: &args.handler,
        prefix: &args.prefix,
        after: args.after.as_deref(),
        limit: args.limit,
        values: false,
    };
    let mut found = Vec::new();
    each(&args.gateway.backend()?, &wanted, |mut row| {
        row.value = None;
        found.push(row);
        Ok(())
    })?;
    let head = ["key", "bytes", "version", "written", "by"];
    print_list(args.json, &found, "no keys", head, row)
}

fn row(row: &StateView) -> [String; 5] {
    let digest = row.component.as_ref();
    [
        row.key.clone(),
        row.bytes.to_string(),
        row.version.to_string(),
        or_dash(row.written_ms.map(time)),
        or_dash(digest.map(|digest| digest.get(..SHORT).unwrap_or(digest).to_owned())),
    ]
}

pub(super) fn get(args: &GetArgs) -> anyhow::Result<ExitCode> {
    let found = value(args)?;
    if args.raw {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes(&found)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    print(args.json, &found, |out| match &found.value {
        Some(Payload::Text(text)) => writeln!(out, "{text}"),
        _ => writeln!(out, "{} bytes that are no text: see --raw", found.bytes),
    })
}

fn value(args: &GetArgs) -> anyhow::Result<StateView> {
    match args.gateway.backend()? {
        Backend::Gateway(client) => {
            let path = format!("/api/state/{}/value", encode(&args.handler));
            Ok(client.get(&path, &[("key", args.key.clone())])?)
        }
        Backend::Ledger(ledger) => {
            let handler = HandlerName::new(args.handler.as_str());
            let found = ledger.state_value(&handler, &args.key)?;
            let missing = || format!("`{}` has no value under `{}`", args.handler, args.key);
            found.with_context(missing)
        }
    }
}

/// The bytes of a value that was asked for.
fn bytes(view: &StateView) -> anyhow::Result<Vec<u8>> {
    match &view.value {
        Some(Payload::Text(text)) => Ok(text.clone().into_bytes()),
        Some(Payload::Base64(coded)) => Ok(STANDARD.decode(coded)?),
        None => bail!("the value of `{}` was not sent", view.key),
    }
}

pub(super) fn changes(args: &ChangesArgs) -> anyhow::Result<ExitCode> {
    let found: Vec<StateChangeView> = match args.gateway.backend()? {
        Backend::Gateway(client) => {
            let mut query = vec![("limit", args.limit.to_string())];
            query.extend(args.key.clone().map(|key| ("key", key)));
            let path = format!("/api/state/{}/changes", encode(&args.handler));
            let mut listed: Value = client.get(&path, &query)?;
            serde_json::from_value(listed["items"].take())?
        }
        Backend::Ledger(ledger) => {
            let handler = HandlerName::new(args.handler.as_str());
            ledger.state_changes(&handler, args.key.as_deref(), args.limit)?
        }
    };
    let head = ["at", "key", "action", "before", "after", "who", "why"];
    let empty = "no operator has changed the state";
    print_list(args.json, &found, empty, head, change_row)
}

fn change_row(row: &StateChangeView) -> [String; 7] {
    [
        time(row.at_ms),
        row.key.clone(),
        row.action.clone(),
        or_dash(row.before),
        or_dash(row.after),
        row.who.clone(),
        or_dash(row.why.as_ref()),
    ]
}
