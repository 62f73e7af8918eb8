//! The handlers in `plugins/`, behind the real gateway.

use serde_json::json;

use crate::harness::{Event, Handler, Manifest, Receiver, Site, component, eventually, now};

/// The number of orders, paid at once.
const ORDERS: usize = 40;

/// Makes the event of order `number`'s payment intent.
fn intent(number: usize) -> Event {
    let object = json!({
        "id": format!("pi_{number}"), "object": "payment_intent", "amount": 4200,
        "amount_received": 4200, "currency": "eur",
        "metadata": { "order_id": format!("A-{number}") },
    });
    Event::about(
        &format!("evt_intent_{number}"),
        "payment_intent.succeeded",
        object,
    )
}

/// Makes the event of order `number`'s checkout session.
fn session(number: usize) -> Event {
    let object = json!({
        "id": format!("cs_{number}"), "object": "checkout.session", "mode": "payment",
        "payment_status": "paid", "payment_intent": format!("pi_{number}"),
        "amount_total": 4200, "currency": "eur",
        "metadata": { "order_id": format!("A-{number}") },
        "customer_details": { "email": format!("customer{number}@example.com") },
    });
    Event::about(
        &format!("evt_session_{number}"),
        "checkout.session.completed",
        object,
    )
}

#[test]
fn an_order_is_fulfilled_once_whichever_of_its_events_comes_first() {
    let receiver = Receiver::start();
    let config = format!(
        "config = {{ warehouse = \"eu-1\", warehouse_url = \"{}\", mail_url = \"{}\" }}",
        receiver.url("/ship"),
        receiver.url("/mail"),
    );
    let handler = Handler::new("fulfillment")
        .component("fulfillment.wasm")
        .allow(receiver.address)
        .set(&config);
    let manifest = Manifest::new()
        .handler(handler)
        .handler(Handler::new("crm"))
        .route("payment_intent.succeeded", &["fulfillment"])
        .route("checkout.session.*", &["fulfillment"])
        .route_of("handler:fulfillment", "order.fulfilled", &["crm"], "");
    let site = Site::new(&manifest);
    site.plug("fulfillment.wasm", &component("fulfillment"));
    let gateway = site.start();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..ORDERS).for_each(|number| drop(gateway.accepts(&intent(number)))));
        scope.spawn(|| {
            (0..ORDERS)
                .rev()
                .for_each(|number| drop(gateway.accepts(&session(number))));
        });
    });
    gateway.drains();
    let requests = receiver.requests();
    for (path, mentions) in [("/ship", "A-"), ("/mail", "@example.com")] {
        let mut bodies: Vec<_> = requests
            .iter()
            .filter(|request| request.path == path)
            .map(|request| &request.body)
            .collect();
        bodies.sort();
        bodies.dedup();
        assert_eq!(bodies.len(), ORDERS, "{path}");
        assert!(bodies.iter().all(|body| body.contains(mentions)), "{path}");
    }
    assert_eq!(receiver.effects(), 2 * ORDERS);
    assert_eq!(site.ledger().deliveries_in("crm", "done"), ORDERS as i64);
}

#[test]
fn a_subscription_is_reminded_and_recovers() {
    let receiver = Receiver::start();
    let config = format!(
        "config = {{ mail_url = \"{}\", reminders = 2 }}",
        receiver.url("/mail")
    );
    let handler = Handler::new("dunning")
        .component("dunning.wasm")
        .allow(receiver.address)
        .set(&config);
    let site = Site::new(&Manifest::with_one(handler));
    site.plug("dunning.wasm", &component("dunning"));
    let gateway = site.start();
    let invoice = |number: u32, kind: &str, attempts: u32| {
        let object = json!({
            "id": "in_1", "object": "invoice", "subscription": "sub_1", "customer": "cus_1",
            "customer_email": "ada@example.com", "attempt_count": attempts,
            "next_payment_attempt": 2_000_000_000, "billing_reason": "subscription_cycle",
            "amount_remaining": 900, "currency": "eur",
        });
        Event::about(&format!("evt_invoice_{number}"), kind, object)
    };
    let story = [
        invoice(1, "invoice.payment_failed", 1),
        invoice(2, "invoice.payment_failed", 2),
        invoice(3, "invoice.payment_failed", 3),
        invoice(4, "invoice.paid", 3),
    ];
    for event in &story {
        gateway.accepts(event);
        gateway.settles();
    }
    gateway.drains();
    let mails: Vec<String> = receiver
        .requests()
        .iter()
        .map(|request| {
            let mail: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            mail["template"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        mails,
        [
            "payment_reminder",
            "payment_reminder",
            "payment_grace",
            "payment_recovered"
        ]
    );
    assert_eq!(
        site.ledger().texts(
            "SELECT kind FROM v_events WHERE source = 'handler:dunning'",
            []
        ),
        ["subscription.recovered"]
    );
}

/// A failure five days ago arrives only now. The second reminder, of day 3, is due at once.
/// The third is due tomorrow, unless the invoice is paid before.
#[test]
fn dunning_reminds_by_the_calendar() {
    let receiver = Receiver::start();
    let config = format!("config = {{ mail_url = \"{}\" }}", receiver.url("/mail"));
    let handler = Handler::new("dunning")
        .component("dunning.wasm")
        .allow(receiver.address)
        .set(&config);
    let site = Site::new(&Manifest::with_one(handler));
    site.plug("dunning.wasm", &component("dunning"));
    let gateway = site.start();
    let day = 24 * 60 * 60;
    let failed_at = now() - 5 * day;
    let happened = |number: u32, kind: &str, at: u64| {
        let body = json!({
            "id": format!("evt_calendar_{number}"), "type": kind, "created": at, "livemode": true,
            "data": { "object": {
                "id": "in_1", "object": "invoice", "subscription": "sub_1", "customer": "cus_1",
                "customer_email": "ada@example.com", "attempt_count": 1,
                "next_payment_attempt": at + day, "amount_remaining": 900,
                "billing_reason": "subscription_cycle", "currency": "eur",
            } },
        });
        Event {
            id: format!("evt_calendar_{number}"),
            body: serde_json::to_vec(&body).unwrap(),
        }
    };
    let levels = || -> Vec<serde_json::Value> {
        let requests = receiver.requests();
        let mails = requests.iter().map(|request| {
            let mail: serde_json::Value = serde_json::from_str(&request.body).unwrap();
            mail["level"].clone()
        });
        mails.collect()
    };
    gateway.accepts(&happened(1, "invoice.payment_failed", failed_at));
    eventually("both reminders", || levels() == [json!(1), json!(2)]);
    gateway.settles();
    let scheduled = || -> serde_json::Value {
        let listed = site.run("schedule list", &["--json", "--handler", "dunning"]);
        serde_json::from_slice(&listed.stdout).unwrap()
    };
    let next = scheduled();
    assert_eq!(next[0]["key"], "subscription/sub_1");
    assert_eq!(next[0]["due_ms"], (failed_at + 6 * day) * 1000);
    assert_eq!(next[1], json!(null), "{next}");
    gateway.accepts(&happened(2, "invoice.paid", now()));
    gateway.drains();
    assert_eq!(
        scheduled(),
        json!([]),
        "recovery cancels what was scheduled"
    );
}
