//! Thin events: the real binary asks a stand-in for Stripe's API for what the events leave out.

mod answers;
mod asked;
mod crash;
mod rate;
mod replays;
mod twins;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Launch, Manifest, Receiver, Reply, Site, now, run, until,
};

/// The key of the test mode that the manifest takes from the environment.
const KEY: &str = "rk_test_5q9vAEndToEndOnly";

/// Makes a thin event about an object. The conformance guest logs what it is told.
fn thin(id: &str, url: &str) -> Event {
    thin_with(
        id,
        json!({ "related_object": { "id": last_part(url), "type": "thing", "url": url } }),
    )
}

/// The id at the end of a URL.
fn last_part(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// Makes a thin event with other fields.
fn thin_with(id: &str, more: Value) -> Event {
    let mut body = json!({
        "id": id,
        "object": "v2.core.event",
        "type": "v1.payment_intent.succeeded",
        "created": "2026-10-01T10:00:00.000Z",
        "livemode": false,
        "context": null,
        "reason": null,
        "related_object": null,
        "steps": [{ "do": "resolved" }],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Event {
        id: id.to_owned(),
        body: serde_json::to_vec(&body).unwrap(),
    }
}

/// The keys of `resolve` for a stand-in, without those in `more`.
fn resolve(api: &Receiver, more: &str) -> String {
    let url = api.url("");
    format!(
        "resolve = {{ key = \"${{STRIPE_API_KEY}}\", version = \"2026-09-30.endive\", \
         host = \"{url}\", rate = \"1000/s\"{more} }}"
    )
}

/// A manifest whose source resolves, with one handler that receives every event.
fn manifest(source: &str) -> Manifest {
    Manifest::new()
        .section(source)
        .handler(Handler::new("guest"))
        .route("*", &["guest"])
}

fn start(site: &Site) -> Gateway {
    Launch::new(site).env("STRIPE_API_KEY", KEY).start()
}

/// Starts a stand-in that answers each request with this object.
fn api(object: Value) -> Receiver {
    Receiver::with(move |_| Reply::Body(200, object.to_string()))
}

/// Waits until the handler has run an event, and returns what it was told: `object`, `event`,
/// `read_ms`.
#[track_caller]
fn told(site: &Site, id: &str) -> Value {
    let logs = until("the handler runs", || {
        let attempts = site.ledger().attempts(id, "guest");
        attempts.last().map(|attempt| attempt.logs.clone())
    });
    fields_of(&logs)
}

/// The fields of the first line `resolved` in the logs of an attempt.
fn fields_of(logs: &str) -> Value {
    let mut lines = logs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["message"] == "resolved").unwrap();
    let mut fields = json!({});
    for pair in line["fields"].as_array().into_iter().flatten() {
        fields[pair[0].as_str().unwrap()] = pair[1].clone();
    }
    fields
}

/// The details of an event, as `events show` has them.
#[track_caller]
fn shown(site: &Site, gateway: &Gateway, id: &str) -> Value {
    run(site, gateway, "events show", &[id])
}
