//! Hours of work leave nothing behind: `make soak MINUTES=180`.
//!
//! The load is steady. Guests trap, components are swapped, and events are pruned some time
//! after their end. The process and the file must take no more at the end than after the
//! first tenth of the time, except for the kept dedup keys.
//!
//! Two effects are no leaks, so the test excludes them. Guests under way have memory of their
//! own, and a busy machine has more guests under way; so the least resident memory within a
//! period counts. Each slot of the sandbox's pool keeps up to a megabyte after its first use,
//! for the component that used it; so in the first twentieth of the time, many guests at once
//! and frequent swaps use all slots. The next twentieth finishes the work of the first.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    Event, Gateway, Handler, Ledger, Load, Manifest, Receiver, Site, Target, component, eventually,
    until, variant,
};

/// The time for which events are kept. It makes the number of kept events constant.
const RETENTION: Duration = Duration::from_secs(10);

/// The time between swaps of a component: in the first twentieth, and later.
const SWAPS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(7)];

/// The time between measurements.
const LOOK: Duration = Duration::from_millis(500);

/// The most bytes for the key of a pruned event: its row, its key and the index of its id,
/// with half-full pages.
const KEY: u64 = 400;

/// The bytes that the file may have free, beside an eighth of itself, before it shrinks.
const RESERVE: u64 = 8 << 20;

/// The most memory at the end, relative to the beginning: a twentieth more.
const GROWTH: f64 = 1.05;

/// The memory and the file at one time.
#[derive(Clone, Copy, Debug)]
struct Usage {
    resident: u64,
    file: u64,
    /// The number of events recorded so far.
    recorded: u64,
}

fn site(receiver: &Receiver) -> Site {
    // So few events fail that the breaker stays closed.
    let handler = Handler::new("guest").retry(2, "100ms");
    let text = Manifest::with_one(handler.allow(receiver.address)).text();
    let site = Site::new(&Manifest::new());
    let keep = format!("[ledger]\nretention = \"{}s\"\n", RETENTION.as_secs());
    site.write_manifest(&text.replace("[ledger]\n", &keep));
    site
}

/// Makes an event. One in ten makes its guest trap, exhaust its memory or exhaust its stack.
fn event(number: u64, url: &str) -> Event {
    let id = format!("evt_soak_{number}");
    let steps = match number % 30 {
        0 => json!({ "do": "trap" }),
        10 => json!({ "do": "allocate" }),
        20 => json!({ "do": "recurse" }),
        _ => json!([
            { "do": "add", "key": "handled" },
            { "do": "send", "url": url, "body": "x".repeat(1500) },
        ]),
    };
    Event::with_id(&id, "test.work", steps)
}

fn usage(site: &Site, gateway: &Gateway) -> Usage {
    let status = gateway.status();
    let of = |pointer: &str| {
        status
            .pointer(pointer)
            .and_then(|value| value.as_u64())
            .unwrap()
    };
    Usage {
        resident: gateway.resident(),
        file: fs::metadata(site.path("data/tollgate.db")).unwrap().len(),
        recorded: of("/ledger/events") + of("/ledger/pruned"),
    }
}

/// Measures until `end`, and swaps components at this interval. Returns all measurements.
fn watch(
    site: &Site,
    gateway: &Gateway,
    end: Instant,
    swap: Duration,
    swaps: &mut u32,
) -> Vec<Usage> {
    let wasm = component("conformance");
    let mut seen = Vec::new();
    let mut swapped = Instant::now();
    while Instant::now() < end {
        if swapped.elapsed() >= swap {
            *swaps += 1;
            // Two components take turns, so each is compiled once and then only swapped.
            let tag = format!("{}", *swaps % 2);
            site.plug("conformance.wasm", &variant(&wasm, &tag));
            swapped = Instant::now();
        }
        seen.push(usage(site, gateway));
        std::thread::sleep(LOOK);
    }
    seen
}

/// Waits until no delivery is unfinished, as long as their number falls: a busy machine may
/// have many left. Returns their number at the start.
fn settles(ledger: &Ledger) -> i64 {
    let had = ledger.unfinished();
    let mut left = had;
    while left > 0 {
        left = until("some deliveries end", || {
            Some(ledger.unfinished()).filter(|now| *now < left)
        });
    }
    had
}

#[test]
fn memory_and_file_stay_what_they_are() {
    let Ok(minutes) = std::env::var("TOLLGATE_SOAK_MINUTES") else {
        // The soak takes minutes, so it runs only on request.
        return println!("run it with `make soak`");
    };
    let twentieth = Duration::from_secs_f64(minutes.parse::<f64>().unwrap() * 3.0);
    let receiver = Receiver::start();
    let site = site(&receiver);
    let gateway = site.start();
    let url = receiver.url("/");
    let load = Load::start(
        &Target::new(gateway.ingress),
        4,
        Duration::from_millis(40),
        move |number| event(number, &url),
    );
    let (begun, mut swaps) = (Instant::now(), 0);
    let mut look = |twentieths, swap| {
        let end = begun + twentieths * twentieth;
        watch(&site, &gateway, end, swap, &mut swaps)
    };
    let busy = Load::start(
        &Target::new(gateway.ingress),
        16,
        Duration::from_millis(50),
        |number| {
            Event::with_id(
                &format!("evt_busy_{number}"),
                "test.work",
                json!({ "do": "spin", "millions": 5 }),
            )
        },
    );
    look(1, SWAPS[0]);
    assert!(!busy.finish().acknowledged.is_empty());
    look(2, SWAPS[1]);
    let early = look(4, SWAPS[1]);
    look(18, SWAPS[1]);
    let late = look(20, SWAPS[1]);
    let report = load.finish();
    let left = settles(&site.ledger());
    gateway.drains();
    let dead = gateway.status_at("/ledger/deliveries/dead");
    eventually("what ended is pruned", || {
        gateway.status_at("/ledger/events") == 0
    });

    println!(
        "{minutes} minutes, {} events, {left} of them unfinished when the load ended, {swaps} \
         swaps, {dead} dead at the end, slowest acknowledgement {:?}",
        report.acknowledged.len(),
        report.slowest,
    );
    audit(&early, &late);
    assert_eq!(report.open.len() + report.refused.len(), 0, "{report:?}");
    gateway.stop();
}

/// Compares the late measurements with the early ones.
#[track_caller]
fn audit(early: &[Usage], late: &[Usage]) {
    let (first, last) = (early[0], *late.last().unwrap());
    let least_resident = |seen: &[Usage]| {
        let least = seen.iter().map(|usage| usage.resident).min();
        least.unwrap() as f64
    };
    let (before, after) = (least_resident(early), least_resident(late));
    let keys = (last.recorded - first.recorded) * KEY;
    let largest = early.iter().map(|usage| usage.file).max().unwrap();
    let grown = last.file.saturating_sub(largest);
    println!(
        "resident {:.1} MiB, at the end {:.1} MiB ({:+.1} %); file {:.1} MiB, at the end {:.1} \
         MiB, of which keys may take {:.1} MiB",
        before / 1_048_576.0,
        after / 1_048_576.0,
        (after / before - 1.0) * 100.0,
        first.file as f64 / 1_048_576.0,
        last.file as f64 / 1_048_576.0,
        keys as f64 / 1_048_576.0,
    );
    assert!(
        after <= before * GROWTH,
        "{before} bytes resident, then {after}"
    );
    assert!(grown <= keys + RESERVE, "the file grew by {grown}");
}
