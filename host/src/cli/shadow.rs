//! `tollgate replay --shadow FILE.wasm`: compares a candidate component with recorded runs.
//!
//! The comparison runs in this process and reads the ledger. So it puts no load on a running
//! gateway, and it works without one.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::json;
use tollgate_base::event::HandlerName;
use tollgate_base::files::read_regular;
use tollgate_ledger::{DeliveryBrief, DeliveryId, RecordFilter, Records, find_event};
use tollgate_sandbox::THREAD_STACK;

use super::compile::{code_cache, compile_in};
use super::exit::{Exit, found};
use super::gateway::{GatewayArgs, open_ledger, read_pages};
use super::output::{print, print_error, printable};
use super::progress::Progress;
use crate::generation::ComponentStore;
use crate::settings::{Handler, Manifest};
use crate::shadow::{Comparison, Difference, Shadow};

/// The arguments of a shadow replay.
pub(super) struct ShadowReplay<'a> {
    /// The file of the candidate.
    pub(super) candidate: &'a Path,
    pub(super) gateway: &'a GatewayArgs,
    /// Which deliveries to compare, if the arguments name no deliveries and no events.
    pub(super) filter: RecordFilter,
    pub(super) deliveries: &'a [i64],
    pub(super) events: &'a [String],
    /// The greatest number of deliveries of a filter.
    pub(super) limit: usize,
    pub(super) json: bool,
}

/// The comparisons of all deliveries.
#[derive(Default)]
struct Comparisons {
    compared: Vec<Comparison>,
    /// How many deliveries have no attempt or no payload.
    skipped: u64,
}

/// Runs the command. A difference is a failure; a comparison that is not possible is not tried.
pub(super) fn run(args: &ShadowReplay<'_>) -> ExitCode {
    match compare(args).and_then(|comparisons| show(args, &comparisons)) {
        Ok(code) => code,
        Err(error) => {
            print_error(error);
            Exit::NotTried.into()
        }
    }
}

fn compare(args: &ShadowReplay<'_>) -> anyhow::Result<Comparisons> {
    let manifest = args.gateway.read_manifest()?;
    let path = args.candidate.display();
    let candidate = read_regular(args.candidate, manifest.plugins.max_size)
        .with_context(|| path.to_string())?;
    let mut filter = args.filter.clone();
    let handler = handler(&manifest, filter.handler.as_ref())?;
    filter.handler = Some(handler.name.clone());
    let ledger = open_ledger(manifest.ledger.path.clone())?;
    let seqs = deliveries(args, &*ledger, &filter)?;
    let data = manifest.ledger.path.parent().unwrap_or(Path::new(""));
    let components = ComponentStore::in_folder(data);
    let work = move || {
        let name = handler.name.clone();
        let shadow = Shadow::new(
            &candidate,
            handler,
            ledger.clone(),
            components,
            compile_in(),
            code_cache(),
        )?;
        compare_all(shadow, &name, &*ledger, &seqs)
    };
    // Guests may need more stack than this thread has.
    std::thread::Builder::new()
        .stack_size(THREAD_STACK)
        .spawn(work)?
        .join()
        .map_err(|_| anyhow::anyhow!("the shadow replay panicked"))?
}

fn compare_all(
    mut shadow: Shadow,
    handler: &HandlerName,
    records: &dyn Records,
    seqs: &[DeliveryId],
) -> anyhow::Result<Comparisons> {
    let mut comparisons = Comparisons::default();
    let progress = Progress::of("comparing", seqs.len() as u64);
    for seq in seqs {
        progress.add(1);
        match records.recorded(*seq)? {
            Some(recorded) if recorded.delivery.handler != *handler => {
                let other = &recorded.delivery.handler;
                bail!(
                    "delivery {} is a delivery of handler `{other}`, not of `{handler}`",
                    seq.0
                );
            }
            Some(recorded) => comparisons.compared.push(shadow.compare(&recorded)?),
            None => comparisons.skipped += 1,
        }
    }
    Ok(comparisons)
}

/// The handler whose component the candidate replaces. The default is the manifest's only handler.
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
        None => bail!("name the handler of the candidate with `--handler`"),
    }
}

/// The deliveries to compare: in the order of the arguments, or for a filter in the order of
/// arrival.
fn deliveries(
    args: &ShadowReplay<'_>,
    records: &dyn Records,
    filter: &RecordFilter,
) -> anyhow::Result<Vec<DeliveryId>> {
    let mut seqs = args.deliveries.to_vec();
    let handler = filter.handler.as_ref().map(HandlerName::as_str);
    for id in args.events {
        let id = find_event(records, id)?;
        let event = records.event(id)?;
        let event = found(event, || format!("there is no event {id}"))?;
        let of_handler = |brief: &&DeliveryBrief| Some(brief.handler.as_str()) == handler;
        let deliveries = event.event.deliveries.iter().filter(of_handler);
        seqs.extend(deliveries.map(|brief| brief.seq));
    }
    if args.deliveries.is_empty() && args.events.is_empty() {
        let listed = read_pages(args.limit, |page| Ok(records.deliveries(filter, page)?))?;
        // The list has the newest delivery first.
        seqs = listed.iter().rev().map(|delivery| delivery.seq).collect();
    }
    Ok(seqs.into_iter().map(DeliveryId).collect())
}

fn show(args: &ShadowReplay<'_>, comparisons: &Comparisons) -> anyhow::Result<ExitCode> {
    let different = comparisons
        .compared
        .iter()
        .filter(|comparison| !comparison.differences.is_empty())
        .count();
    let json = json!({
        "compared": comparisons.compared.len(),
        "different": different,
        "skipped": comparisons.skipped,
        "deliveries": comparisons.compared,
    });
    print(args.json, &json, |out| write(out, comparisons, different))?;
    Ok(if different > 0 {
        Exit::Failed.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn write(out: &mut dyn Write, comparisons: &Comparisons, different: usize) -> io::Result<()> {
    let compared = &comparisons.compared;
    for comparison in compared {
        if !comparison.differences.is_empty() {
            writeln!(
                out,
                "delivery {} of {} {}",
                comparison.delivery,
                comparison.event,
                printable(&comparison.kind)
            )?;
            write_differences(out, &comparison.differences)?;
        }
    }
    writeln!(out, "{different} of {} deliveries differ", compared.len())?;
    let count = |is: fn(&Comparison) -> bool| compared.iter().filter(|one| is(one)).count();
    let without_rerun = count(|comparison| !comparison.rerun);
    if without_rerun > 0 {
        writeln!(
            out,
            "{without_rerun} were compared with the record and without state: \
             the recorded component is not kept"
        )?;
    }
    let moved_on = count(|comparison| !comparison.since.is_empty());
    if moved_on > 0 {
        writeln!(
            out,
            "{moved_on} differ from the record with the recorded component too: \
             the state has changed since then"
        )?;
    }
    if comparisons.skipped > 0 {
        writeln!(
            out,
            "{} were skipped: they have no attempt, or their payload is no longer kept",
            comparisons.skipped
        )?;
    }
    Ok(())
}

fn write_differences(out: &mut dyn Write, differences: &[Difference]) -> io::Result<()> {
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
