//! (a) to (f): events a second, from a bare response to a fulfilled order.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::contender::Process;
use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::sink;
use crate::stats::{median, percentile};

const PART: &str = "throughput";

/// The number of requests before the rounds. They do not count: caches fill and compilers
/// compile.
const WARM_UP: usize = 5_000;

/// The number of events in one batch that fills a ledger.
const FILL: usize = 50_000;

/// The number of events between two syncs in (f).
const GROUP: usize = 64;

/// A contender.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Contender {
    Bare,
    Verify,
    Durable,
    Handled,
    Fulfilled,
    Express,
    Append,
}

const CONTENDERS: [Contender; 7] = [
    Contender::Bare,
    Contender::Verify,
    Contender::Durable,
    Contender::Handled,
    Contender::Fulfilled,
    Contender::Express,
    Contender::Append,
];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "(a) hyper alone, answering 200",
            Self::Verify => "(b) + signature check",
            Self::Durable => "(c) acknowledged when durable and deduplicated",
            Self::Handled => "(d) handled to the end by a component that parses",
            Self::Fulfilled => "(d2) orders fulfilled, two requests each delivered",
            Self::Express => "(e) Express + stripe, nothing kept",
            Self::Append => "(f) append + fdatasync in groups of 64",
        }
    }

    /// Returns the number of events. An order makes two requests, so this contender gets
    /// fewer events.
    fn count(self, options: &Options) -> usize {
        match self {
            Self::Fulfilled => (options.requests / 4).max(1),
            _ => options.requests,
        }
    }
}

/// The processes that run for all rounds.
struct Field<'a> {
    options: &'a Options,
    bare: Process,
    verify: Process,
    express: Option<Process>,
    gateway: Gateway,
    manifest: String,
}

/// Measures all contenders in turns.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let manifest = manifest(options, sink::open()?);
    let folder = options.scratch.join(PART);
    let mut field = Field {
        options,
        bare: Process::role("bare")?,
        verify: Process::role("verify")?,
        express: Process::express(options)?,
        gateway: Gateway::fresh(&folder, &manifest)?,
        manifest,
    };
    if field.express.is_none() {
        report.remark("(e) was left out: npm could not fetch Express");
    }
    fill(options, &field.gateway)?;
    let mut rates = vec![Vec::new(); CONTENDERS.len()];
    let mut tails = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..options.rounds {
        field.freshen(round)?;
        for turn in 0..CONTENDERS.len() {
            // Each contender goes first once.
            let index = (turn + round) % CONTENDERS.len();
            if let Some((rate, p99)) = field.turn(CONTENDERS[index])? {
                rates[index].push(rate);
                tails[index].extend(p99);
            }
        }
        eprintln!("  round {} of {}", round + 1, options.rounds);
    }
    report_all(report, &rates, &tails);
    Ok(())
}

fn report_all(report: &mut Report, rates: &[Vec<f64>], tails: &[Vec<f64>]) {
    for (contender, rates) in CONTENDERS.iter().zip(rates) {
        report.figure(PART, contender.name(), "events/s", rates.clone());
    }
    for (contender, tails) in CONTENDERS.iter().zip(tails) {
        if !tails.is_empty() {
            let name = format!("{}: p99", contender.name());
            report.figure("latency at full load", name, "ms", tails.clone());
        }
    }
    let of = |contender| {
        let index = CONTENDERS.iter().position(|other| *other == contender);
        index.map_or(0.0, |index| median(&rates[index]))
    };
    let express = of(Contender::Express);
    if express > 0.0 {
        report.ratio(
            "(c) / (e)",
            of(Contender::Durable) / express,
            Some("at least 2.5"),
        );
        report.ratio(
            "(d) / (e)",
            of(Contender::Handled) / express,
            Some("at least 1.5"),
        );
        report.ratio("(d2) / (e)", of(Contender::Fulfilled) / express, None);
    }
    report.ratio(
        "(b) / (a)",
        of(Contender::Verify) / of(Contender::Bare),
        None,
    );
    report.ratio(
        "(c) / (b)",
        of(Contender::Durable) / of(Contender::Verify),
        None,
    );
    report.ratio(
        "(d) / (c)",
        of(Contender::Handled) / of(Contender::Durable),
        None,
    );
}

fn manifest(options: &Options, sink: SocketAddr) -> String {
    let plugins = options.root.join("plugins/target/components");
    let mut text = preamble(&plugins);
    text.push_str(&format!(
        "[handlers.parse]\ncomponent = \"conformance.wasm\"\n\
         [handlers.fulfillment]\ncomponent = \"fulfillment.wasm\"\n\
         config = {{ warehouse_url = \"http://{sink}/ship\", mail_url = \"http://{sink}/mail\" }}\n\
         [[handlers.fulfillment.allow]]\norigin = \"http://{sink}\"\n"
    ));
    text.push_str(&route("payment_intent.succeeded", "parse"));
    text.push_str(&route("checkout.session.completed", "fulfillment"));
    text
}

/// Records `--events` events in the ledger.
fn fill(options: &Options, gateway: &Gateway) -> Result<()> {
    let mut left = options.events;
    while left > 0 {
        let count = left.min(FILL);
        let batch = Batch::of(Kind::Unrouted, count)?;
        load::send(gateway.ingress, batch, options.connections, None)?;
        left -= count;
        eprintln!("  {left} events left to record");
    }
    Ok(())
}

impl Field<'_> {
    /// Makes a new ledger, unless it was filled on purpose. Then all contenders warm up.
    fn freshen(&mut self, round: usize) -> Result<()> {
        if self.options.events == 0 {
            let folder = self.gateway.folder.clone();
            self.gateway = Gateway::fresh(&folder, &self.manifest)?;
        }
        let contenders: &[Contender] = match (round, self.options.events) {
            (0, _) => &CONTENDERS,
            (_, 0) => &[Contender::Durable, Contender::Handled, Contender::Fulfilled],
            _ => &[],
        };
        for contender in contenders {
            self.run(*contender, WARM_UP.min(contender.count(self.options)))?;
        }
        Ok(())
    }

    /// Returns events a second and the p99 in milliseconds; `None` if the contender is
    /// missing.
    fn turn(&self, contender: Contender) -> Result<Option<(f64, Option<f64>)>> {
        let count = contender.count(self.options);
        let Some((elapsed, p99)) = self.run(contender, count)? else {
            return Ok(None);
        };
        Ok(Some((count as f64 / elapsed.as_secs_f64(), p99)))
    }

    fn run(&self, contender: Contender, count: usize) -> Result<Option<(Duration, Option<f64>)>> {
        let (address, kind) = match contender {
            Contender::Bare => (self.bare.address, Kind::Unrouted),
            Contender::Verify => (self.verify.address, Kind::Unrouted),
            Contender::Durable => (self.gateway.ingress, Kind::Unrouted),
            Contender::Handled => (self.gateway.ingress, Kind::Parsed),
            Contender::Fulfilled => (self.gateway.ingress, Kind::Order),
            Contender::Express => match &self.express {
                Some(express) => (express.address, Kind::Unrouted),
                None => return Ok(None),
            },
            Contender::Append => return Ok(Some((self.append(count)?, None))),
        };
        let batch = Batch::of(kind, count)?;
        let (done, sent) = ("/ledger/deliveries/done", "/ledger/outbox/sent");
        let before = (self.gateway.number(done)?, self.gateway.number(sent)?);
        let started = Instant::now();
        let outcome = load::send(address, batch, self.options.connections, None)?;
        let mut elapsed = outcome.elapsed;
        if matches!(kind, Kind::Parsed | Kind::Order) {
            self.gateway.until(done, before.0 + count as u64)?;
            elapsed = started.elapsed();
        }
        if kind == Kind::Order {
            self.gateway.until(sent, before.1 + 2 * count as u64)?;
            elapsed = started.elapsed();
        }
        Ok(Some((elapsed, Some(percentile(&outcome.latencies, 0.99)))))
    }

    /// Appends bodies to a file, with one sync for each group.
    fn append(&self, count: usize) -> Result<Duration> {
        let batch = Batch::of(Kind::Unrouted, count)?;
        let path = self.options.scratch.join("append");
        let mut file = File::create(&path)?;
        let bodies: Vec<_> = batch.bodies().collect();
        let started = Instant::now();
        for group in bodies.chunks(GROUP) {
            file.write_all(&group.concat())?;
            file.sync_data()?;
        }
        let elapsed = started.elapsed();
        std::fs::remove_file(path)?;
        Ok(elapsed)
    }
}
