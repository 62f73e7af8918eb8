//! `tollgate replay --shadow FILE.wasm`: what a candidate would make of recorded events.
//!
//! Runs in this process and reads the ledger's file, so that a gateway that runs is not
//! burdened, and none is needed.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::json;

use super::filter::gather;
use super::replay::ReplayArgs;
use super::table::printable;
use crate::generation::components::Components;
use crate::settings::{Handler, Manifest};
use crate::shadow::{Compared, Difference, Shadow};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{self, DeliverySeq, LedgerUrl, Order, RecordFilter, Records};
use tollgate_sandbox::THREAD_STACK;

/// What the command ends with where there are differences.
const DIFFERENT: u8 = 1;

/// What it ends with where it could not compare.
const FAILED: u8 = 2;

/// What was compared.
#[derive(Default)]
struct Outcome {
    compared: Vec<Compared>,
    /// Deliveries without an attempt, or whose payload is no longer kept.
    skipped: u64,
}

pub(super) fn run(args: &ReplayArgs, candidate: &Path) -> ExitCode {
    match compare(args, candidate).and_then(|outcome| tell(args, &outcome)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tollgate: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn compare(args: &ReplayArgs, candidate: &Path) -> anyhow::Result<Outcome> {
    let manifest = args.gateway.read_manifest()?;
    let bytes = std::fs::read(candidate).with_context(|| candidate.display().to_string())?;
    let mut filter = args.filter.filter()?;
    let handler = handler(&manifest, filter.handler.as_ref())?;
    filter.handler = Some(handler.name.clone());
    let url = LedgerUrl::Sqlite(manifest.ledger.path.clone());
    let ledger = tollgate_ledger::open_to_read(&url)?;
    let seqs = meant(args, &*ledger, &filter)?;
    let data = manifest.ledger.path.parent().unwrap_or(Path::new(""));
    let components = Components::in_folder(data);
    // Guests need more stack than this thread may have.
    let work = move || {
        let name = handler.name.clone();
        let shadow = Shadow::new(&bytes, handler, ledger.clone(), components)?;
        all(shadow, &name, &*ledger, &seqs)
    };
    std::thread::Builder::new()
        .stack_size(THREAD_STACK)
        .spawn(work)?
        .join()
        .map_err(|_| anyhow::anyhow!("the shadow replay panicked"))?
}

fn all(
    mut shadow: Shadow,
    handler: &HandlerName,
    records: &dyn Records,
    seqs: &[DeliverySeq],
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    for seq in seqs {
        match records.recorded(*seq)? {
            Some(recorded) if recorded.delivery.handler != *handler => {
                let of = &recorded.delivery.handler;
                bail!(
                    "delivery {} is one of handler `{of}`, not of `{handler}`",
                    seq.0
                );
            }
            Some(recorded) => outcome.compared.push(shadow.compare(&recorded)?),
            None => outcome.skipped += 1,
        }
    }
    Ok(outcome)
}

/// The handler that the candidate is to stand in for.
fn handler(manifest: &Manifest, name: Option<&HandlerName>) -> anyhow::Result<Arc<Handler>> {
    match name {
        Some(name) => manifest
            .handlers
            .get(name)
            .cloned()
            .with_context(|| format!("the manifest has no handler `{name}`")),
        None if manifest.handlers.len() == 1 => manifest
            .handlers
            .values()
            .next()
            .cloned()
            .context("the manifest has no handler"),
        None => bail!("name the handler that it stands in for: `--handler`"),
    }
}

/// The deliveries that are meant, the last `--limit` of them, in the order of arrival.
fn meant(
    args: &ReplayArgs,
    records: &dyn Records,
    filter: &RecordFilter,
) -> anyhow::Result<Vec<DeliverySeq>> {
    let mut seqs = args.deliveries.clone();
    let wanted = filter.handler.as_ref().map(HandlerName::as_str);
    for id in &args.events {
        let id = id
            .parse()
            .ok()
            .with_context(|| format!("`{id}` is no event's id"))?;
        let event = records.event(id)?;
        let event = event.with_context(|| format!("there is no event {id}"))?;
        let of_handler = |brief: &&tollgate_ledger::Brief| Some(brief.handler.as_str()) == wanted;
        let deliveries = event.event.deliveries.iter().filter(of_handler);
        seqs.extend(deliveries.map(|brief| brief.seq));
    }
    if args.deliveries.is_empty() && args.events.is_empty() {
        let listed = gather(args.limit, Order::Newest, |page| {
            Ok(records.deliveries(filter, page)?)
        })?;
        seqs = listed.iter().map(|delivery| delivery.seq).collect();
    }
    seqs.sort_unstable();
    Ok(seqs.into_iter().map(DeliverySeq).collect())
}

fn tell(args: &ReplayArgs, outcome: &Outcome) -> anyhow::Result<ExitCode> {
    let differ = outcome
        .compared
        .iter()
        .filter(|compared| !compared.differences.is_empty())
        .count();
    let mut out = io::stdout().lock();
    if args.json {
        let told = json!({
            "compared": outcome.compared.len(),
            "different": differ,
            "skipped": outcome.skipped,
            "deliveries": outcome.compared,
        });
        writeln!(out, "{told:#}")?;
    } else {
        write(&mut out, outcome, differ)?;
    }
    Ok(if differ > 0 {
        ExitCode::from(DIFFERENT)
    } else {
        ExitCode::SUCCESS
    })
}

fn write(out: &mut impl Write, outcome: &Outcome, differ: usize) -> io::Result<()> {
    for compared in &outcome.compared {
        if !compared.differences.is_empty() {
            writeln!(
                out,
                "delivery {} of {} {}",
                compared.delivery,
                compared.event,
                printable(&compared.kind)
            )?;
            write_differences(out, &compared.differences)?;
        }
    }
    let count = |is: fn(&Compared) -> bool| outcome.compared.iter().filter(|c| is(c)).count();
    writeln!(
        out,
        "{differ} of {} deliveries differ",
        outcome.compared.len()
    )?;
    let alone = count(|compared| !compared.rerun);
    if alone > 0 {
        writeln!(
            out,
            "{alone} were compared with the record, and not in state: \
             the component that ran then is not kept"
        )?;
    }
    let since = count(|compared| !compared.since.is_empty());
    if since > 0 {
        writeln!(
            out,
            "{since} come out otherwise than recorded with the recorded component too, \
             since the state has moved on"
        )?;
    }
    if outcome.skipped > 0 {
        writeln!(
            out,
            "{} were passed over: never tried, or their payload is no longer kept",
            outcome.skipped
        )?;
    }
    Ok(())
}

fn write_differences(out: &mut impl Write, differences: &[Difference]) -> io::Result<()> {
    let nothing = "nothing".to_owned();
    for difference in differences {
        writeln!(out, "  {}", printable(&difference.what))?;
        let was = difference.was.as_ref().unwrap_or(&nothing);
        let is = difference.is.as_ref().unwrap_or(&nothing);
        writeln!(out, "    was {}", printable(was))?;
        writeln!(out, "    is  {}", printable(is))?;
    }
    Ok(())
}
