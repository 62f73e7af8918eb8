//! Strangers who hold as much of the gateway as they can.

use std::time::Instant;

use serde_json::json;

use crate::harness::{
    Event, Handler, Manifest, Site, Stranger, eventually, frame, preface, reaches, resets,
};

const MIB: u64 = 1 << 20;

fn done() -> Event {
    Event::new("test.done", json!({ "do": "done" }))
}

#[test]
fn heads_of_strangers_take_no_more_memory_than_the_budget() {
    let manifest = Manifest::with_one(Handler::new("guest"))
        .server("memory = \"128MiB\"\nbody_timeout = \"5m\"");
    let site = Site::new(&manifest);
    let gateway = site.start();
    for _ in 0..20 {
        gateway.accepts(&done());
    }
    gateway.settles();
    let before = gateway.resident();
    // Without a bound, the attacks take 900 to 1600 MiB.
    for (bytes, refused) in [(60_000, 0), (15_000, 5000)] {
        let mut stranger = Stranger::of(gateway.ingress);
        stranger.holds_heads(120, 125, bytes);
        stranger.falls_silent();
        reaches("heads are refused", refused, || {
            let refused = gateway.status_at("/rejections/-/memory");
            refused.as_i64().unwrap_or(0)
        });
        let held = gateway.resident();
        let began = Instant::now();
        gateway.accepts(&done());
        let answered = began.elapsed();
        drop(stranger);
        let took = (gateway.most_resident() - before) / MIB;
        eprintln!(
            "heads of {bytes} bytes: {} MiB before, {} MiB while held, {took} MiB more at most; \
             an event is answered after {answered:?}",
            before / MIB,
            held / MIB,
        );
        assert!(took < 128 + 64, "{took} MiB more");
    }
    eventually("the memory comes back", || {
        gateway.resident() < before + before * 3 / 10
    });
    eprintln!("{} MiB afterwards", gateway.resident() / MIB);
}

#[test]
fn floods_of_frames_end_and_do_not_fill_the_log() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let mut stranger = Stranger::of(gateway.ingress);
    let pings = frame(6, 0, 0, &[0; 8]).repeat(20_000);
    stranger.send_on_each(20, [preface(), pings].concat());
    // Streams that are reset as soon as they are open: h2 ends the connection, and says so in its
    // own log.
    stranger.send_on_each(200, resets(500));
    eventually("the floods are counted", || {
        gateway.status_at("/rejections/-/flood").as_u64() == Some(20)
    });
    gateway.accepts(&done());
    let log = gateway.stderr();
    assert!(log.lines().count() < 100, "{log}");
}
