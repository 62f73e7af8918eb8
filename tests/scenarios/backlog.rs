//! Too much that waits.

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, Site, eventually, get};

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

    // A limit that is told, taken in by a reload.
    site.write_manifest(&manifest("{ deliveries = 20 }"));
    eventually("it is not ready", || ready(&gateway).0 == 503);
    let (_, why) = ready(&gateway);
    assert!(why.contains("30 deliveries wait"), "{why}");
    gateway.accepts(&event(30));

    // One that is kept to.
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
