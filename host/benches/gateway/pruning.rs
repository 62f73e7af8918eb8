//! The effect of pruning on acknowledgement: the tail with and without constant pruning, and
//! the speed of pruning.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::gateway::{Gateway, preamble};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::{median, percentile};

const PART: &str = "acknowledgement while events are pruned";

/// Requests a second. Few accounts see as many.
const PACE: f64 = 1_000.0;

/// The number of events to prune for each sent request: enough to prune 10,000 a second.
const TO_PRUNE: usize = 10;

/// Measures both ways, round by round, each time on a new gateway.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let requests = options.requests / 4;
    let folder = options.scratch.join("pruning");
    let keep = preamble(&options.root.join("plugins/target/components"));
    let prune = keep.replace("[ledger]\n", "[ledger]\nretention = \"1s\"\n");
    let (mut without, mut with, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let gateway = Gateway::fresh(&folder, &keep)?;
        let fill = Batch::of(Kind::Unrouted, TO_PRUNE * requests)?;
        load::send(gateway.ingress, fill, options.connections, None)?;
        without.push(tail(options, &gateway, requests)?);
        drop(gateway);
        let gateway = Gateway::start(&folder, &prune)?;
        gateway.until("/ledger/pruned", 1)?;
        let (begun, before) = (Instant::now(), gateway.number("/ledger/pruned")?);
        with.push(tail(options, &gateway, requests)?);
        let pruned = gateway.number("/ledger/pruned")? - before;
        rates.push(pruned as f64 / begun.elapsed().as_secs_f64());
        let left = gateway.number("/ledger/events")?;
        ensure!(left > requests as u64, "all was pruned before the end");
    }
    let ratio = median(&with) / median(&without);
    report.figure(
        PART,
        "p99 at 1,000 events a second, nothing pruned",
        "ms",
        without,
    );
    report.figure(PART, "p99 at 1,000 events a second, pruning", "ms", with);
    report.figure(PART, "pruned meanwhile", "events/s", rates);
    report.ratio(
        "p99 at 1,000 events a second, pruning / without",
        ratio,
        None,
    );
    Ok(())
}

fn tail(options: &Options, gateway: &Gateway, requests: usize) -> Result<f64> {
    let batch = Batch::of(Kind::Unrouted, requests)?;
    let outcome = load::send(gateway.ingress, batch, options.connections, Some(PACE))?;
    Ok(percentile(&outcome.latencies, 0.99))
}
