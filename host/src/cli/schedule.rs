//! `tollgate schedule`: what handlers have scheduled for themselves. Shows no payloads.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::change::who;
use super::client::{GatewayArgs, Side};
use super::table::{printable, utc, write_rows};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Order, Page, ScheduledView};

#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    /// List scheduled events, the next one first.
    List(ListArgs),
    /// Have a scheduled event now.
    Run(ChangeArgs),
    /// Take a scheduled event away.
    Cancel(ChangeArgs),
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler that scheduled it.
    handler: String,
    /// Its key, as the list shows it.
    key: String,
    /// Why, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Only those of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ScheduleArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        ScheduleCommand::List(args) => list(args),
        ScheduleCommand::Run(args) => change(args, "run", "is due now"),
        ScheduleCommand::Cancel(args) => change(args, "cancel", "is cancelled"),
    }
}

fn change(args: &ChangeArgs, verb: &str, done: &str) -> anyhow::Result<ExitCode> {
    let Side::Gateway(client) = args.gateway.find()? else {
        bail!("no gateway answers: to {verb} a scheduled event needs one that runs");
    };
    let ChangeArgs {
        handler, key, why, ..
    } = args;
    let body = json!({ "handler": handler, "key": key, "who": who(), "why": why });
    let answer: Value = client.post(&format!("/api/schedule/{verb}"), &body)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{answer:#}")?;
    } else {
        writeln!(out, "{} of {} {done}", printable(key), printable(handler))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let entries = read(args)?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&entries)?)?;
    } else {
        write_table(&mut out, &entries)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn read(args: &ListArgs) -> anyhow::Result<Vec<ScheduledView>> {
    match args.gateway.find()? {
        Side::Gateway(client) => {
            let handler = args.handler.clone().map(|name| ("handler", name));
            let page = Page {
                after: None,
                limit: args.limit,
                order: Order::Oldest,
            };
            let listed = client.page("/api/schedule", handler.into_iter().collect(), page)?;
            Ok(listed.items)
        }
        Side::Ledger(ledger) => {
            let handler = args.handler.as_deref().map(HandlerName::new);
            let entries = ledger.0.scheduled(handler.as_ref(), args.limit)?;
            Ok(entries.into_iter().map(ScheduledView::from).collect())
        }
    }
}

fn write_table(out: &mut impl Write, entries: &[ScheduledView]) -> io::Result<()> {
    if entries.is_empty() {
        return writeln!(out, "nothing is scheduled");
    }
    let head = ["due", "handler", "key", "kind", "subject", "cause"];
    let rows = entries.iter().map(|entry| {
        [
            utc(entry.due_ms),
            printable(&entry.handler),
            printable(&entry.key),
            printable(&entry.kind),
            printable(entry.subject.as_deref().unwrap_or("-")),
            entry.cause.clone(),
        ]
    });
    write_rows(out, head, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_base::event::EventId;
    use tollgate_base::time::WallTime;
    use tollgate_ledger::Scheduled;

    fn entry() -> ScheduledView {
        ScheduledView::from(Scheduled {
            handler: HandlerName::new("dunning"),
            key: "subscription/sub_1\u{1b}[2J".into(),
            due: WallTime::from_millis(1_767_225_600_000),
            cause: EventId::from_bytes([1; 16]),
            call: "call".into(),
            kind: "reminder.due".into(),
            subject: None,
            account: None,
            depth: 0,
            payload: "hush".into(),
        })
    }

    #[test]
    fn a_table_shows_what_is_due_when_and_no_payload() {
        let mut out = Vec::new();
        write_table(&mut out, &[entry()]).unwrap();
        let out = String::from_utf8(out).unwrap();
        let line = out.lines().nth(1).unwrap();
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!(
            cells,
            [
                "2026-01-01T00:00:00Z",
                "dunning",
                "subscription/sub_1\u{fffd}[2J",
                "reminder.due",
                "-",
                "01010101-0101-0101-0101-010101010101"
            ]
        );
        assert!(!out.contains("hush"));
    }

    #[test]
    fn json_shows_the_same() {
        let json = serde_json::to_value(entry()).unwrap();
        assert_eq!(json["due_ms"], 1_767_225_600_000_u64);
        assert_eq!(json["kind"], "reminder.due");
        assert!(!json.to_string().contains("hush"));
    }
}
