//! The effect of an endlessly looping handler on everybody else: the tail of acknowledgement,
//! with and without a full concurrency of looping deliveries.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::gateway::{Gateway, preamble, route};
use crate::load::{self, Outcome};
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::{median, percentile};

const PART: &str = "acknowledgement while a handler loops";

/// The looping handler's `concurrency`: the manifest's default.
const CONCURRENCY: u64 = 16;

/// Requests a second of the paced measurement. Few accounts see as many.
const PACE: f64 = 1_000.0;

/// The tails of one round, in milliseconds.
struct Tails {
    full: f64,
    paced: f64,
}

/// Measures both ways, round by round, each time on a new gateway.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let mut without = Vec::new();
    let mut with = Vec::new();
    for _ in 0..options.rounds {
        let gateway = Gateway::fresh(&options.scratch.join("isolation"), &manifest(options))?;
        // The first measurement only warms up.
        tails(options, &gateway)?;
        without.push(tails(options, &gateway)?);
        let loops = Batch::of(Kind::Loop, CONCURRENCY as usize)?;
        load::send(gateway.ingress, loops, 1, None)?;
        let running = "/generation/handlers/loop/running";
        gateway.until(running, CONCURRENCY)?;
        with.push(tails(options, &gateway)?);
        let still = gateway.number(running)?;
        ensure!(
            still == CONCURRENCY,
            "{still} deliveries loop, not {CONCURRENCY}"
        );
    }
    type Of = fn(&Tails) -> f64;
    let measured: [(&str, Of); 2] = [
        ("at full load", |t| t.full),
        ("at 1,000 events a second", |t| t.paced),
    ];
    for (name, of) in measured {
        let [without, with] = [&without, &with].map(|all| all.iter().map(of).collect::<Vec<_>>());
        let ratio = median(&with) / median(&without);
        report.figure(PART, format!("p99 {name}, nothing looping"), "ms", without);
        report.figure(
            PART,
            format!("p99 {name}, 16 deliveries looping"),
            "ms",
            with,
        );
        report.ratio(
            format!("p99 {name}, with looping / without"),
            ratio,
            Some("at most 2"),
        );
    }
    Ok(())
}

fn manifest(options: &Options) -> String {
    let mut text = preamble(&options.root.join("plugins/target/components"));
    text.push_str(&format!(
        "[handlers.parse]\ncomponent = \"conformance.wasm\"\n\
         [handlers.loop]\ncomponent = \"conformance.wasm\"\ntimeout = \"10m\"\nconcurrency = {CONCURRENCY}\n"
    ));
    text.push_str(&route("payment_intent.succeeded", "parse"));
    text.push_str(&route("charge.failed", "loop"));
    text
}

/// Sends events for the other handler, at full load and paced. Checks that all are handled.
fn tails(options: &Options, gateway: &Gateway) -> Result<Tails> {
    let send = |count: usize, pace| -> Result<Outcome> {
        let done = "/ledger/deliveries/done";
        let before = gateway.number(done)?;
        let batch = Batch::of(Kind::Parsed, count)?;
        let outcome = load::send(gateway.ingress, batch, options.connections, pace)?;
        gateway.until(done, before + count as u64)?;
        Ok(outcome)
    };
    let full = send(options.requests / 2, None)?;
    std::thread::sleep(Duration::from_millis(200));
    let paced = send(options.requests / 4, Some(PACE))?;
    Ok(Tails {
        full: percentile(&full.latencies, 0.99),
        paced: percentile(&paced.latencies, 0.99),
    })
}
