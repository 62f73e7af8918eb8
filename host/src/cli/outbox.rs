//! `tollgate outbox`: what went out for handlers, what waits, what was given up.
//!
//! Reads the ledger's file, so it works beside a running gateway and without one. Shows
//! no bodies, no headers and no queries of URLs: handlers may put credentials there.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::ledger_file::LedgerArgs;
use super::table::{or_dash, write_rows};
use crate::ledger::{OutboxEntry, OutboxState, without_query};

#[derive(Debug, Args)]
pub(super) struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List requests, the newest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Only requests in this state.
    #[arg(long)]
    state: Option<State>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// To be sent, or sent again.
    Waiting,
    /// Answered 2xx.
    Sent,
    /// Given up.
    Dead,
}

pub(super) fn run(args: &OutboxArgs) -> anyhow::Result<ExitCode> {
    let OutboxCommand::List(args) = &args.command;
    let entries = read(args)?;
    let mut out = io::stdout().lock();
    if args.json {
        let entries: Value = entries.iter().map(entry_json).collect();
        writeln!(out, "{entries:#}")?;
    } else {
        write_table(&mut out, &entries)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &ListArgs) -> anyhow::Result<Vec<OutboxEntry>> {
    let state = args.state.map(|state| match state {
        State::Waiting => OutboxState::Waiting,
        State::Sent => OutboxState::Sent,
        State::Dead => OutboxState::Dead,
    });
    Ok(args.ledger.open()?.outbox_list(state, args.limit)?)
}

fn entry_json(entry: &OutboxEntry) -> Value {
    let request = &entry.request;
    json!({
        "seq": request.seq.0,
        "handler": request.handler.as_str(),
        "event": request.event.to_string(),
        "state": entry.state.name(),
        "tries": request.tries,
        "status": entry.status,
        "error": entry.error,
        "method": request.request.method,
        "url": without_query(&request.request.url),
        "idempotency_key": request.request.key,
        "order_key": request.request.order_key,
        "queued_ms": request.queued,
        "due_ms": (entry.state == OutboxState::Waiting).then_some(request.due),
    })
}

fn write_table(out: &mut impl Write, entries: &[OutboxEntry]) -> io::Result<()> {
    if entries.is_empty() {
        return writeln!(out, "no requests");
    }
    let head = [
        "seq", "handler", "state", "tries", "status", "request", "event", "error",
    ];
    write_rows(out, head, entries.iter().map(row))
}

fn row(entry: &OutboxEntry) -> [String; 8] {
    let request = &entry.request;
    let new = &request.request;
    [
        request.seq.0.to_string(),
        request.handler.to_string(),
        entry.state.to_string(),
        request.tries.to_string(),
        or_dash(entry.status),
        format!("{} {}", new.method, without_query(&new.url)),
        request.event.to_string(),
        entry.error.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{EventId, HandlerName};
    use crate::ledger::{NewRequest, OutboxRequest, OutboxSeq};

    fn entry() -> OutboxEntry {
        OutboxEntry {
            request: OutboxRequest {
                seq: OutboxSeq(7),
                handler: HandlerName::new("fulfillment"),
                event: EventId::from_bytes([1; 16]),
                request: Arc::new(NewRequest {
                    key: "key-1".to_owned(),
                    method: "POST".to_owned(),
                    url: "https://crm.example.com/orders?token=hush".to_owned(),
                    headers: vec![("x-token".to_owned(), "hush".to_owned())],
                    body: "hush".into(),
                    order_key: None,
                    respond: None,
                }),
                tries: 3,
                queued: 1000,
                due: 2000,
            },
            state: OutboxState::Dead,
            status: Some(422),
            error: "answered 422\u{1b}[2J".to_owned(),
        }
    }

    #[test]
    fn a_table_shows_what_matters_and_no_secret() {
        let mut out = Vec::new();
        write_table(&mut out, &[entry()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        let event = EventId::from_bytes([1; 16]);
        let lines: Vec<Vec<&str>> = out
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            lines[0],
            [
                "seq", "handler", "state", "tries", "status", "request", "event", "error"
            ]
        );
        let url = "POST https://crm.example.com/orders?…";
        let error = "answered 422\u{fffd}[2J";
        assert_eq!(
            lines[1],
            [
                "7",
                "fulfillment",
                "dead",
                "3",
                "422",
                url,
                &event.to_string(),
                error
            ]
        );
        assert_eq!(out.lines().count(), 2);
        assert!(!out.contains("hush"));
    }

    #[test]
    fn json_shows_the_same() {
        let json = entry_json(&entry());
        assert_eq!(json["seq"], 7);
        assert_eq!(json["state"], "dead");
        assert_eq!(json["status"], 422);
        assert_eq!(json["due_ms"], Value::Null);
        assert!(!json.to_string().contains("hush"));
    }
}
