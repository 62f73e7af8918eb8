//! Deliveries that an operator tries now or cancels.

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Site, eventually, run, try_run};

#[test]
fn many_deliveries_are_tried_now_or_cancelled() {
    let handler = Handler::new("guest").retry(5, "1h").set("breaker = false");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    // The number of deliveries exceeds that of one step.
    for n in 0..260 {
        let (kind, steps) = if n % 2 == 0 {
            ("test.again", json!({ "do": "flaky", "succeed_at": 2 }))
        } else {
            ("test.never", json!({ "do": "retry", "reason": "no stock" }))
        };
        gateway.accepts(&Event::with_id(&format!("evt_{n}"), kind, steps));
    }
    let ledger = site.ledger();
    let in_state = |state| ledger.deliveries_in("guest", state);
    eventually("all wait for an hour", || in_state("retrying") == 260);

    let again = ["--kind", "test.again"];
    let counted = run(
        &site,
        &gateway,
        "deliveries retry",
        &[again[0], again[1], "--dry-run"],
    );
    assert_eq!(counted["by"], json!({ "guest retrying": 130 }));
    let (code, _, _) = try_run(&site, &gateway, "deliveries retry", &again);
    assert_eq!((code, in_state("retrying")), (2, 260), "nobody says yes");
    let done = run(
        &site,
        &gateway,
        "deliveries retry",
        &[again[0], again[1], "--yes"],
    );
    assert_eq!(done["done"], 130, "{done}");
    eventually("these are done", || in_state("done") == 130);

    let never = ["--kind", "test.*", "--yes", "--why", "no stock for long"];
    let done = run(&site, &gateway, "deliveries cancel", &never);
    assert_eq!(done["done"], 130, "{done}");
    assert_eq!(done["refused"], json!({ "it is done already": 130 }));
    assert_eq!(in_state("dead"), 130);
    let (code, refused, _) = try_run(&site, &gateway, "deliveries cancel", &["1", "2"]);
    assert_eq!((code, &refused["done"]), (1, &json!(0)), "{refused}");
    gateway.stop();
}

#[test]
fn a_delivery_is_tried_now_or_cancelled() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest").retry(5, "1h")));
    let gateway = site.start();
    let again = Event::new("test.again", json!({ "do": "flaky", "succeed_at": 2 }));
    let never = Event::new("test.never", json!({ "do": "retry", "reason": "no stock" }));
    let ledger = site.ledger();
    for event in [&again, &never] {
        gateway.accepts(event);
        eventually("it waits for an hour", || {
            ledger.delivery(&event.id, "guest") == "retrying"
        });
    }
    let [again_place, never_place] =
        [&again, &never].map(|event| ledger.delivery_rows(&event.id).remove(0));
    run(&site, &gateway, "deliveries retry", &[&again_place]);
    eventually("it is done", || {
        ledger.delivery(&again.id, "guest") == "done"
    });
    let (code, _, stderr) = try_run(&site, &gateway, "deliveries retry", &[&again_place]);
    assert_eq!(code, 1);
    let replay = format!("it is done: `tollgate replay --delivery {again_place}`");
    assert!(stderr.contains(&replay), "{stderr}");

    let why = ["--why", "refunded by hand"];
    let shown = run(
        &site,
        &gateway,
        "deliveries cancel",
        &[&never_place, why[0], why[1]],
    );
    assert_eq!(shown["state"], "dead");
    assert_eq!(shown["interventions"][0]["why"], "refunded by hand");
    let dead = run(&site, &gateway, "deliveries list", &["--state", "dead"]);
    assert_eq!(dead[0]["seq"].to_string(), never_place);
    let (code, _, stderr) = try_run(&site, &gateway, "deliveries cancel", &[&never_place]);
    assert_eq!(code, 1, "{stderr}");
    let (code, _, stderr) = try_run(&site, &gateway, "deliveries retry", &[&never_place]);
    assert_eq!(code, 1, "{stderr}");
    let replay = format!("it is dead: `tollgate replay --delivery {never_place}`");
    assert!(stderr.contains(&replay), "{stderr}");
    let replayed = run(&site, &gateway, "replay", &["--delivery", &never_place]);
    assert_eq!(replayed["replayed"], 1, "the command that was named works");
    // Changes need a running gateway.
    gateway.stop();
    let output = site.run("deliveries cancel", &[&never_place]);
    assert_eq!(output.status.code(), Some(4), "no gateway is reached");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("no gateway answers")
    );
}
