//! The cost of order: one handler, a thousand keys, with and without `order_by`.

use std::time::Instant;

use anyhow::Result;

use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::median;

const PART: &str = "order";

/// The number of requests before the rounds. They do not count.
const WARM_UP: usize = 2_000;

/// Measures both in turns.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join(PART);
    let manifest = manifest(options);
    let kinds = [Kind::SideBySide, Kind::Ordered];
    let mut rates = [Vec::new(), Vec::new()];
    for round in 0..options.rounds {
        let gateway = Gateway::fresh(&folder, &manifest)?;
        for kind in kinds {
            handle(options, &gateway, kind, WARM_UP.min(options.requests))?;
        }
        for turn in 0..kinds.len() {
            let index = (turn + round) % kinds.len();
            let rate = handle(options, &gateway, kinds[index], options.requests)?;
            rates[index].push(rate);
        }
        eprintln!("  round {} of {}", round + 1, options.rounds);
    }
    let [beside, ordered] = rates;
    let ratio = median(&ordered) / median(&beside);
    report.figure(PART, "handled, side by side", "events/s", beside);
    report.figure(
        PART,
        "handled, in the order of 1,000 keys",
        "events/s",
        ordered,
    );
    report.ratio("ordered / side by side", ratio, None);
    Ok(())
}

fn manifest(options: &Options) -> String {
    let plugins = options.root.join("plugins/target/components");
    let mut text = preamble(&plugins);
    text.push_str(
        "[handlers.beside]\ncomponent = \"conformance.wasm\"\n\
         [handlers.ordered]\ncomponent = \"conformance.wasm\"\n\
         order_by = \"/data/object/customer\"\n",
    );
    text.push_str(&route("invoice.created", "beside"));
    text.push_str(&route("invoice.paid", "ordered"));
    text
}

/// Handles this number of events of a kind to the end. Returns events a second.
fn handle(options: &Options, gateway: &Gateway, kind: Kind, count: usize) -> Result<f64> {
    let batch = Batch::of(kind, count)?;
    let done = "/ledger/deliveries/done";
    let before = gateway.number(done)?;
    let started = Instant::now();
    load::send(gateway.ingress, batch, options.connections, None)?;
    gateway.until(done, before + count as u64)?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
