//! The dashboard in a real browser (Debian's Chromium, headless), driven by
//! tests/browser/dashboard.mjs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Launch, Manifest, PATH, SECRET, Site, eventually, run, skip,
};

/// The tokens of the tests.
const OPERATE: &str = "a-token-that-may-operate";
const READ: &str = "a-token-that-may-only-read";

/// A text that would run if a page took it for HTML.
const HOSTILE: &str =
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>\u{202e}\"'&";

/// The folder with the packages of tests/browser.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/browser")
}

/// Chromium's program, if it is there.
fn chromium() -> Option<PathBuf> {
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    places
        .iter()
        .map(PathBuf::from)
        .find(|place| place.exists())
}

/// A gateway with tokens, and with events whose texts are hostile.
fn site() -> (Site, Gateway) {
    let handler = Handler::new("guest").retry(2, "1h");
    let manifest = Manifest::with_one(handler).server(
        "[[server.admin_tokens]]\nname = \"ada\"\ntoken = \"${OPERATE}\"\nrole = \"operate\"\n\n\
         [[server.admin_tokens]]\nname = \"reader\"\ntoken = \"${READ}\"\nrole = \"read\"\n",
    );
    let site = Site::new(&manifest);
    let launch = Launch::new(&site).env("OPERATE", OPERATE);
    let gateway = launch.env("READ", READ).start();
    let ledger = site.ledger();
    let hostile = Event::with_id(
        "evt_hostile",
        "test.hostile",
        json!([
            { "do": "log", "message": HOSTILE },
            { "do": "reject", "reason": HOSTILE, "text": HOSTILE }
        ]),
    );
    gateway.accepts(&hostile);
    for n in 0..6 {
        let again = json!({ "do": "reject", "reason": format!("order {} is unknown", n / 3) });
        gateway.accepts(&Event::with_id(
            &format!("evt_dead_{n}"),
            "test.dead",
            again,
        ));
        let fine = Event::with_id(
            &format!("evt_fine_{n}"),
            "payment_intent.succeeded",
            json!({ "do": "done" }),
        );
        gateway.accepts(&fine);
    }
    let waits = json!({ "do": "retry", "reason": "the warehouse does not answer" });
    gateway.accepts(&Event::with_id("evt_waits", "invoice.paid", waits));
    // Refused: another signature, and a path that no source has.
    gateway.post_signed("t=1,v1=00", b"{}");
    eventually("all have ended or wait", || {
        ledger.deliveries_in("guest", "dead") == 7 && ledger.deliveries_in("guest", "retrying") == 1
    });
    (site, gateway)
}

/// What the script needs to know.
fn settings(site: &Site, gateway: &Gateway, more: Value) -> PathBuf {
    let found = ["--provider-id", "evt_hostile", "--token", READ];
    let id = run(site, gateway, "events list", &found)[0]["id"].clone();
    let id = id.as_str().unwrap();
    let mut settings = browser_settings(gateway, OPERATE);
    let own = json!({
        "source": format!("http://{}{PATH}", gateway.ingress),
        "secret": SECRET,
        "operator": "ada",
        "read_token": READ,
        "component": site.path("plugins/conformance.wasm"),
        "pages": [
            "/ui", "/ui?span=day", "/ui/events", format!("/ui/events/{id}"), "/ui/deliveries",
            "/ui/deliveries/1", "/ui/dead", "/ui/outbox", "/ui/rejections", "/ui/handlers",
            "/ui/sources", "/ui/manifest",
        ],
        "pictures": {
            "overview": "/ui", "events": "/ui/events", "event": format!("/ui/events/{id}"),
            "dead": "/ui/dead", "handlers": "/ui/handlers", "sources": "/ui/sources",
        },
    });
    for (name, value) in [&own, &more]
        .into_iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        settings[name] = value.clone();
    }
    let path = site.path("browser.json");
    fs::write(&path, settings.to_string()).unwrap();
    path
}

/// What every script needs to know.
pub(super) fn browser_settings(gateway: &Gateway, token: &str) -> Value {
    json!({
        "admin": format!("http://{}", gateway.admin),
        "token": token,
        "chromium": chromium(),
        "modules": modules(),
    })
}

/// Runs a script of tests/browser.
#[track_caller]
pub(super) fn drive(script: &str, settings: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser");
    let script = folder.join(script);
    let output = Command::new("node")
        .arg(script)
        .arg(settings)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
}

pub(super) fn is_prepared() -> bool {
    let prepared = chromium().is_some() && modules().join("node_modules").is_dir();
    if !prepared {
        skip("there is no Chromium, or no puppeteer-core: .ci/prepare browser");
    }
    prepared
}

#[test]
fn an_operator_finds_and_repairs_in_the_browser() {
    if !is_prepared() {
        return;
    }
    let (site, gateway) = site();
    drive("dashboard.mjs", &settings(&site, &gateway, json!({})));
    gateway.stop();
}

/// Writes the pictures of the documentation, if a folder is named: see `make screenshots`.
#[test]
fn pictures_are_taken() {
    let Some(folder) = std::env::var_os("TOLLGATE_SCREENSHOTS") else {
        return;
    };
    assert!(is_prepared());
    let (site, gateway) = site();
    let more = json!({ "screenshots": PathBuf::from(folder) });
    drive("dashboard.mjs", &settings(&site, &gateway, more));
    gateway.stop();
}
