//! `tollgate events`: recorded events, and what their deliveries came to.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use tollgate_ledger::{
    EventDetail, EventSummary, Payload, RecordFilter, ResolvedView, ToldView, find_event,
};

use super::exit::found;
use super::gateway::{GatewayArgs, List, ListArgs, RecordFilterArgs, encode, operator};
use super::history::{waits_for_object, write_history};
use super::output::{counted, or_dash, print, printable, short_id, time};
use super::replay::{self, ReplayArgs};

const EVENTS: List<EventSummary, RecordFilter, 6> = List {
    path: "/api/events",
    from_ledger: |ledger, filter, page| ledger.events(filter, page),
    empty: "no events",
    head: [
        "received",
        "event",
        "source",
        "type",
        "provider's id",
        "deliveries",
    ],
    row,
};

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// List events, the newest first.
    List(Box<ListArgs<RecordFilterArgs>>),
    /// Show one event with its payload, deliveries, attempts and effects.
    Show(ShowArgs),
    /// Erase the payload of an event and all its copies, for ever. The event's key and history
    /// stay.
    Erase(EraseArgs),
    /// Handle events again: the same as `tollgate replay`.
    Replay(Box<ReplayArgs>),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The id of the event, or its beginning.
    id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct EraseArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The id of the event, or its beginning.
    id: String,
    /// The reason, for the log.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        EventsCommand::List(args) => args.print(&EVENTS),
        EventsCommand::Show(args) => show(args),
        EventsCommand::Erase(args) => erase(args),
        EventsCommand::Replay(args) => replay::run(args),
    }
}

/// Erases the payload of an event. With JSON, shows the event without its payload.
fn erase(args: &EraseArgs) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let body = json!({ "who": operator(), "why": args.why });
    let path = format!("/api/events/{}/erase", encode(&args.id));
    let event: EventDetail = client.post(&path, &body)?;
    print(args.json, &event, |out| {
        writeln!(out, "the payload of {} is erased", event.event.id)
    })
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
        let many = usize::try_from(event.duplicates).unwrap_or(usize::MAX);
        deliveries.push(counted(many, "duplicate"));
    }
    [
        time(event.received_ms),
        short_id(&event.id),
        event.source.clone(),
        event.kind.clone(),
        or_dash(event.provider_id.as_ref()),
        deliveries.join(", "),
    ]
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/api/events/{}", encode(&args.id));
    let event: EventDetail = args.gateway.fetch(&path, |ledger| {
        let id = find_event(ledger, &args.id)?;
        let event = ledger.event(id)?;
        found(event, || format!("there is no event {id}"))
    })?;
    print(args.json, &event, |out| write_event(out, &event))
}

fn write_event(out: &mut dyn Write, detail: &EventDetail) -> io::Result<()> {
    let event = &detail.event;
    let lines = [
        ("event", Some(event.id.clone())),
        ("source", Some(event.source.clone())),
        ("type", Some(event.kind.clone())),
        ("provider's id", event.provider_id.clone()),
        ("subject", event.subject.clone()),
        ("account", event.account.clone()),
        ("created", event.created_ms.map(time)),
        ("received", Some(time(event.received_ms))),
        ("erased", event.erased_ms.map(time)),
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
        Some(payload) => write_payload(out, "payload", payload)?,
    }
    if let Some(waits) = &detail.resolving {
        writeln!(
            out,
            "{:14} {}",
            "object",
            printable(&waits_for_object(waits))
        )?;
    }
    if let Some(resolved) = &detail.resolved {
        write_resolved(out, resolved)?;
    }
    if detail.history.is_empty() {
        let is_marked =
            |(name, _): &(String, String)| name == "livemode" || name == "same_bytes_as";
        if detail.metadata.iter().any(is_marked) {
            writeln!(
                out,
                "no deliveries: no route names a handler, or the source keeps such events from \
                 handlers (see the metadata)"
            )?;
        } else {
            writeln!(out, "no deliveries: no route names a handler")?;
        }
    }
    detail
        .history
        .iter()
        .try_for_each(|delivery| write_history(out, delivery))
}

/// Writes bytes under this name.
fn write_payload(out: &mut dyn Write, name: &str, payload: &Payload) -> io::Result<()> {
    match payload {
        Payload::Base64(text) => writeln!(out, "{name}, base64\n{text}"),
        Payload::Text(text) => {
            writeln!(out, "{name}")?;
            let mut lines = text.lines();
            lines.try_for_each(|line| writeln!(out, "  {}", printable(line)))
        }
    }
}

/// Writes what the provider's API told about an event.
fn write_resolved(out: &mut dyn Write, resolved: &ResolvedView) -> io::Result<()> {
    writeln!(
        out,
        "{:14} {}, {}",
        "resolved",
        time(resolved.at_ms),
        counted(resolved.tries.try_into().unwrap_or(usize::MAX), "try")
    )?;
    if let Some(note) = &resolved.note {
        writeln!(out, "{:14} {}", "", printable(note))?;
    }
    for (name, told) in [
        ("object", &resolved.object),
        ("full event", &resolved.event),
    ] {
        match told {
            None => {}
            Some(ToldView::Gone) => writeln!(out, "{name:14} gone: the provider no longer has it")?,
            Some(ToldView::Found(body)) => {
                let name = format!("{name}, as it was at {}", time(resolved.at_ms));
                write_payload(out, &name, body)?;
            }
        }
    }
    Ok(())
}

fn duplicates(event: &EventSummary) -> Option<String> {
    let last = event.last_duplicate_ms?;
    Some(format!(
        "{}, {} with other bytes, the last at {}",
        event.duplicates,
        event.duplicates_differing,
        time(last)
    ))
}
