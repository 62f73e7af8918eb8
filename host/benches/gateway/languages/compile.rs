//! The time to load a component, and the time of one run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use tollgate::generation::fixtures::blank_delivery;
use tollgate::settings::Handler;
use tollgate_ledger::Delivery;
use tollgate_sandbox::{
    CompileIn, Component, End, Sandbox, SandboxOptions, StateSource, THREAD_STACK,
};

use super::project::Built;
use crate::gateway::PROGRAM;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::stats::median;

/// The time that the runs of one round take, in seconds.
const ROUND: f64 = 0.3;

/// Seconds until a component is loaded.
pub(super) struct Compiled {
    pub(super) first: f64,
    pub(super) changed: f64,
    pub(super) cached: f64,
}

/// Microseconds of a fresh instance with its call, and the bytes of its memory.
pub(super) struct Runs {
    pub(super) merged: f64,
    pub(super) unmerged: f64,
    pub(super) memory: usize,
}

/// Loads the component as the first of a gateway, then a changed one, then the first again.
pub(super) fn compile(options: &Options, built: &Built) -> Result<Compiled> {
    let cache = options.scratch.join("languages/cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    let load = |file: &Path| -> Result<f64> {
        let bytes = fs::read(file)?;
        let sandbox = sandbox(&cache)?;
        let started = Instant::now();
        sandbox.load(&bytes)?;
        Ok(started.elapsed().as_secs_f64())
    };
    Ok(Compiled {
        first: load(&built.component)?,
        changed: load(&built.changed)?,
        cached: load(&built.component)?,
    })
}

/// A sandbox that compiles as the gateway does, in a child process.
fn sandbox(cache: &Path) -> Result<Sandbox> {
    Ok(Sandbox::new(&SandboxOptions {
        cache: Some(cache.to_owned()),
        second_cache: None,
        instances: 4,
        compile_in: CompileIn::Child {
            program: PROGRAM.into(),
            arguments: vec!["compile-component".into()],
        },
    })?)
}

/// Runs both components on many different events, in turns, on one thread.
pub(super) fn run(options: &Options, built: &Built, handler: &Arc<Handler>) -> Result<Runs> {
    let sandbox = sandbox(&options.scratch.join("languages/cache"))?;
    let components = [
        sandbox.load(&fs::read(&built.component)?)?,
        sandbox.load(&fs::read(&built.unmerged)?)?,
    ];
    std::thread::scope(|scope| {
        // Guests need this much stack.
        let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
        let run = || in_turns(&sandbox, &components, handler, options.rounds);
        let measured = thread.spawn_scoped(scope, run)?.join();
        measured.ok().context("the measuring thread panicked")?
    })
}

fn in_turns(
    sandbox: &Sandbox,
    components: &[Arc<Component>; 2],
    handler: &Arc<Handler>,
    rounds: usize,
) -> Result<Runs> {
    let mut times = [Vec::new(), Vec::new()];
    let mut memory = 0;
    for _ in 0..rounds {
        for (component, times) in components.iter().zip(&mut times) {
            let batch = Batch::of(Kind::Parsed, 1000)?;
            let deliveries: Vec<_> = batch.bodies().map(|body| delivery(handler, body)).collect();
            let state = StateSource::Given(Arc::new(BTreeMap::new()));
            let (started, mut runs) = (Instant::now(), 0_u32);
            for delivery in deliveries.iter().cycle() {
                let run = sandbox.run(component, &handler.guest, delivery, state.clone());
                ensure!(run.end == End::Done, "a run ended with {:?}", run.end);
                memory = run.memory;
                runs += 1;
                if started.elapsed().as_secs_f64() > ROUND {
                    break;
                }
            }
            times.push(started.elapsed().as_secs_f64() * 1e6 / f64::from(runs));
        }
    }
    Ok(Runs {
        merged: median(&times[0]),
        unmerged: median(&times[1]),
        memory,
    })
}

fn delivery(handler: &Handler, body: &[u8]) -> Delivery {
    let mut delivery = blank_delivery(handler);
    let mut event = (*delivery.event).clone();
    event.kind = "payment_intent.succeeded".into();
    event.payload = Bytes::copy_from_slice(body);
    delivery.event = Arc::new(event);
    delivery
}
