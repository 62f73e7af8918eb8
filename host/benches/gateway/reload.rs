//! The time until a new component serves: from the end of writing its file to the first event
//! that it handles.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use rusqlite::{Connection, OpenFlags, params};
use sha2::{Digest, Sha256};

use crate::gateway::{Gateway, preamble, route};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;

const PART: &str = "reload";

/// Events a second while components are replaced. It is the resolution of the result.
const PACE: f64 = 500.0;

/// The time for which each version serves before the next.
const SERVES: Duration = Duration::from_secs(2);

/// Replaces a component under a steady stream of events.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join("reload");
    let plugins = folder.join("plugins");
    fs::create_dir_all(&plugins)?;
    let original = fs::read(options.component("conformance"))?;
    publish(options, &original)?;
    let gateway = Gateway::fresh(&folder, &manifest(options))?;
    let address = gateway.ingress;
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| -> Result<_> {
        let stream = scope.spawn(|| -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                load::send(address, Batch::of(Kind::Parsed, 250)?, 4, Some(PACE))?;
            }
            Ok(())
        });
        let written = replace(options, &original);
        stop.store(true, Ordering::Relaxed);
        stream
            .join()
            .ok()
            .context("the stream of events panicked")??;
        written
    })?;
    let events = gateway.number("/ledger/events")?;
    gateway.until("/ledger/deliveries/done", events)?;
    let ledger = Connection::open_with_flags(
        gateway.folder.join("data/tollgate.db"),
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?;
    let mut compiled = Vec::new();
    let mut cached = Vec::new();
    for (n, (digest, at)) in written.iter().enumerate() {
        let first = first_after(&ledger, digest, *at)?;
        // Every second version is the original, which was compiled before.
        if n % 2 == 0 {
            &mut compiled
        } else {
            &mut cached
        }
        .push((first - at) as f64);
    }
    report.figure(PART, "a new component (it is compiled)", "ms", compiled);
    report.figure(
        PART,
        "a component that has been compiled before",
        "ms",
        cached,
    );
    report.remark(format!(
        "reload: {events} events meanwhile, all acknowledged and all handled once"
    ));
    let doubled: u64 = ledger.query_row(
        "SELECT COUNT(*) FROM deliveries WHERE attempts <> 1",
        [],
        |row| row.get::<_, i64>(0),
    )? as u64;
    ensure!(
        doubled == 0,
        "{doubled} deliveries took more than one attempt"
    );
    Ok(())
}

fn manifest(options: &Options) -> String {
    let mut text = preamble(&options.scratch.join("reload/plugins"));
    text.push_str("[handlers.parse]\ncomponent = \"replaced.wasm\"\n");
    text.push_str(&route("payment_intent.succeeded", "parse"));
    text
}

/// Writes new versions and the original in turns. Returns the digests and times of writing.
fn replace(options: &Options, original: &[u8]) -> Result<Vec<(Vec<u8>, i64)>> {
    let mut written = Vec::new();
    for round in 0..options.rounds {
        std::thread::sleep(SERVES);
        written.push(publish(options, &version(original, round))?);
        std::thread::sleep(SERVES);
        written.push(publish(options, original)?);
    }
    std::thread::sleep(SERVES);
    Ok(written)
}

/// Returns the same program as another file, with a custom section that contains the time and
/// the round.
pub(crate) fn version(original: &[u8], round: usize) -> Vec<u8> {
    let text = format!("bench {round} {:?}", SystemTime::now());
    let name = b"version";
    let length = 1 + name.len() + text.len();
    let mut bytes = original.to_vec();
    // Section 0, its length, the name's length. Each is below 128, so one byte of LEB128.
    bytes.extend([0, length as u8, name.len() as u8]);
    bytes.extend(name);
    bytes.extend(text.as_bytes());
    bytes
}

/// Puts a component in its place by a rename. Returns its digest and the time in milliseconds
/// since the Unix epoch.
fn publish(options: &Options, bytes: &[u8]) -> Result<(Vec<u8>, i64)> {
    let plugins = options.scratch.join("reload/plugins");
    let new = plugins.join(".new");
    fs::write(&new, bytes)?;
    fs::rename(new, plugins.join("replaced.wasm"))?;
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok((Sha256::digest(bytes).to_vec(), i64::try_from(at)?))
}

/// Returns the time at which the first run of this component after `at` began.
fn first_after(ledger: &Connection, digest: &[u8], at: i64) -> Result<i64> {
    let first: Option<i64> = ledger.query_row(
        "SELECT MIN(a.started) FROM attempts a JOIN components c ON c.id = a.component
         WHERE c.digest = ?1 AND a.started >= ?2",
        params![digest, at],
        |row| row.get(0),
    )?;
    first.context("a version has handled nothing")
}
