//! `tollgate deliveries`: each event for each handler, with its attempts and their outcomes.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use tollgate_ledger::{DeliveryDetail, DeliveryId, DeliverySummary, RecordFilter};

use super::exit::found;
use super::gateway::{
    FilterArgs as _, GatewayArgs, ItemsArgs, List, ListArgs, Operation, RecordFilterArgs, operator,
};
use super::history::{blocked_by, waits_for_object, write_history};
use super::output::{or_dash, print, printable, short_id};

const RETRY: Operation = Operation {
    resource: "deliveries",
    verb: "retry",
    items: "deliveries",
    done: "are due now",
    would: "would be due now",
};

const CANCEL: Operation = Operation {
    resource: "deliveries",
    verb: "cancel",
    items: "deliveries",
    done: "were cancelled",
    would: "would be cancelled",
};

const DELIVERIES: List<DeliverySummary, RecordFilter, 7> = List {
    path: "/api/deliveries",
    from_ledger: |ledger, filter, page| ledger.deliveries(filter, page),
    empty: "no deliveries",
    head: [
        "delivery", "event", "type", "handler", "state", "attempts", "last",
    ],
    row,
};

#[derive(Debug, Args)]
pub(super) struct DeliveriesArgs {
    #[command(subcommand)]
    command: DeliveriesCommand,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// List deliveries, the newest first. `--state dead` lists the dead letters.
    List(ListArgs<RecordFilterArgs>),
    /// Show one delivery with its attempts, errors and logs.
    Show(ShowArgs),
    /// Retry waiting deliveries now, before the end of their delay.
    Retry(ChangeArgs),
    /// Cancel deliveries that have not ended. A cancelled delivery is dead and stays listed.
    Cancel(ChangeArgs),
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    items: ItemsArgs,
    #[command(flatten)]
    filter: RecordFilterArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The number of the delivery, as lists show it.
    seq: i64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DeliveriesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        DeliveriesCommand::List(args) => args.print(&DELIVERIES),
        DeliveriesCommand::Show(args) => show(args),
        DeliveriesCommand::Retry(args) => change(args, &RETRY),
        DeliveriesCommand::Cancel(args) => change(args, &CANCEL),
    }
}

/// Changes deliveries. If the arguments name one delivery, shows its new state.
fn change(args: &ChangeArgs, operation: &Operation) -> anyhow::Result<ExitCode> {
    let filter = RecordFilterArgs::query(&args.filter.filter()?);
    let Some(seq) = args.items.single().filter(|_| filter.is_empty()) else {
        return args.items.change(operation, filter);
    };
    let bulk = &args.items.bulk;
    let body = json!({ "who": operator(), "why": bulk.why });
    let path = format!("/api/deliveries/{seq}/{}", operation.verb);
    let client = args.items.gateway.running_gateway()?;
    let delivery: DeliveryDetail = client.post(&path, &body)?;
    print(bulk.json, &delivery, |out| write_history(out, &delivery))
}

fn row(delivery: &DeliverySummary) -> [String; 7] {
    [
        delivery.seq.to_string(),
        short_id(&delivery.event),
        delivery.kind.clone(),
        delivery.handler.clone(),
        delivery.state.clone(),
        attempts(delivery),
        last(delivery),
    ]
}

fn attempts(delivery: &DeliverySummary) -> String {
    match delivery.run {
        0 => delivery.attempts.to_string(),
        run => format!("{} of run {run}", delivery.attempts),
    }
}

fn last(delivery: &DeliverySummary) -> String {
    if let Some(blocker) = &delivery.blocked_by {
        return blocked_by(blocker);
    }
    if let Some(waits_for) = &delivery.waits_for {
        return waits_for_object(waits_for);
    }
    match (&delivery.last_outcome, &delivery.last_detail) {
        (Some(outcome), Some(detail)) => format!("{outcome}: {detail}"),
        (outcome, _) => or_dash(outcome.as_ref()),
    }
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let path = format!("/api/deliveries/{}", args.seq);
    let delivery: DeliveryDetail = args.gateway.fetch(&path, |ledger| {
        let delivery = ledger.delivery(DeliveryId(args.seq))?;
        found(delivery, || format!("there is no delivery {}", args.seq))
    })?;
    print(args.json, &delivery, |out| {
        let summary = &delivery.delivery;
        let event = format!("{} {} from {}", summary.event, summary.kind, summary.source);
        writeln!(out, "event {}", printable(&event))?;
        write_history(out, &delivery)
    })
}
