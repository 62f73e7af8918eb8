//! `tollgate deliveries`: each event for each handler, its attempts, what they came to.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::change::{ChangeArgs, Wording, who};
use super::client::{GatewayArgs, Side};
use super::filter::{FilterArgs, ListArgs, ask, gather};
use super::table::{or_dash, printable, utc, write_rows};
use crate::api::filter::write;
use tollgate_ledger::{
    AttemptView, Blocker, DeliveryDetail, DeliverySeq, DeliverySummary, Order, RequestView,
};

const RETRY: Wording = Wording {
    things: "deliveries",
    path: "/api/deliveries/retry",
    done: "are due now",
    would: "would be due now",
};

const CANCEL: Wording = Wording {
    things: "deliveries",
    path: "/api/deliveries/cancel",
    done: "were cancelled",
    would: "would be cancelled",
};

#[derive(Debug, Args)]
pub(super) struct DeliveriesArgs {
    #[command(subcommand)]
    command: DeliveriesCommand,
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// List deliveries, the newest first; `--state dead` lists the dead letters.
    List(ListArgs),
    /// Show one delivery with its attempts, errors and logs.
    Show(ShowArgs),
    /// Try deliveries now that wait for their next attempt.
    Retry(DeliveriesChange),
    /// End deliveries that have not ended: they are dead then, and stay listed.
    Cancel(DeliveriesChange),
}

#[derive(Debug, Args)]
struct DeliveriesChange {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The delivery's number, as lists show it.
    seq: i64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DeliveriesArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        DeliveriesCommand::List(args) => list(args),
        DeliveriesCommand::Show(args) => show(args),
        DeliveriesCommand::Retry(args) => change(args, &RETRY),
        DeliveriesCommand::Cancel(args) => change(args, &CANCEL),
    }
}

/// Has deliveries changed; one that is named is shown as it is then.
fn change(args: &DeliveriesChange, wording: &Wording) -> anyhow::Result<ExitCode> {
    let filter = write(&args.filter.filter()?);
    let change = &args.change;
    let (&[seq], true, false) = (&change.seqs[..], filter.is_empty(), change.dry_run) else {
        return change.change(wording, filter);
    };
    let verb = wording.path.rsplit('/').next().unwrap_or_default();
    let body = json!({ "who": who(), "why": change.why });
    let path = format!("/api/deliveries/{seq}/{verb}");
    let delivery: DeliveryDetail = change.client()?.post(&path, &body)?;
    let mut out = io::stdout().lock();
    if change.json {
        writeln!(out, "{:#}", serde_json::to_value(&delivery)?)?;
    } else {
        write_history(&mut out, &delivery)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filter.filter()?;
    let deliveries = match args.gateway.find()? {
        Side::Gateway(client) => gather(args.limit, Order::Newest, |page| {
            Ok(ask(&client, "/api/deliveries", &filter, page)?)
        }),
        Side::Ledger(ledger) => gather(args.limit, Order::Newest, |page| {
            Ok(ledger.0.deliveries(&filter, page)?)
        }),
    }?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&deliveries)?)?;
    } else if deliveries.is_empty() {
        writeln!(out, "no deliveries")?;
    } else {
        let head = [
            "delivery", "event", "type", "handler", "state", "attempts", "last",
        ];
        write_rows(&mut out, head, deliveries.iter().map(row))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(delivery: &DeliverySummary) -> [String; 7] {
    [
        delivery.seq.to_string(),
        delivery.event.clone(),
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
    match (&delivery.last_outcome, &delivery.last_detail) {
        (Some(outcome), Some(detail)) => format!("{outcome}: {detail}"),
        (outcome, _) => or_dash(outcome.as_ref()),
    }
}

/// Why a delivery waits that could run otherwise.
fn blocked_by(blocker: &Blocker) -> String {
    format!("blocked by {}, which is {}", blocker.seq, blocker.state)
}

fn show(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let delivery: DeliveryDetail = match args.gateway.find()? {
        Side::Gateway(client) => client.get(&format!("/api/deliveries/{}", args.seq), &[])?,
        Side::Ledger(ledger) => match ledger.0.delivery(DeliverySeq(args.seq))? {
            Some(delivery) => delivery,
            None => bail!("there is no delivery {}", args.seq),
        },
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", serde_json::to_value(&delivery)?)?;
    } else {
        let summary = &delivery.delivery;
        let event = format!("{} {} from {}", summary.event, summary.kind, summary.source);
        writeln!(out, "event {}", printable(&event))?;
        write_history(&mut out, &delivery)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A delivery and its attempts, for people to read.
pub(super) fn write_history(out: &mut impl Write, detail: &DeliveryDetail) -> io::Result<()> {
    let delivery = &detail.delivery;
    let mut line = format!(
        "delivery {} to {}: {}",
        delivery.seq, delivery.handler, delivery.state
    );
    if let Some(due) = delivery.due_ms {
        line.push_str(&format!(", due {}", utc(due)));
    }
    if let Some(blocker) = &delivery.blocked_by {
        line.push_str(&format!(", {}", blocked_by(blocker)));
    }
    if let Some(finished) = delivery.finished_ms {
        line.push_str(&format!(" since {}", utc(finished)));
    }
    if delivery.crashes > 0 {
        line.push_str(&format!(
            ", under way at {} unclean ends of the gateway",
            delivery.crashes
        ));
    }
    writeln!(out, "{}", printable(&line))?;
    for done in &detail.interventions {
        let of = match (done.request, &done.scheduled) {
            (Some(request), _) => format!(" of request {request}"),
            (None, Some(key)) => format!(" of what was scheduled as {key}"),
            (None, None) => String::new(),
        };
        let mut line = format!("{}{of} at {} by {}", done.action, utc(done.at_ms), done.who);
        if let Some(why) = &done.why {
            line.push_str(&format!(": {why}"));
        }
        writeln!(out, "  {}", printable(&line))?;
    }
    detail
        .tried
        .iter()
        .try_for_each(|attempt| write_attempt(out, attempt))
}

fn write_attempt(out: &mut impl Write, attempt: &AttemptView) -> io::Result<()> {
    let mut line = format!("attempt {}", attempt.number);
    if attempt.run > 0 {
        line.push_str(&format!(" of run {}", attempt.run));
    }
    line.push_str(&format!(
        " at {}, {:.1} ms: {}",
        utc(attempt.started_ms),
        attempt.duration_us as f64 / 1000.0,
        attempt.outcome
    ));
    if let Some(detail) = &attempt.detail {
        line.push_str(&format!(": {detail}"));
    }
    writeln!(out, "  {}", printable(&line))?;
    if let Some(component) = &attempt.component {
        writeln!(out, "    component {component}")?;
    }
    for log in &attempt.logs {
        writeln!(out, "    log {}", printable(&log.to_string()))?;
    }
    for request in &attempt.requests {
        writeln!(out, "    request {}", printable(&request_line(request)))?;
    }
    for emitted in &attempt.emitted {
        let line = format!("{} {}", emitted.id, emitted.kind);
        writeln!(out, "    emitted {}", printable(&line))?;
    }
    Ok(())
}

fn request_line(request: &RequestView) -> String {
    let mut line = format!(
        "{} {} {}: {} after {} tries",
        request.seq, request.method, request.url, request.state, request.tries
    );
    if let Some(status) = request.status {
        line.push_str(&format!(", answered {status}"));
    }
    if let Some(error) = &request.error {
        line.push_str(&format!(", {error}"));
    }
    line
}
