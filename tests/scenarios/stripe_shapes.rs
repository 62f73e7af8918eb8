//! The handlers in `plugins/` on events in the shapes of Stripe's API versions, behind the real
//! gateway: `docs/stripe-fields.md` says what moved.

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Manifest, Receiver, Site, component, eventually, now,
};

const DAY: u64 = 24 * 60 * 60;

/// Starts a gateway with one of the handlers on all of Stripe's events.
fn start(name: &str, config: &str, receiver: &Receiver) -> (Site, Gateway) {
    let (mail, other) = (receiver.url("/mail"), receiver.url("/other"));
    let config = format!(
        "config = {{ mail_url = \"{mail}\", warehouse_url = \"{other}\", access_url = \"{other}\"{config} }}"
    );
    let file = format!("{name}.wasm");
    let handler = Handler::new(name)
        .component(&file)
        .allow(receiver.address)
        .set(&config);
    let site = Site::new(&Manifest::with_one(handler));
    site.plug(&file, &component(name));
    let gateway = site.start();
    (site, gateway)
}

/// Makes an event with any envelope.
fn event(id: &str, kind: &str, more: Value, object: Value) -> Event {
    let mut body = json!({
        "id": id, "object": "event", "type": kind, "created": now(), "livemode": true,
        "data": { "object": object },
    });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    Event {
        id: id.to_owned(),
        body: serde_json::to_vec(&body).unwrap(),
    }
}

/// Makes `payment_intent.succeeded` of a customer. `more` are further fields of the object.
fn intent(id: &str, envelope: Value, more: Value) -> Event {
    let mut object = json!({
        "id": format!("pi_{id}"), "object": "payment_intent", "amount": 4200, "status": "succeeded",
        "amount_received": 4200, "currency": "eur", "customer": "cus_1", "metadata": {},
    });
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    event(
        &format!("evt_{id}"),
        "payment_intent.succeeded",
        envelope,
        object,
    )
}

fn bodies(receiver: &Receiver, path: &str) -> Vec<Value> {
    let requests = receiver.requests();
    let bodies = requests.iter().filter(|request| request.path == path);
    bodies
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect()
}

/// Returns the reason that the handler gave for an event.
fn reason(site: &Site, id: &str) -> String {
    let attempts = site.ledger().attempts(id, "fulfillment");
    attempts[0].detail.clone()
}

#[test]
fn renewals_and_test_payments_ship_nothing_and_orders_do() {
    let receiver = Receiver::start();
    let (site, gateway) = start("fulfillment", "", &receiver);
    let reference = |id: &str| json!({"payment_details": {"order_reference": id}});
    let order = |id: &str| json!({"metadata": {"order_id": id}});
    let test = json!({"livemode": false, "account": "acct_1"});
    let live = json!({"account": "acct_1"});
    let none = json!({});
    let long = "A".repeat(500);
    let ignored = [
        intent("2022", none.clone(), json!({"invoice": "in_1"})),
        intent("2026", none.clone(), reference("in_1")),
        intent(
            "new",
            none.clone(),
            json!({
                "payment_details": {"order_reference": "cs_1"}, "description": "Subscription creation",
            }),
        ),
        intent("open", none.clone(), none.clone()),
        intent("test", test, order("A-17")),
    ];
    for event in &ignored {
        gateway.accepts(event);
    }
    gateway.drains();
    for event in &ignored {
        assert_eq!(
            site.ledger().delivery(&event.id, "fulfillment"),
            "ignored",
            "{}",
            event.id
        );
    }
    assert!(receiver.requests().is_empty());
    assert!(reason(&site, "evt_2022").contains("in_1"));
    assert!(reason(&site, "evt_2026").contains("in_1"));
    assert!(reason(&site, "evt_test").contains("test mode"));

    gateway.accepts(&intent("order", live, order("A-17")));
    gateway.accepts(&intent("long", none.clone(), order(&long)));
    gateway.accepts(&intent("again", none.clone(), order(&long)));
    gateway.accepts(&intent("2024", none, json!({"invoice": null})));
    gateway.drains();
    let mut shipped: Vec<_> = bodies(&receiver, "/other")
        .iter()
        .map(|body| body["order"].as_str().unwrap().to_owned())
        .collect();
    shipped.sort();
    assert_eq!(shipped, ["A-17", &long, "pi_2024"]);
    let told = "SELECT kind FROM v_events WHERE source = 'handler:fulfillment' ORDER BY kind";
    assert_eq!(
        site.ledger().texts(told, []),
        [
            "order.fulfilled",
            "order.fulfilled",
            "order.fulfilled",
            "order.paid_twice"
        ]
    );
}

/// Makes an event of an invoice that happened at a time.
fn invoice(id: &str, kind: &str, at: u64, more: Value) -> Event {
    let mut object = json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "customer_email": "ada@example.com",
        "attempt_count": 1, "next_payment_attempt": null, "billing_reason": "subscription_cycle",
        "amount_remaining": 900, "currency": "eur", "status": "open",
        "collection_method": "charge_automatically", "due_date": null,
        "parent": {"subscription_details": {"subscription": "sub_1"}},
    });
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    event(id, kind, json!({"created": at}), object)
}

fn templates(receiver: &Receiver) -> Vec<String> {
    let mails = bodies(receiver, "/mail");
    mails
        .iter()
        .map(|mail| mail["template"].as_str().unwrap().to_owned())
        .collect()
}

fn scheduled(site: &Site) -> Value {
    let listed = site.run("schedule list", &["--json", "--handler", "dunning"]);
    serde_json::from_slice(&listed.stdout).unwrap()
}

#[test]
fn a_bill_is_quiet_until_its_due_date_and_its_grace_period_counts_from_there() {
    let receiver = Receiver::start();
    let (site, gateway) = start("dunning", "", &receiver);
    let due = now() + 5 * DAY;
    let bill = |id: &str, kind: &str, at: u64, due: u64| {
        let more = json!({"collection_method": "send_invoice", "due_date": due});
        invoice(id, kind, at, more)
    };
    gateway.accepts(&bill("evt_1", "invoice.payment_failed", now(), due));
    gateway.drains();
    assert_eq!(templates(&receiver), [""; 0]);
    assert_eq!(scheduled(&site)[0]["due_ms"], due * 1000);
    gateway.accepts(&bill("evt_2", "invoice.paid", now(), due));
    gateway.drains();
    assert_eq!(scheduled(&site), json!([]));

    // A bill that was due two days ago.
    let overdue =
        json!({"id": "in_2", "collection_method": "send_invoice", "due_date": now() - 2 * DAY});
    let due = overdue["due_date"].as_u64().unwrap();
    gateway.accepts(&invoice("evt_3", "invoice.overdue", now(), overdue));
    eventually("the mail", || templates(&receiver) == ["payment_grace"]);
    assert_eq!(bodies(&receiver, "/mail")[0]["suspend_at"], due + 7 * DAY);
    gateway.settles();
    assert_eq!(scheduled(&site)[0]["due_ms"], (due + 7 * DAY) * 1000);
}

#[test]
fn a_voided_invoice_recovers_nothing_and_nobody_gets_no_mail() {
    let receiver = Receiver::start();
    let (site, gateway) = start("dunning", ", reminders = 0, grace_days = 0", &receiver);
    let story = [
        invoice(
            "evt_1",
            "invoice.payment_failed",
            now(),
            json!({"customer_email": null}),
        ),
        invoice(
            "evt_2",
            "invoice.voided",
            now(),
            json!({"customer_email": null}),
        ),
        invoice(
            "evt_3",
            "invoice.payment_action_required",
            now(),
            json!({"id": "in_2", "next_payment_attempt": now() + DAY}),
        ),
        invoice(
            "evt_4",
            "invoice.marked_uncollectible",
            now(),
            json!({"id": "in_2"}),
        ),
        invoice("evt_5", "invoice.paid", now(), json!({"id": "in_2"})),
    ];
    for event in &story {
        gateway.accepts(event);
        gateway.settles();
    }
    gateway.drains();
    assert_eq!(
        templates(&receiver),
        [
            "payment_action_required",
            "payment_suspended",
            "payment_recovered"
        ]
    );
    let access: Vec<_> = bodies(&receiver, "/other")
        .iter()
        .map(|body| body["access"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(access, ["suspended", "restored", "suspended", "restored"]);
    let told = "SELECT kind FROM v_events WHERE source = 'handler:dunning' ORDER BY kind";
    assert_eq!(
        site.ledger().texts(told, []),
        [
            "subscription.recovered",
            "subscription.restored",
            "subscription.suspended",
            "subscription.suspended"
        ]
    );
    assert_eq!(scheduled(&site), json!([]));
}
