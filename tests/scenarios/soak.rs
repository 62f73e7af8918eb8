//! Hours of work leave nothing behind: `make soak MINUTES=180`.
//!
//! Steady load, guests that trap, components that are swapped and events that are pruned a
//! while after they ended. What the process and the file take after the first tenth of the
//! time they take at its end, but for the keys that are kept.
//!
//! Two things that are no leak are kept out of it. Guests under way have memory of their
//! own, more of them on a busy machine, so the least that was resident in a while is what
//! counts. And each place of the sandbox's pool keeps up to a megabyte once it was used, for
//! the component that used it; so in the first twentieth all are used, by many guests at once
//! and by swapping often. What they leave to be done has another twentieth.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    Event, Gateway, Handler, Ledger, Load, Manifest, Receiver, Site, Target, component, eventually,
    until, variant,
};

/// How long events are kept: what lives at any time is then the same.
const RETENTION: Duration = Duration::from_secs(10);

/// How often a component is swapped: in the first twentieth, and later.
const SWAPS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(7)];

/// How often is looked at what is taken.
const LOOK: Duration = Duration::from_millis(500);

/// What the key of a pruned event may take: its row, its key and the index of its id, with
/// pages half full.
const KEY: u64 = 400;

/// What the file may have free, beside an eighth of itself, before some is given back.
const RESERVE: u64 = 8 << 20;

/// How much more memory there may be at the end: a twentieth.
const GROWTH: f64 = 1.05;

/// What is taken at a time.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident: u64,
    file: u64,
    /// Events that were recorded by then.
    recorded: u64,
}

fn site(receiver: &Receiver) -> Site {
    // Few enough fail that its breaker stays closed.
    let handler = Handler::new("guest").retry(2, "100ms");
    let text = Manifest::with_one(handler.allow(receiver.address)).text();
    let site = Site::new(&Manifest::new());
    let keep = format!("[ledger]\nretention = \"{}s\"\n", RETENTION.as_secs());
    site.write_manifest(&text.replace("[ledger]\n", &keep));
    site
}

/// One in ten makes its guest trap, loop away its memory or reject.
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

fn taken(site: &Site, gateway: &Gateway) -> Taken {
    let status = gateway.status();
    let of = |pointer: &str| {
        status
            .pointer(pointer)
            .and_then(|value| value.as_u64())
            .unwrap()
    };
    Taken {
        resident: gateway.resident(),
        file: fs::metadata(site.path("data/tollgate.db")).unwrap().len(),
        recorded: of("/ledger/events") + of("/ledger/pruned"),
    }
}

/// Looks at what is taken until `end`, swapping components so often; returns all that was
/// seen.
fn watch(
    site: &Site,
    gateway: &Gateway,
    end: Instant,
    swap: Duration,
    swaps: &mut u32,
) -> Vec<Taken> {
    let wasm = component("conformance");
    let mut seen = Vec::new();
    let mut swapped = Instant::now();
    while Instant::now() < end {
        if swapped.elapsed() >= swap {
            *swaps += 1;
            // Two take turns, so that each is compiled once and then swapped like any other.
            let tag = format!("{}", *swaps % 2);
            site.plug("conformance.wasm", &variant(&wasm, &tag));
            swapped = Instant::now();
        }
        seen.push(taken(site, gateway));
        std::thread::sleep(LOOK);
    }
    seen
}

/// Waits until no delivery is to be run, as long as they become fewer: a busy machine may
/// have many left. Returns how many it had.
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
        // It takes minutes to say something, so it is played where it is asked for.
        return println!("played by `make soak`");
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

    let (first, last) = (early[0], *late.last().unwrap());
    let resident = |seen: &[Taken]| {
        let least = seen.iter().map(|taken| taken.resident).min();
        least.unwrap() as f64
    };
    let (before, after) = (resident(&early), resident(&late));
    let keys = (last.recorded - first.recorded) * KEY;
    let grown = last
        .file
        .saturating_sub(early.iter().map(|taken| taken.file).max().unwrap());
    println!(
        "{minutes} minutes, {} events, {left} of them left to be handled when the load ended, \
         {swaps} swaps, {dead} dead at the end, slowest acknowledgement {:?}; resident {:.1} MiB, at the end {:.1} MiB ({:+.1} %); file {:.1} MiB, at the \
         end {:.1} MiB, of which keys may take {:.1} MiB",
        report.acknowledged.len(),
        report.slowest,
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
    assert_eq!(report.open.len() + report.refused.len(), 0, "{report:?}");
    gateway.stop();
}
