//! Strangers who attack the ingress listener while honest senders post events: how much memory the
//! gateway takes, whether the gateway gives the memory back, and how long honest senders wait.
//!
//! Each attack gets a gateway of its own with the default limits. The stranger's address is
//! 127.0.0.2, that of the honest senders 127.0.0.1.

mod honest;
#[path = "../../../../tests/harness/stranger.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "the stranger of the tests, of whom the attacks use a part"
)]
mod stranger;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::gateway::{Gateway, PROGRAM, preamble};
use crate::options::Options;
use crate::payload::PATH;
use crate::report::Report;
use crate::stats::percentile;
use honest::Honest;
use stranger::{Stranger, frame, preface};

/// How long honest senders post events during an attack.
const DURATION: Duration = Duration::from_secs(15);
/// The time that an attack has before honest senders begin.
const HEAD_START: Duration = Duration::from_secs(3);
/// How long the memory may take to come back.
const PATIENCE: Duration = Duration::from_secs(60);
/// Memory counts as given back at this multiple of the memory before the attack.
const BACK: f64 = 1.3;

/// An attack: the bytes, the number of connections, and the way of sending.
struct Attack {
    name: &'static str,
    connections: usize,
    bytes: Vec<u8>,
    way: Way,
}

enum Way {
    /// The connections are opened once, and stay open.
    Hold,
    /// The stranger connects and sends again as soon as everything is sent.
    Repeat,
}

/// The effect of an attack.
struct Damage {
    before: f64,
    most: f64,
    after: f64,
    /// Seconds until the memory had come back; `None` if it did not within [`PATIENCE`].
    back: Option<f64>,
    honest: Honest,
}

/// Attacks this build and, if there is one, the build of before.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    // The stranger opens thousands of connections, and the gateway inherits the limit.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    let mut programs = vec![("now", PathBuf::from(PROGRAM))];
    if let Some(before) = &options.before {
        programs.insert(0, ("before", before.clone()));
    }
    report.remark("| attack | build | MiB before | MiB at most | MiB after | back after | honest p50 | honest p99 | honest lost |");
    report.remark("|---|---|---|---|---|---|---|---|---|");
    for attack in attacks() {
        for (build, program) in &programs {
            eprintln!("attacking: {}, {build}", attack.name);
            let damage = suffer(&options.scratch.join("attack"), program, &attack)?;
            report.remark(row(&attack, build, &damage));
        }
    }
    Ok(())
}

fn row(attack: &Attack, build: &str, damage: &Damage) -> String {
    let back = damage.back.map_or_else(
        || format!("not in {} s", PATIENCE.as_secs()),
        |seconds| format!("{seconds:.0} s"),
    );
    let Honest { latencies, lost } = &damage.honest;
    format!(
        "| {} | {build} | {:.0} | {:.0} | {:.0} | {back} | {:.1} ms | {:.1} ms | {lost} of {} |",
        attack.name,
        damage.before,
        damage.most,
        damage.after,
        percentile(latencies, 0.5),
        percentile(latencies, 0.99),
        lost + latencies.len(),
    )
}

/// Runs one attack on a gateway of its own.
fn suffer(folder: &Path, program: &Path, attack: &Attack) -> Result<Damage> {
    _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder.join("plugins"))?;
    let manifest = preamble(Path::new("plugins"));
    let gateway = Gateway::start_program(program, folder, &manifest)?;
    honest::post(gateway.ingress, Duration::from_secs(2))?;
    let before = gateway.memory("VmRSS:")?;
    let under_attack = Arc::new(AtomicBool::new(true));
    let attacker = {
        let (mut stranger, going_on) = (Stranger::of(gateway.ingress), under_attack.clone());
        let (connections, bytes) = (attack.connections, attack.bytes.clone());
        let repeat = matches!(attack.way, Way::Repeat);
        let target = gateway.ingress;
        spawn(move || {
            stranger.send_on_each(connections, bytes.clone());
            while going_on.load(Ordering::Relaxed) {
                if repeat {
                    stranger = Stranger::of(target);
                    stranger.send_on_each(connections, bytes.clone());
                } else {
                    sleep(Duration::from_millis(50));
                }
            }
        })
    };
    sleep(HEAD_START);
    let honest = honest::post(gateway.ingress, DURATION)?;
    under_attack.store(false, Ordering::Relaxed);
    attacker
        .join()
        .map_err(|_| anyhow!("the stranger panicked"))?;
    let most = gateway.memory("VmHWM:")?;
    let ended = Instant::now();
    let (after, back) = loop {
        let after = gateway.memory("VmRSS:")?;
        let waited = ended.elapsed();
        if after <= before * BACK {
            break (after, Some(waited.as_secs_f64()));
        }
        if waited > PATIENCE {
            break (after, None);
        }
        sleep(Duration::from_millis(500));
    };
    Ok(Damage {
        before,
        most,
        after,
        back,
        honest,
    })
}

fn attacks() -> Vec<Attack> {
    let mut attacks = held();
    attacks.extend(floods());
    attacks
}

/// The attacks by connections that stay open.
fn held() -> Vec<Attack> {
    let hold = |name, connections, bytes| Attack {
        name,
        connections,
        bytes,
        way: Way::Hold,
    };
    let unfinished = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{}",
        "x".repeat(999_000)
    );
    let slow_head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\nx: {}",
        "x".repeat(60_000)
    );
    vec![
        hold("8,500 silent connections", 8_500, b"P".to_vec()),
        hold(
            "120 x 125 HTTP/2 heads of 15 KB, bodies never sent",
            120,
            stranger::heads(125, 15_000),
        ),
        hold(
            "120 x 125 HTTP/2 heads of 60 KB, bodies never sent",
            120,
            stranger::heads(125, 60_000),
        ),
        hold(
            "2,000 HTTP/1.1 heads of 60 KB that never end",
            2_000,
            slow_head.into_bytes(),
        ),
        hold(
            "1,000 bodies of 1 MB that never end",
            1_000,
            unfinished.into_bytes(),
        ),
    ]
}

/// The attacks by bytes without end.
fn floods() -> Vec<Attack> {
    let repeat = |name, connections, bytes| Attack {
        name,
        connections,
        bytes,
        way: Way::Repeat,
    };
    let settings = [frame(4, 0, 0, &[]), frame(8, 0, 0, &[0, 0, 0, 1])].concat();
    let forged = format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\
         stripe-signature: t=1,v1=00\r\n\r\n{{}}"
    );
    vec![
        repeat(
            "PING frames on 20 connections",
            20,
            [preface(), frame(6, 0, 0, &[0; 8]).repeat(200_000)].concat(),
        ),
        repeat(
            "SETTINGS and WINDOW_UPDATE frames on 20 connections",
            20,
            [preface(), settings.repeat(100_000)].concat(),
        ),
        repeat(
            "streams that are reset at once, on 20 connections",
            20,
            stranger::resets(20_000),
        ),
        repeat(
            "forged events on 50 connections",
            50,
            forged.into_bytes().repeat(500),
        ),
        repeat(
            "600 pipelined GETs on each of 300 connections",
            300,
            b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(600),
        ),
    ]
}
