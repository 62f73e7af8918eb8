//! `tollgate replay`: has events handled again.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::change::{NOT_CONFIRMED, PAUSE, confirmed, who};
use super::client::{Client, ClientError, GatewayArgs, Side};
use super::filter::FilterArgs;
use crate::api::change::{Report, STEP};
use crate::api::filter::write;
use crate::api::replay::{ComponentOf, KeysOf, Onto, Replay};
use tollgate_base::event::EventId;
use tollgate_base::time::{Clock, SystemClock};
use tollgate_ledger::{DeliveryState, StateFilter};

/// How often a step whose answer was lost is asked for again. It is safe: what it did
/// change is not changed again.
const TRIES: u32 = 5;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
    /// Events by their ids: all of their deliveries that have ended.
    pub(super) events: Vec<String>,
    /// A delivery by its number; may be given several times.
    #[arg(long = "delivery", value_name = "SEQ")]
    pub(super) deliveries: Vec<i64>,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// Route events anew: to handlers that the routes name now and that have not had them.
    /// For events that were unrouted (the default), or whose handlers left (`--state held`).
    #[arg(long, conflicts_with_all = ["deliveries", "same_keys", "recorded"])]
    routes: bool,
    /// Use the idempotency keys of the run before, so that receivers that deduplicate see
    /// nothing new. Otherwise keys are new, and effects happen again.
    #[arg(long)]
    same_keys: bool,
    /// Run the component that each delivery's last attempt ran, not the handler's present one.
    #[arg(long)]
    recorded: bool,
    /// Only count what would be replayed.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before a filter's deliveries are replayed.
    #[arg(long)]
    yes: bool,
    /// Compare instead: run this component on copies of the handler's state, without any
    /// effect, and show where it differs from what ran. Ends with 0 where nothing does, with
    /// 1 where something does.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["routes", "same_keys", "recorded", "dry_run", "yes"])]
    shadow: Option<PathBuf>,
    /// With `--shadow`: how many deliveries at most, the last ones.
    #[arg(long, default_value_t = 1000)]
    pub(super) limit: usize,
    /// Why, for the record.
    #[arg(long)]
    why: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(candidate) = &args.shadow {
        return Ok(super::shadow::run(args, candidate));
    }
    let asked = asked(args)?;
    let Side::Gateway(client) = args.gateway.find()? else {
        bail!("no gateway answers: a replay needs one that runs");
    };
    let by_filter = asked.filter.is_some();
    let mut report = Report::default();
    if args.dry_run || by_filter {
        report = steps(&client, &asked, true)?;
    }
    if !args.dry_run {
        let tell = |out: &mut dyn Write| write_report(out, args, &report, true);
        if by_filter && !args.yes && (args.json || !confirmed(tell)?) {
            eprintln!("nothing was replayed; say --yes to go on");
            return Ok(ExitCode::from(NOT_CONFIRMED));
        }
        report = steps(&client, &asked, false)?;
    }
    tell(args, &report)?;
    Ok(ExitCode::SUCCESS)
}

/// What the arguments mean.
fn asked(args: &ReplayArgs) -> anyhow::Result<Replay> {
    let by_name = !args.events.is_empty() || !args.deliveries.is_empty();
    let mut filter = args.filter.filter()?;
    let by_filter = filter != tollgate_ledger::RecordFilter::default();
    if by_name == by_filter || (!args.events.is_empty() && !args.deliveries.is_empty()) {
        bail!("name events, or deliveries, or give a filter such as `--state dead`");
    }
    if args.events.len().max(args.deliveries.len()) > STEP {
        bail!("{STEP} can be named at once; use a filter for more");
    }
    if by_filter && filter.state.is_none() && !args.routes {
        // What was done is not done again unless that is said.
        filter.state = Some(StateFilter::Delivery(DeliveryState::Dead));
    }
    let filter: BTreeMap<_, _> = write(&filter)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(Replay {
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
        batch: Some(EventId::generate(SystemClock.now()).to_string()),
        who: Some(who()),
        why: args.why.clone(),
        ..Replay::default()
    })
}

/// Asks step by step until all is done.
fn steps(client: &Client, asked: &Replay, dry_run: bool) -> anyhow::Result<Report> {
    let mut asked = Replay {
        dry_run,
        ..asked.clone()
    };
    if dry_run {
        asked.batch = None;
    }
    let mut total = Report::default();
    loop {
        let report: Report = step(client, &asked)?;
        (asked.after, asked.until) = (report.next, report.until);
        total.add(report);
        if asked.after.is_none() {
            return Ok(total);
        }
        if !dry_run {
            std::thread::sleep(PAUSE);
        }
    }
}

fn step(client: &Client, asked: &Replay) -> anyhow::Result<Report> {
    let body = serde_json::to_value(asked)?;
    let mut tries = 1;
    loop {
        match client.post("/api/replay", &body) {
            Err(ClientError::Garbled { .. } | ClientError::Refused { status: 503, .. })
                if tries < TRIES =>
            {
                std::thread::sleep(PAUSE * 10 * tries);
                tries += 1;
            }
            result => return Ok(result?),
        }
    }
}

fn tell(args: &ReplayArgs, report: &Report) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        let told = json!({
            "dry_run": args.dry_run,
            "keys": if args.same_keys { "same" } else { "new" },
            "component": if args.recorded { "recorded" } else { "current" },
            "matched": report.matched,
            "replayed": report.done,
            "by": report.by,
            "refused": report.refused,
        });
        writeln!(out, "{told:#}")?;
    } else {
        write_report(&mut out, args, report, args.dry_run)?;
    }
    Ok(())
}

fn write_report(
    out: &mut dyn Write,
    args: &ReplayArgs,
    report: &Report,
    dry_run: bool,
) -> io::Result<()> {
    let what = if args.routes { "events" } else { "deliveries" };
    let verb = if dry_run { "would be" } else { "were" };
    writeln!(
        out,
        "{} of {} {what} {verb} replayed",
        report.done, report.matched
    )?;
    if !args.routes && report.done > 0 {
        let keys = if args.same_keys {
            "with the same idempotency keys as before: receivers that deduplicate see nothing new"
        } else {
            "with new idempotency keys: their effects happen again"
        };
        let component = if args.recorded {
            "by the components that ran them last"
        } else {
            "by the present components"
        };
        writeln!(out, "  {component}, {keys}")?;
    }
    report.write_parts(out)
}
