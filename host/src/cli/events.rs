//! `tollgate events`: what was recorded, and what became of it.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::change::who;
use super::client::{GatewayArgs, Side, encode};
use super::deliveries::write_history;
use super::filter::{ListArgs, ask, gather};
use super::replay::ReplayArgs;
use super::table::{or_dash, printable, utc, write_rows};
use tollgate_ledger::{EventDetail, EventSummary, Order, Payload};

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List events, the newest first.
    List(ListArgs),
    /// Show everything about one event: bytes, deliveries, attempts, what they caused.
    Show(ShowArgs),
    /// Erase an event's payload and what was made of it, for good; its key and history stay.
    Erase(EraseArgs),
    /// Have events handled again: the same as `tollgate replay`.
    Replay(Box<ReplayArgs>),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The event's id.
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EraseArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The event's id.
    id: String,
    /// Why, for the log.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        EventsCommand::List(args) => list(args),
        EventsCommand::Show(args) => show(args),
        EventsCommand::Erase(args) => erase(args),
        EventsCommand::Replay(args) => super::replay::run(args),
    }
}

/// Has an event erased and shows what is left of it.
fn erase(args: &EraseArgs) -> anyhow::Result<ExitCode> {
    let Side::Gateway(client) = args.gateway.find()? else {
        bail!("no gateway answers: to erase an event needs one that runs");
    };
    let body = json!({ "who": who(), "why": args.why });
    let path = format!("/api/events/{}/erase", encode(&args.id));
    let event: EventDetail = client.post(&path, &body)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&event)?)?;
    } else {
        writeln!(out, "the payload of {} is erased", event.event.id)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filter.filter()?;
    let events = match args.gateway.find()? {
        Side::Gateway(client) => gather(args.limit, Order::Newest, |page| {
            Ok(ask(&client, "/api/events", &filter, page)?)
        }),
        Side::Ledger(ledger) => gather(args.limit, Order::Newest, |page| {
            Ok(ledger.0.events(&filter, page)?)
        }),
    }?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&events)?)?;
    } else if events.is_empty() {
        writeln!(out, "no events")?;
    } else {
        let head = [
            "received",
            "event",
            "source",
            "type",
            "provider's id",
            "deliveries",
        ];
        write_rows(&mut out, head, events.iter().map(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(event: &EventSummary) -> [String; 6] {
    let mut deliveries: Vec<_> = event
        .deliveries
        .iter()
        .map(|delivery| format!("{} {}", delivery.handler, delivery.state))
        .collect();
    if deliveries.is_empty() {
        deliveries.push("unrouted".to_owned());
    }
    if event.duplicates > 0 {
        deliveries.push(format!("{} duplicates", event.duplicates));
    }
    [
        utc(event.received_ms),
        event.id.clone(),
        event.source.clone(),
        event.kind.clone(),
        or_dash(event.provider_id.as_ref()),
        deliveries.join(", "),
    ]
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let event: EventDetail = match args.gateway.find()? {
        Side::Gateway(client) => {
            let path = format!("/api/events/{}", super::client::encode(&args.id));
            client.get(&path, &[])?
        }
        Side::Ledger(ledger) => {
            let Ok(id) = args.id.parse() else {
                bail!("`{}` is no event's id", args.id);
            };
            match ledger.0.event(id)? {
                Some(event) => event,
                None => bail!("there is no event {id}"),
            }
        }
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&event)?)?;
    } else {
        write_event(&mut out, &event)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_event(out: &mut impl Write, detail: &EventDetail) -> io::Result<()> {
    let event = &detail.event;
    let lines = [
        ("event", Some(event.id.clone())),
        ("source", Some(event.source.clone())),
        ("type", Some(event.kind.clone())),
        ("provider's id", event.provider_id.clone()),
        ("subject", event.subject.clone()),
        ("account", event.account.clone()),
        ("created", event.created_ms.map(utc)),
        ("received", Some(utc(event.received_ms))),
        ("erased", event.erased_ms.map(utc)),
        ("caused by", detail.cause.clone()),
        ("duplicates", duplicates(event)),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            writeln!(out, "{name:14} {}", printable(&value))?;
        }
    }
    for (kind, pairs) in [("header", &detail.headers), ("metadata", &detail.metadata)] {
        for (name, value) in pairs {
            writeln!(out, "{kind:14} {}", printable(&format!("{name}: {value}")))?;
        }
    }
    match &detail.payload {
        None => writeln!(out, "{:14} no longer kept", "payload")?,
        Some(Payload::Base64(text)) => writeln!(out, "payload, base64\n{text}")?,
        Some(Payload::Text(text)) => {
            writeln!(out, "payload")?;
            for line in text.lines() {
                writeln!(out, "  {}", printable(line))?;
            }
        }
    }
    if detail.history.is_empty() {
        writeln!(out, "no deliveries: no route named a handler")?;
    }
    detail
        .history
        .iter()
        .try_for_each(|delivery| write_history(out, delivery))
}

fn duplicates(event: &EventSummary) -> Option<String> {
    let last = event.last_duplicate_ms?;
    Some(format!(
        "{}, {} of them with other bytes, the last {}",
        event.duplicates,
        event.duplicates_differing,
        utc(last)
    ))
}
