//! The backlog limit, and memory when much waits.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    Event, Gateway, Handler, Load, Manifest, Site, Target, component, eventually, get, reaches,
    trapping,
};

fn event(number: usize) -> Event {
    Event::with_id(&format!("evt_{number}"), "test", json!({ "do": "done" }))
}

fn ready(gateway: &Gateway) -> (u16, String) {
    let answer = get(gateway.admin, "/readyz").unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into())
}

fn verb(site: &Site, gateway: &Gateway, verb: &str) {
    let url = format!("http://{}", gateway.admin);
    let output = site.run(&format!("handlers {verb}"), &["--url", &url, "guest"]);
    assert!(output.status.success());
}

#[test]
fn too_much_that_waits_is_told_and_refused_until_it_is_clearly_less() {
    let manifest = |backlog: &str| {
        Manifest::with_one(Handler::new("guest"))
            .server(&format!("backlog = {backlog}"))
            .text()
    };
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    verb(&site, &gateway, "pause");
    for number in 0..30 {
        gateway.accepts(&event(number));
    }
    eventually("it is counted", || {
        gateway.status_at("/backlog/deliveries") == 30
    });
    assert_eq!(
        ready(&gateway).0,
        200,
        "without a limit nothing is too much"
    );

    // This limit only reports. A reload applies it.
    site.write_manifest(&manifest("{ deliveries = 20 }"));
    eventually("it is not ready", || ready(&gateway).0 == 503);
    let (_, why) = ready(&gateway);
    assert!(why.contains("30 deliveries wait"), "{why}");
    gateway.accepts(&event(30));

    // This limit also refuses events.
    site.write_manifest(&manifest("{ deliveries = 20, refuse = true }"));
    eventually("it refuses", || {
        gateway.status_at("/backlog/refuses") == true
    });
    let answer = gateway.post(&event(31));
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(site.ledger().events(), 31);
    assert_eq!(gateway.status_at("/rejections/stripe/backlog"), 1);

    verb(&site, &gateway, "resume");
    gateway.settles();
    eventually("it takes events again", || {
        gateway.status_at("/backlog/refuses") == false
    });
    assert_eq!(ready(&gateway).0, 200);
    gateway.accepts(&event(31));
    gateway.settles();
    assert_eq!(site.ledger().deliveries_in("guest", "done"), 32);
}

/// The number of handlers that fail.
const HANDLERS: i64 = 20;

/// The number of deliveries that wait for the handlers, unless the environment sets another.
const DELIVERIES: i64 = 50_000;

/// The most memory in bytes beyond that of an idle gateway, however much waits: 64 MiB for
/// the queues, and as much again for recording and running.
const ROOM: u64 = 128 << 20;

/// Makes a manifest with [`HANDLERS`] handlers and this line in `[server]`.
fn many_handlers(backlog: &str) -> Manifest {
    let names: Vec<_> = (0..HANDLERS).map(|n| format!("h{n}")).collect();
    let mut manifest = Manifest::new().server(backlog);
    for name in &names {
        manifest = manifest.handler(Handler::new(name).retry(1000, "1s"));
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    manifest.route("*", &names)
}

/// Checks that the gateway refuses an event because of the limit, and reports the reason.
#[track_caller]
fn refuses(gateway: &Gateway, event: &Event) {
    eventually("it refuses", || {
        gateway.status_at("/backlog/refuses") == true
    });
    let (status, why) = ready(gateway);
    assert!(status == 503 && why.contains("deliveries wait"), "{why}");
    let answer = gateway.post(event);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

/// The environment variable `TOLLGATE_BACKLOG=1000000` sets another number of deliveries.
#[test]
fn however_much_waits_memory_is_bounded_and_all_of_it_runs_in_the_end() {
    let deliveries = std::env::var("TOLLGATE_BACKLOG")
        .map_or(DELIVERIES, |text| text.parse().expect("a number"));
    let site = Site::new(&many_handlers(""));
    let good = component("conformance");
    site.plug("conformance.wasm", &trapping(&good));
    let gateway = site.start();
    let empty = gateway.resident();

    // The handlers fail until their breakers open. Senders notice nothing.
    let begun = Instant::now();
    let load = Load::start(&Target::new(gateway.ingress), 8, Duration::ZERO, |number| {
        let steps = json!({ "do": "add", "key": "handled" });
        Event::with_id(&format!("evt_{number}"), "test", steps)
    });
    let waits = || gateway.status_at("/backlog/deliveries").as_i64().unwrap();
    reaches("they wait", deliveries, waits);
    let report = load.finish();
    assert_eq!((report.refused.len(), report.broken), (0, 0), "{report:?}");
    let (full, filled) = (gateway.resident(), begun.elapsed());
    let events = report.acknowledged.len() as i64;
    let limit = deliveries / 2;
    let refuse = format!("backlog = {{ deliveries = {limit}, refuse = true }}");
    site.write_manifest(&many_handlers(&refuse).text());
    let late = Event::new("test", json!({ "do": "add", "key": "handled" }));
    refuses(&gateway, &late);
    let attempts = site.ledger().count("SELECT count(*) FROM attempts", []);
    assert!(
        attempts < 100 * HANDLERS,
        "{attempts} attempts used while the handlers fail"
    );

    // The new component works.
    let healed = Instant::now();
    site.plug("conformance.wasm", &good);
    let count = |pointer: &str| gateway.status_at(pointer).as_i64().unwrap();
    let done = || count("/ledger/deliveries/done");
    reaches("most is done", events * HANDLERS - limit / 2, done);
    eventually("it takes events again", || {
        gateway.post(&late).status == 200
    });
    reaches("all is done", (events + 1) * HANDLERS, done);
    let (drained, end) = (healed.elapsed(), gateway.resident());
    println!(
        "{} deliveries waited after {filled:?}, {attempts} attempts used; all done {drained:?} \
         later; resident {} MiB, then {} MiB, at the end {} MiB; slowest acknowledgement {:?}",
        events * HANDLERS,
        empty >> 20,
        full >> 20,
        end >> 20,
        report.slowest,
    );
    assert!(
        full.max(end) <= empty + ROOM,
        "{empty} bytes, {full}, {end}"
    );
    gateway.settles();
    assert_eq!(ready(&gateway).0, 200);
    let states = site
        .ledger()
        .texts("SELECT DISTINCT value FROM v_state", []);
    assert_eq!(states, [(events + 1).to_string()]);
    gateway.stop();
}
