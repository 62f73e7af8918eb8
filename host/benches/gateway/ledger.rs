//! The cost of a large ledger: throughput with none, one million and five million events in
//! it, and the time until a killed gateway accepts events again. This part takes half an hour
//! and 15 GB, so it runs only if the command line names it.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::median;

const PART: &str = "a large ledger";

/// The number of events in one batch that fills a ledger.
const FILL: usize = 50_000;

/// The time under load before the kill.
const BEFORE_KILL: Duration = Duration::from_millis(700);

/// The medians at one size.
struct Size {
    acknowledged: f64,
    handled: f64,
    recovery: f64,
}

/// Measures at each size, on one growing ledger.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let mut manifest = preamble(&options.root.join("plugins/target/components"));
    manifest.push_str("[handlers.parse]\ncomponent = \"conformance.wasm\"\n");
    manifest.push_str(&route("payment_intent.succeeded", "parse"));
    let folder = options.scratch.join("ledger");
    let mut gateway = Gateway::fresh(&folder, &manifest)?;
    let mut sizes = Vec::new();
    for size in &options.sizes {
        fill(options, &gateway, *size)?;
        let (at, next) = measure_at(options, report, gateway, &manifest, *size)?;
        gateway = next;
        sizes.push(at);
    }
    if let [first, .., last] = &sizes[..] {
        let most = options.sizes.last().copied().unwrap_or_default();
        report.ratio(
            format!("acknowledged: {} events / none", millions(most)),
            last.acknowledged / first.acknowledged,
            Some("at least 0.7"),
        );
        report.ratio(
            format!("handled: {} events / none", millions(most)),
            last.handled / first.handled,
            Some("at least 0.7"),
        );
        report.ratio(
            format!("recovery in seconds, {} events", millions(most)),
            last.recovery / 1000.0,
            Some("at most 2"),
        );
    }
    Ok(())
}

fn measure_at(
    options: &Options,
    report: &mut Report,
    mut gateway: Gateway,
    manifest: &str,
    size: usize,
) -> Result<(Size, Gateway)> {
    let (mut acknowledged, mut handled, mut recovery) = (Vec::new(), Vec::new(), Vec::new());
    // The first measurement only warms up.
    rate(options, &gateway, Kind::Unrouted)?;
    for round in 0..options.rounds {
        acknowledged.push(rate(options, &gateway, Kind::Unrouted)?);
        handled.push(rate(options, &gateway, Kind::Parsed)?);
        let (took, next) = recover(options, gateway, manifest)?;
        recovery.push(took);
        gateway = next;
        eprintln!("  round {} of {}", round + 1, options.rounds);
    }
    let at = Size {
        acknowledged: median(&acknowledged),
        handled: median(&handled),
        recovery: median(&recovery),
    };
    let name = millions(size);
    report.figure(
        PART,
        format!("{name}: acknowledged"),
        "events/s",
        acknowledged,
    );
    report.figure(PART, format!("{name}: handled"), "events/s", handled);
    report.figure(PART, format!("{name}: kill -9 to ready"), "ms", recovery);
    Ok((at, gateway))
}

/// Returns events a second, acknowledged or handled.
fn rate(options: &Options, gateway: &Gateway, kind: Kind) -> Result<f64> {
    let done = "/ledger/deliveries/done";
    let before = gateway.number(done)?;
    let batch = Batch::of(kind, options.requests)?;
    let started = Instant::now();
    let outcome = load::send(gateway.ingress, batch, options.connections, None)?;
    if kind == Kind::Unrouted {
        return Ok(options.requests as f64 / outcome.elapsed.as_secs_f64());
    }
    gateway.until(done, before + options.requests as u64)?;
    Ok(options.requests as f64 / started.elapsed().as_secs_f64())
}

/// Kills the gateway under load and starts it again. Returns the milliseconds from the start
/// until it accepts events.
fn recover(options: &Options, gateway: Gateway, manifest: &str) -> Result<(f64, Gateway)> {
    let folder = gateway.folder.clone();
    let address = gateway.ingress;
    let batch = Batch::of(Kind::Parsed, 4 * options.requests)?;
    let connections = options.connections;
    // The kill breaks the sender's connections.
    let sender = std::thread::spawn(move || load::send(address, batch, connections, None).is_ok());
    std::thread::sleep(BEFORE_KILL);
    drop(gateway);
    let started = Instant::now();
    let gateway = Gateway::start(&folder, manifest)?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let unbroken = sender.join().unwrap_or(false);
    anyhow::ensure!(
        !unbroken,
        "the gateway was killed after the load: use more requests"
    );
    // The acknowledged events are handled before the next measurement.
    wait_for_rest(&gateway)?;
    Ok((took, gateway))
}

fn wait_for_rest(gateway: &Gateway) -> Result<()> {
    let left = || -> Result<u64> {
        Ok(gateway.number("/ledger/deliveries/pending")?
            + gateway.number("/ledger/deliveries/retrying")?)
    };
    while left()? > 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Records events until the ledger has this number.
fn fill(options: &Options, gateway: &Gateway, size: usize) -> Result<()> {
    loop {
        let have = gateway.number("/ledger/events")? as usize;
        let Some(left) = size.checked_sub(have).filter(|left| *left > 0) else {
            return Ok(());
        };
        let batch = Batch::of(Kind::Unrouted, left.min(FILL))?;
        load::send(gateway.ingress, batch, options.connections, None)?;
        eprintln!("  {left} events left to record");
    }
}

fn millions(size: usize) -> String {
    match size {
        0 => "no events".to_owned(),
        size if size.is_multiple_of(1_000_000) => format!("{} million", size / 1_000_000),
        size => format!("{size}"),
    }
}
