//! The time until a changed handler serves, and the memory of a gateway: after the gateway has
//! compiled a component, and with many components.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::PART;
use super::project::Built;
use super::serve::manifest;
use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::reload::version;
use crate::report::Report;
use crate::stats::median;

/// The handlers in Python of one gateway.
const MANY: usize = 100;

/// The time in which the allocator gives unused memory back.
const GIVEN_BACK: Duration = Duration::from_secs(20);

/// The longest wait for a changed handler.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures the times of JavaScript and Python, and the memory with Python.
pub(super) fn measure<'a>(
    options: &Options,
    report: &mut Report,
    built: impl Iterator<Item = &'a Built>,
) -> Result<()> {
    for built in built {
        let wanted = match built.name {
            "python" => "at most 2.5",
            "javascript" => "at most 0.6",
            _ => continue,
        };
        let times = changed(options, built)?;
        let seconds = median(&times);
        let what = format!("{}: from a changed file to the first event", built.name);
        report.figure(PART, &what, "s", times);
        report.ratio(format!("{what}, s"), seconds, Some(wanted));
        if built.name == "python" {
            one(options, report, built)?;
            many(options, report, built)?;
        }
    }
    Ok(())
}

/// Replaces the component of a running gateway, and returns the seconds until it serves.
fn changed(options: &Options, built: &Built) -> Result<Vec<f64>> {
    let folder = options.scratch.join("languages/changed");
    fs::create_dir_all(&folder)?;
    let file = folder.join("served.component");
    fs::copy(&built.component, &file)?;
    let gateway = started_anew(&folder, &manifest(&file)?)?;
    let changed = fs::read(&built.changed)?;
    let mut times = Vec::new();
    for round in 0..options.rounds {
        let bytes = version(&changed, round);
        let new = folder.join(".new");
        fs::write(&new, &bytes)?;
        let before = digest(&gateway)?;
        fs::rename(&new, &file)?;
        let started = Instant::now();
        while digest(&gateway)? == before {
            ensure!(
                started.elapsed() < PATIENCE,
                "a changed handler does not serve"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        call(&gateway, 1)?;
        times.push(started.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// The memory of a gateway that has compiled one component.
fn one(options: &Options, report: &mut Report, built: &Built) -> Result<()> {
    let folder = options.scratch.join("languages/one");
    let gateway = started_anew(&folder, &manifest(&built.component)?)?;
    call(&gateway, 1)?;
    let what = "python: not files, just after one was compiled";
    report.figure(PART, what, "MiB", vec![gateway.memory("RssAnon:")?]);
    std::thread::sleep(GIVEN_BACK);
    let anonymous = gateway.memory("RssAnon:")?;
    let what = format!("python: not files, {GIVEN_BACK:?} after one was compiled");
    report.figure(PART, &what, "MiB", vec![anonymous]);
    report.ratio(format!("{what}, MiB"), anonymous, Some("at most 40"));
    Ok(())
}

/// The memory of a gateway with many components, each of which was called.
fn many(options: &Options, report: &mut Report, built: &Built) -> Result<()> {
    let folder = options.scratch.join("languages/many");
    let plugins = folder.join("plugins");
    fs::create_dir_all(&plugins)?;
    let original = fs::read(&built.component)?;
    let mut text = preamble(&plugins);
    let mut names = Vec::new();
    for n in 0..MANY {
        fs::write(plugins.join(format!("h{n}.wasm")), version(&original, n))?;
        text.push_str(&format!("[handlers.h{n}]\ncomponent = \"h{n}.wasm\"\n"));
        names.push(format!("\"h{n}\""));
    }
    let names = names.join(", ");
    text.push_str(&route("payment_intent.succeeded", "h0").replace("\"h0\"", &names));
    drop(started_anew(&folder, &text)?);
    let gateway = Gateway::fresh(&folder, &text)?;
    call(&gateway, MANY as u64)?;
    let anonymous = gateway.memory("RssAnon:")?;
    let what = format!("{MANY} handlers in Python, each called: not files");
    report.figure(PART, &what, "MiB", vec![anonymous]);
    report.ratio(format!("{what}, MiB"), anonymous, Some("at most 250"));
    let resident = gateway.memory("VmRSS:")?;
    let what = format!("{MANY} handlers in Python, each called: resident");
    report.figure(PART, what, "MiB", vec![resident]);
    drop(gateway);
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// A gateway without compiled code of before.
fn started_anew(folder: &Path, manifest: &str) -> Result<Gateway> {
    let data = folder.join("data");
    if data.exists() {
        fs::remove_dir_all(data)?;
    }
    Gateway::fresh(folder, manifest)
}

/// Sends an event, and waits until its deliveries are done.
fn call(gateway: &Gateway, deliveries: u64) -> Result<()> {
    let done = "/ledger/deliveries/done";
    let before = gateway.number(done)?;
    load::send(gateway.ingress, Batch::of(Kind::Parsed, 1)?, 1, None)?;
    gateway.until(done, before + deliveries)
}

/// The digest of the component that serves.
fn digest(gateway: &Gateway) -> Result<String> {
    Ok(gateway.status()?["generation"]["handlers"]["paid"]["component"].to_string())
}
