//! Events that a gateway handles to the end in a second, beside Express.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::project::Built;
use crate::contender::Process;
use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::stats::median;

/// The seconds of a turn, by the rate of the first events.
const TURN: f64 = 1.5;

/// The events before the rounds. They tell how many events a turn takes.
const WARM_UP: usize = 1000;

/// Events a second, and the gateway's memory in MiB.
pub(super) struct Served {
    pub(super) merged: f64,
    pub(super) unmerged: f64,
    pub(super) express: Option<f64>,
    pub(super) resident: f64,
    pub(super) not_files: f64,
}

/// The manifest of a gateway with one handler.
pub(super) fn manifest(component: &Path) -> Result<String> {
    let folder = component.parent().context("a file in a folder")?;
    let file = component.file_name().context("a file")?.to_string_lossy();
    let mut text = preamble(folder);
    text.push_str(&format!("[handlers.paid]\ncomponent = \"{file}\"\n"));
    text.push_str(&route("payment_intent.succeeded", "paid"));
    Ok(text)
}

/// Serves both components and Express in turns.
pub(super) fn serve(options: &Options, built: &Built, express: Option<&Process>) -> Result<Served> {
    let start = |component: &Path, name: &str| -> Result<Gateway> {
        let folder = options.scratch.join("languages/gateways").join(name);
        Gateway::fresh(&folder, &manifest(component)?)
    };
    let gateways = [
        start(&built.component, "merged")?,
        start(&built.unmerged, "unmerged")?,
    ];
    let mut counts = Vec::new();
    for gateway in &gateways {
        let rate = handled(options, gateway, WARM_UP)?;
        counts.push(((rate * TURN) as usize).clamp(WARM_UP, options.requests));
    }
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..options.rounds {
        for (turn, gateway) in gateways.iter().enumerate() {
            rates[turn].push(handled(options, gateway, counts[turn])?);
        }
        if let Some(express) = express {
            let count = options.requests / 2;
            let batch = Batch::of(Kind::Parsed, count)?;
            let sent = load::send(express.address, batch, options.connections, None)?;
            rates[2].push(count as f64 / sent.elapsed.as_secs_f64());
        }
    }
    Ok(Served {
        merged: median(&rates[0]),
        unmerged: median(&rates[1]),
        express: express.map(|_| median(&rates[2])),
        resident: gateways[0].memory("VmRSS:")?,
        not_files: gateways[0].memory("RssAnon:")?,
    })
}

/// Sends events, waits until all are handled, and returns the events a second.
fn handled(options: &Options, gateway: &Gateway, count: usize) -> Result<f64> {
    let done = "/ledger/deliveries/done";
    let before = gateway.number(done)?;
    let batch = Batch::of(Kind::Parsed, count)?;
    let started = Instant::now();
    load::send(gateway.ingress, batch, options.connections, None)?;
    gateway.until(done, before + count as u64)?;
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
