//! The cost of the sandbox: a new instance with one call, compared with a call alone.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use tollgate::manifest;
use tollgate::settings::{Handler, Manifest};
use tollgate_base::event::{Event, EventId, Headers, SourceName};
use tollgate_base::time::WallTime;
use tollgate_ledger::{Delivery, DeliveryId};
use tollgate_sandbox::{
    CompileIn, Component, End, Sandbox, SandboxOptions, StateSource, THREAD_STACK,
};

use crate::gateway::{preamble, route};
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::median;

const PART: &str = "sandbox";

/// The number of runs in a round.
const RUNS: u32 = 5_000;

/// A component with an event for it.
struct Subject {
    name: &'static str,
    handler: Arc<Handler>,
    component: Arc<Component>,
    delivery: Delivery,
}

/// Measures the handlers in `plugins/`, on one thread, with nothing else running.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join(PART);
    let cache = folder.join("cache");
    fs::create_dir_all(&cache)?;
    let sandbox = Sandbox::new(&SandboxOptions {
        cache: Some(cache),
        second_cache: None,
        instances: 64,
        compile_in: CompileIn::ThisProcess,
    })?;
    let manifest = manifest(options)?;
    let subjects = [
        subject(
            options,
            &manifest,
            &sandbox,
            "fulfillment",
            "checkout.session.completed",
            Kind::Order,
        )?,
        subject(
            options,
            &manifest,
            &sandbox,
            "conformance",
            "payment_intent.succeeded",
            Kind::Parsed,
        )?,
    ];
    for subject in &subjects {
        let rounds = options.rounds;
        let (fresh, kept) = std::thread::scope(|scope| {
            // Guests need this much stack.
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            let measured = thread.spawn_scoped(scope, || rounds_of(&sandbox, subject, rounds))?;
            measured
                .join()
                .ok()
                .context("the measuring thread panicked")?
        })?;
        let above = median(&fresh) - median(&kept);
        let name = subject.name;
        report.figure(
            PART,
            format!("{name}: a fresh instance and the call"),
            "µs",
            fresh,
        );
        report.figure(
            PART,
            format!("{name}: the call on a kept instance"),
            "µs",
            kept,
        );
        let wanted = (name == "fulfillment").then_some("at most 15 µs");
        report.ratio(format!("{name}: µs above the call itself"), above, wanted);
    }
    Ok(())
}

/// Returns the microseconds of a run, round by round: with new instances, and with kept ones.
fn rounds_of(sandbox: &Sandbox, subject: &Subject, rounds: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let state = StateSource::Given(Arc::new(BTreeMap::new()));
    let (mut fresh, mut kept) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let started = Instant::now();
        for _ in 0..RUNS {
            let run = sandbox.run(
                &subject.component,
                &subject.handler.guest,
                &subject.delivery,
                state.clone(),
            );
            ensure!(run.end == End::Done, "{} ended {:?}", subject.name, run.end);
        }
        let one = started.elapsed() / RUNS;
        let calls = sandbox
            .time_calls(
                &subject.component,
                &subject.handler.guest,
                &subject.delivery,
                &state,
                RUNS,
            )
            .map_err(|end| anyhow!("{} ended {end:?}", subject.name))?;
        // The first round only warms up.
        if round > 0 {
            fresh.push(micros(one));
            kept.push(micros(calls / RUNS));
        }
    }
    Ok((fresh, kept))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn manifest(options: &Options) -> Result<Manifest> {
    let folder = options.scratch.join(PART);
    let mut text = preamble(&options.root.join("plugins/target/components"));
    text.push_str(
        "[handlers.conformance]\ncomponent = \"conformance.wasm\"\n\
         [handlers.fulfillment]\ncomponent = \"fulfillment.wasm\"\n\
         config = { warehouse_url = \"http://127.0.0.1:1/ship\", mail_url = \"http://127.0.0.1:1/mail\" }\n\
         [[handlers.fulfillment.allow]]\norigin = \"http://127.0.0.1:1\"\n",
    );
    text.push_str(&route("payment_intent.succeeded", "conformance"));
    text.push_str(&route("checkout.session.completed", "fulfillment"));
    let path = folder.join("tollgate.toml");
    fs::write(&path, text)?;
    let env = |name: &str| (name == "BENCH_SECRET").then(|| crate::payload::SECRET.to_owned());
    manifest::load(&path, &env).map_err(|mistakes| anyhow!("{mistakes:?}"))
}

fn subject(
    options: &Options,
    manifest: &Manifest,
    sandbox: &Sandbox,
    name: &'static str,
    kind: &str,
    payload: Kind,
) -> Result<Subject> {
    let handler = manifest
        .handlers
        .get(name)
        .context("no such handler")?
        .clone();
    let component = sandbox.load(&fs::read(options.component(name))?)?;
    let batch = Batch::of(payload, 1)?;
    let body = batch.bodies().next().context("an empty batch")?;
    let now = WallTime::from_millis(1_790_000_000_000);
    let event = Event {
        id: EventId::generate(now),
        source: SourceName::new("stripe"),
        provider_id: Some("evt_1".into()),
        kind: kind.into(),
        subject: None,
        account: None,
        created: Some(now),
        received: now,
        headers: Headers::default(),
        metadata: Vec::new(),
        depth: 0,
        payload: Bytes::copy_from_slice(body),
    };
    let delivery = Delivery {
        id: DeliveryId(1),
        handler: handler.name.clone(),
        event: Arc::new(event),
        resolved: None,
        attempts: 0,
        run: 0,
        keys: 0,
        component: None,
        answers: None,
        crashes: 0,
        since: now,
        uncounted: 0,
        key: None,
    };
    Ok(Subject {
        name,
        handler,
        component,
        delivery,
    })
}
