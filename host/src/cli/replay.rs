//! `tollgate replay`: handles recorded events again.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tollgate_base::event::EventId;
use tollgate_base::time::{Clock, SystemClock};
use tollgate_ledger::{DeliveryState, RecordFilter, StateFilter};

use super::exit::Unusable;
use super::gateway::{
    BulkArgs, BulkCall, FilterArgs as _, GatewayArgs, RecordFilterArgs, operator,
};
use super::shadow::{self, ShadowReplay};
use crate::api::{BulkReport, ComponentOf, KeysOf, Onto, QueryFilter, ReplayRequest, STEP};

/// How often a step is sent if its answer is lost. The batch id makes this safe: the gateway does
/// not change a delivery again that a step of the same batch has changed.
const TRIES: u32 = 5;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// The ids of events, or their beginnings. All ended deliveries of these events run again.
    events: Vec<String>,
    /// The number of a delivery. Use this option once for each delivery.
    #[arg(long = "delivery", value_name = "SEQ")]
    deliveries: Vec<i64>,
    #[command(flatten)]
    filter: RecordFilterArgs,
    /// Route events again, to handlers of the present routes that have no delivery of the event.
    /// For unrouted events (the default), or for events of handlers that left the manifest
    /// (`--state held`).
    #[arg(long, conflicts_with_all = ["deliveries", "same_keys", "recorded"])]
    routes: bool,
    /// Use the idempotency keys of the previous run, so that receivers that deduplicate ignore the
    /// requests. Without this option the keys are new, and effects happen again.
    #[arg(long)]
    same_keys: bool,
    /// Run the component of each delivery's last attempt, and not the handler's present component.
    #[arg(long)]
    recorded: bool,
    /// Ask anew: for the objects of thin events before the runs, and with the handlers' immediate
    /// requests. Without this option a replay gets what was answered before and recorded.
    #[arg(long, conflicts_with = "routes")]
    refetch: bool,
    #[command(flatten)]
    bulk: BulkArgs,
    /// Compare only: run this component on copies of the handler's state, without any effect, and
    /// show the differences from the recorded runs. Exit code 0 is no difference, 1 is a
    /// difference.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["routes", "same_keys", "recorded", "refetch", "dry_run", "yes"],
    )]
    shadow: Option<PathBuf>,
    /// With `--shadow`: the greatest number of deliveries. The last deliveries are compared.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(candidate) = &args.shadow {
        return Ok(shadow::run(&ShadowReplay {
            candidate,
            gateway: &args.gateway,
            filter: args.filter.filter()?,
            deliveries: &args.deliveries,
            events: &args.events,
            limit: args.limit,
            json: args.bulk.json,
        }));
    }
    let request = request(args)?;
    let client = args.gateway.running_gateway()?;
    let outcome = args.bulk.run(
        &client,
        &BulkCall {
            path: "/api/replay".to_owned(),
            body: serde_json::to_value(&request)?,
            by_filter: request.filter.is_some(),
            tries: TRIES,
            write: &|out, report, dry_run| write_result(out, args, report, dry_run),
            json: &|report| {
                json!({
                    "replayed": report.done,
                    "keys": if args.same_keys { "same" } else { "new" },
                    "component": if args.recorded { "recorded" } else { "current" },
                })
            },
        },
    )?;
    Ok(outcome.exit_code())
}

/// The request to the admin API that the arguments mean.
fn request(args: &ReplayArgs) -> anyhow::Result<ReplayRequest> {
    let by_name = !args.events.is_empty() || !args.deliveries.is_empty();
    let mut filter = args.filter.filter()?;
    let by_filter = filter != RecordFilter::default();
    if by_name == by_filter || (!args.events.is_empty() && !args.deliveries.is_empty()) {
        return Err(Unusable::because(
            "name events, or name deliveries, or give a filter such as `--state dead`",
        ));
    }
    if args.events.len().max(args.deliveries.len()) > STEP {
        return Err(Unusable::because(format!(
            "one command takes at most {STEP} events or deliveries; use a filter for more"
        )));
    }
    if by_filter && filter.state.is_none() && !args.routes {
        // A filter without a state means dead deliveries: done deliveries only run again if the
        // user asks for them.
        filter.state = Some(StateFilter::Delivery(DeliveryState::Dead));
    }
    let filter: BTreeMap<_, _> = filter
        .to_query()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(ReplayRequest {
        deliveries: args.deliveries.clone(),
        events: args.events.clone(),
        filter: by_filter.then_some(filter),
        onto: if args.routes {
            Onto::Routes
        } else {
            Onto::Deliveries
        },
        keys: if args.same_keys {
            KeysOf::Same
        } else {
            KeysOf::New
        },
        component: if args.recorded {
            ComponentOf::Recorded
        } else {
            ComponentOf::Current
        },
        refetch: args.refetch,
        batch: Some(EventId::generate(SystemClock.now()).to_string()),
        who: Some(operator()),
        why: args.bulk.why.clone(),
        ..ReplayRequest::default()
    })
}

fn write_result(
    out: &mut dyn Write,
    args: &ReplayArgs,
    report: &BulkReport,
    dry_run: bool,
) -> io::Result<()> {
    let items = if args.routes { "events" } else { "deliveries" };
    let verb = if dry_run { "would be" } else { "were" };
    writeln!(
        out,
        "{} of {} {items} {verb} replayed",
        report.done, report.matched
    )?;
    if args.routes || report.done == 0 {
        return Ok(());
    }
    let keys = if args.same_keys {
        "with the same idempotency keys: receivers that deduplicate ignore the requests"
    } else {
        "with new idempotency keys: the effects happen again"
    };
    let component = if args.recorded {
        "by the components of their last attempts"
    } else {
        "by the present components"
    };
    writeln!(out, "  {component}, {keys}")?;
    match args.refetch {
        true => writeln!(out, "  asking anew for what was answered before"),
        false => Ok(()),
    }
}
