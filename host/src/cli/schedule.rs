//! `tollgate schedule`: the events that handlers have scheduled. The output contains no payloads.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{ListOrder, Page, ScheduledView};

use super::gateway::{Backend, GatewayArgs, operator};
use super::output::{or_dash, print, print_list, printable, time};

const EMPTY: &str = "nothing is scheduled";

const HEAD: [&str; 6] = ["due", "handler", "key", "kind", "subject", "cause"];

#[derive(Debug, Args)]
pub(super) struct ScheduleArgs {
    #[command(subcommand)]
    command: ScheduleCommand,
}

#[derive(Debug, Subcommand)]
enum ScheduleCommand {
    /// List scheduled events, the next event first.
    List(ListArgs),
    /// Record a scheduled event now, before its time.
    Run(ChangeArgs),
    /// Cancel a scheduled event.
    Cancel(ChangeArgs),
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The handler that scheduled the event.
    handler: String,
    /// The key of the event, as the list shows it.
    #[arg(allow_hyphen_values = true)]
    key: String,
    /// The reason, for the record.
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
    /// Only events of this handler.
    #[arg(long)]
    handler: Option<String>,
    /// The greatest number of events.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print a JSON array.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ScheduleArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        ScheduleCommand::List(args) => print_list(args.json, &read(args)?, EMPTY, HEAD, row),
        ScheduleCommand::Run(args) => change(args, "run", "is due now"),
        ScheduleCommand::Cancel(args) => change(args, "cancel", "is cancelled"),
    }
}

fn change(args: &ChangeArgs, verb: &str, result: &str) -> anyhow::Result<ExitCode> {
    let client = args.gateway.running_gateway()?;
    let ChangeArgs {
        handler, key, why, ..
    } = args;
    let body = json!({ "handler": handler, "key": key, "who": operator(), "why": why });
    let answer: Value = client.post(&format!("/api/schedule/{verb}"), &body)?;
    print(args.json, &answer, |out| {
        writeln!(out, "{} of {} {result}", printable(key), printable(handler))
    })
}

fn read(args: &ListArgs) -> anyhow::Result<Vec<ScheduledView>> {
    match args.gateway.backend()? {
        Backend::Gateway(client) => {
            let handler = args.handler.clone().map(|name| ("handler", name));
            let page = Page {
                after: None,
                until: None,
                limit: args.limit,
                order: ListOrder::Oldest,
            };
            let listed = client.page("/api/schedule", handler.into_iter().collect(), &page)?;
            Ok(listed.items)
        }
        Backend::Ledger(ledger) => {
            let handler = args.handler.as_deref().map(HandlerName::new);
            let entries = ledger.scheduled(handler.as_ref(), args.limit)?;
            Ok(entries.into_iter().map(ScheduledView::from).collect())
        }
    }
}

fn row(entry: &ScheduledView) -> [String; 6] {
    [
        time(entry.due_ms),
        entry.handler.clone(),
        entry.key.clone(),
        entry.kind.clone(),
        or_dash(entry.subject.as_ref()),
        entry.cause.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::output::write_list;
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
        write_list(&mut out, &[entry()], EMPTY, HEAD, row).unwrap();
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
