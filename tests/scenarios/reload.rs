//! New components and manifests, which the gateway loads while events arrive.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Event, Gateway, Handler, Launch, Ledger, Load, LoadReport, Manifest, Receiver, Site, Target,
    component, digest, eventually, stays, variant,
};

fn site() -> Site {
    Site::new(&Manifest::with_one(Handler::new("guest")))
}

/// Returns the conformance guest as another file.
fn new_version(tag: &str) -> Vec<u8> {
    variant(&component("conformance"), tag)
}

/// Waits until the handler runs this file, and checks that it handles an event.
#[track_caller]
fn takes_up(site: &Site, gateway: &Gateway, wasm: &[u8]) {
    eventually("the new component serves", || {
        gateway.serves("guest") == digest(wasm)
    });
    let event = Event::new("test.done", json!({ "do": "done" }));
    gateway.accepts(&event);
    gateway.settles();
    let attempts = site.ledger().attempts(&event.id, "guest");
    assert_eq!(attempts[0].outcome, "done");
    assert_eq!(attempts[0].component, digest(wasm));
    assert_eq!(gateway.status_at("/generation/error"), Value::Null);
}

/// Waits until a reload fails, and checks that events are still handled.
#[track_caller]
fn keeps_serving(site: &Site, gateway: &Gateway, mentions: &str) {
    eventually("the failure is told", || {
        gateway
            .status_at("/generation/error")
            .as_str()
            .is_some_and(|error| error.contains(mentions))
    });
    let event = Event::new("test.done", json!({ "do": "done" }));
    gateway.accepts(&event);
    gateway.settles();
    assert_eq!(site.ledger().delivery(&event.id, "guest"), "done");
}

#[test]
fn a_component_is_replaced_by_rename_and_in_place() {
    let site = site();
    let gateway = site.start();
    takes_up(&site, &gateway, &component("conformance"));
    let renamed = new_version("renamed");
    site.plug("conformance.wasm", &renamed);
    takes_up(&site, &gateway, &renamed);
    let in_place = new_version("in place");
    fs::write(site.path("plugins/conformance.wasm"), &in_place).unwrap();
    takes_up(&site, &gateway, &in_place);
}

#[test]
fn fixtures_that_go_and_come_back_are_noticed() {
    let handler = Handler::new("guest").set("fixtures = \"fixtures/guest/*.json\"");
    let site = Site::new(&Manifest::with_one(handler));
    let folder = site.path("fixtures/guest");
    fs::create_dir_all(&folder).unwrap();
    let fixture = json!({
        "event": { "kind": "test.done", "payload": { "do": "done" } },
        "expect": { "outcome": "done" },
    });
    let (file, aside) = (folder.join("done.json"), folder.join("done.json.aside"));
    fs::write(&file, fixture.to_string()).unwrap();
    let gateway = site.start();
    let recovers = || {
        eventually("the fixtures are back", || {
            gateway.status_at("/generation/error") == Value::Null
        });
    };
    for _ in 0..2 {
        fs::rename(&file, &aside).unwrap();
        keeps_serving(&site, &gateway, "fixtures");
        fs::rename(&aside, &file).unwrap();
        recovers();
    }
    let folder_aside = site.path("fixtures/aside");
    fs::rename(&folder, &folder_aside).unwrap();
    keeps_serving(&site, &gateway, "fixtures");
    fs::rename(&folder_aside, &folder).unwrap();
    recovers();
    gateway.stop();
}

#[test]
fn a_half_written_component_is_not_taken() {
    let site = site();
    let gateway = site.start();
    let old = component("conformance");
    let new = new_version("slow");
    let half = new.len() / 2;
    fs::write(site.path("plugins/conformance.wasm"), &new[..half]).unwrap();
    keeps_serving(&site, &gateway, "conformance.wasm");
    assert_eq!(gateway.serves("guest"), digest(&old));
    fs::write(site.path("plugins/conformance.wasm"), &new).unwrap();
    takes_up(&site, &gateway, &new);
}

#[test]
fn a_missing_component_is_no_end_of_service() {
    let site = site();
    let gateway = site.start();
    fs::remove_file(site.path("plugins/conformance.wasm")).unwrap();
    keeps_serving(&site, &gateway, "conformance.wasm");
    let back = new_version("back");
    site.plug("conformance.wasm", &back);
    takes_up(&site, &gateway, &back);
}

#[test]
fn a_swapped_symlink_is_followed() {
    // Kubernetes mounts a ConfigMap like this: file → ..data/file, ..data → ..2026_1.
    let site = site();
    let plugins = site.path("plugins");
    let publish = |number: u32, wasm: &[u8]| {
        let folder = format!("..2026_{number}");
        fs::create_dir(plugins.join(&folder)).unwrap();
        fs::write(plugins.join(&folder).join("conformance.wasm"), wasm).unwrap();
        symlink(&folder, plugins.join("..data_tmp")).unwrap();
        fs::rename(plugins.join("..data_tmp"), plugins.join("..data")).unwrap();
    };
    fs::remove_file(plugins.join("conformance.wasm")).unwrap();
    let first = component("conformance");
    publish(1, &first);
    symlink("..data/conformance.wasm", plugins.join("conformance.wasm")).unwrap();
    let gateway = site.start();
    takes_up(&site, &gateway, &first);
    for number in 2..5 {
        let next = new_version(&format!("number {number}"));
        publish(number, &next);
        fs::remove_dir_all(plugins.join(format!("..2026_{}", number - 1))).unwrap();
        takes_up(&site, &gateway, &next);
    }
}

#[test]
fn a_manifest_outside_its_folder_is_followed_through_a_symlink() {
    let site = site();
    let text = Manifest::with_one(Handler::new("guest")).text();
    fs::create_dir(site.path("v1")).unwrap();
    fs::create_dir(site.path("v2")).unwrap();
    fs::write(site.path("v1/tollgate.toml"), &text).unwrap();
    let renamed = Manifest::with_one(Handler::new("renamed")).text();
    fs::write(site.path("v2/tollgate.toml"), renamed).unwrap();
    fs::remove_file(site.manifest_path()).unwrap();
    symlink("v1", site.path("current")).unwrap();
    symlink("current/tollgate.toml", site.manifest_path()).unwrap();
    let gateway = site.start();
    symlink("v2", site.path("next")).unwrap();
    fs::rename(site.path("next"), site.path("current")).unwrap();
    eventually("the other manifest serves", || {
        !gateway.serves("renamed").is_empty()
    });
}

#[test]
fn routes_come_and_go_with_the_manifest() {
    let one = Manifest::new()
        .handler(Handler::new("guest"))
        .route("a", &["guest"]);
    let two = one
        .clone()
        .handler(Handler::new("second"))
        .route("b", &["second"]);
    let site = Site::new(&one);
    let gateway = site.start();
    let routed = |kind: &str| {
        let event = Event::new(kind, json!({ "do": "done" }));
        gateway.accepts(&event);
        gateway.settles();
        site.ledger().texts(
            "SELECT handler FROM v_deliveries d JOIN v_events e ON e.id = d.event
             WHERE e.provider_id = ?1",
            [&event.id],
        )
    };
    assert_eq!(routed("b"), [""; 0]);
    let before = gateway.generation();
    site.write_manifest(&two.text());
    eventually("a new generation serves", || gateway.generation() > before);
    assert_eq!(routed("b"), ["second"]);
    let before = gateway.generation();
    site.write_manifest(&one.text());
    eventually("a new generation serves", || gateway.generation() > before);
    assert_eq!(routed("b"), [""; 0]);
    assert_eq!(routed("a"), ["guest"]);
}

#[test]
fn a_broken_manifest_is_told_and_not_taken_even_by_a_restart() {
    let site = site();
    let good = fs::read_to_string(site.manifest_path()).unwrap();
    let gateway = site.start();
    let number = gateway.generation();
    site.write_manifest(&good.replace("[server]", "[serve]"));
    keeps_serving(&site, &gateway, "serve");
    assert_eq!(gateway.generation(), number);
    assert_eq!(gateway.status_at("/generation/from"), "manifest");
    assert_eq!(site.run("check", &[]).status.code(), Some(1));
    gateway.stop();

    // A missing component must not keep the last good generation from serving.
    fs::remove_file(site.path("plugins/conformance.wasm")).unwrap();
    let gateway = site.start();
    assert_eq!(gateway.status_at("/generation/from"), "last-good");
    keeps_serving(&site, &gateway, "serve");

    let new = new_version("repaired");
    site.plug("conformance.wasm", &new);
    site.write_manifest(&good);
    takes_up(&site, &gateway, &new);
    assert_eq!(gateway.status_at("/generation/from"), "manifest");
    let said = gateway.stop();
    assert!(!said.contains("takes effect at the next start"), "{said}");
}

#[test]
fn the_last_good_one_is_found_wherever_the_ledger_is() {
    let site = site();
    let good = fs::read_to_string(site.manifest_path()).unwrap();
    let elsewhere = good.replace("sqlite:data/", "sqlite:${PLACE:-data}/");
    assert_ne!(good, elsewhere);
    // A comment is no URL.
    let elsewhere = format!("# url = \"sqlite:nowhere/tollgate.db\"\n{elsewhere}");
    site.write_manifest(&elsewhere);
    let start = || Launch::new(&site).env("PLACE", site.path("place")).start();
    start().stop();

    let broken = [
        elsewhere.replace("[server]", "[serve]"),
        format!("{elsewhere}\n[routes"),
        elsewhere.replace("version = 1", "version = = 1"),
    ];
    for broken in broken {
        site.write_manifest(&broken);
        let gateway = start();
        assert_eq!(
            gateway.status_at("/generation/from"),
            "last-good",
            "{broken}"
        );
        gateway.stop();
    }
    for folder in ["nowhere", "${PLACE:-data}"] {
        assert!(!site.path(folder).exists(), "{folder}");
    }
}

#[test]
fn a_first_start_with_a_broken_manifest_makes_no_ledger() {
    let site = site();
    let good = fs::read_to_string(site.manifest_path()).unwrap();
    site.write_manifest(&good.replace("[server]", "[serve]"));
    assert!(Launch::new(&site).alone().try_start().is_err());
    assert!(!site.path("data").exists());
}

#[test]
fn a_first_start_with_a_broken_manifest_fails_and_says_why() {
    let site = site();
    let good = fs::read_to_string(site.manifest_path()).unwrap();
    site.write_manifest(&good.replace("scheme = \"stripe\"", "scheme = \"stripes\""));
    let Err((status, stderr)) = Launch::new(&site).try_start() else {
        panic!("it must not start");
    };
    assert_eq!(status.code(), Some(1));
    assert!(
        stderr.contains("stripes") && stderr.contains("tollgate.toml:"),
        "{stderr}"
    );
}

#[test]
fn sighup_reloads_where_nothing_is_watched() {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")).reload("watch = \"off\""));
    let gateway = site.start();
    let old = component("conformance");
    let new = new_version("by signal");
    site.plug("conformance.wasm", &new);
    stays("nothing is taken up", Duration::from_millis(500), || {
        gateway.serves("guest") == digest(&old)
    });
    gateway.hang_up();
    takes_up(&site, &gateway, &new);
}

#[test]
fn polling_finds_what_no_notification_tells() {
    let reload = "watch = \"poll\"\npoll_interval = \"100ms\"\ndebounce = \"30ms\"";
    let site = Site::new(&Manifest::with_one(Handler::new("guest")).reload(reload));
    let gateway = site.start();
    let new = new_version("polled");
    site.plug("conformance.wasm", &new);
    takes_up(&site, &gateway, &new);
    let in_place = new_version("again");
    fs::write(site.path("plugins/conformance.wasm"), &in_place).unwrap();
    takes_up(&site, &gateway, &in_place);
}

#[test]
fn work_under_way_ends_on_the_generation_that_it_began_on() {
    let site = Site::new(&Manifest::with_one(
        Handler::new("guest").set("timeout = \"5m\""),
    ));
    let gateway = site.start();
    // The component is compiled before, so loading it takes far less time than the run.
    let new = new_version("meanwhile");
    for wasm in [&new, &component("conformance")] {
        site.plug("conformance.wasm", wasm);
        takes_up(&site, &gateway, wasm);
    }
    let slow = Event::new(
        "test.slow",
        json!([{ "do": "spin", "millions": 1000 }, { "do": "add", "key": "ends" }]),
    );
    gateway.accepts(&slow);
    eventually("it runs", || {
        gateway
            .status_at("/generation/handlers/guest/running")
            .as_u64()
            > Some(0)
    });
    site.plug("conformance.wasm", &new);
    eventually("the new component serves", || {
        gateway.serves("guest") == digest(&new)
    });
    let ledger = site.ledger();
    assert_eq!(
        ledger.unfinished(),
        1,
        "it has ended already: this shows nothing"
    );
    gateway.settles();
    let attempts = ledger.attempts(&slow.id, "guest");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].component, digest(&component("conformance")));
    assert_eq!(ledger.state("guest", "ends").as_deref(), Some("1"));
}

#[test]
fn reloads_under_load_lose_refuse_and_repeat_nothing() {
    let receiver = Receiver::start();
    let manifest = Manifest::with_one(Handler::new("guest").allow(receiver.address));
    let site = Site::new(&manifest);
    let gateway = site.start();
    let url = receiver.url("/");
    let load = Load::start(
        &Target::new(gateway.ingress),
        8,
        Duration::from_millis(2),
        move |number| {
            let id = format!("evt_load_{number}");
            let steps = json!([
                { "do": "add", "key": "handled" },
                { "do": "increment", "key": format!("seen/{id}") },
                { "do": "send", "url": url, "body": id },
            ]);
            Event::with_id(&id, "test.load", steps)
        },
    );
    let reloads = 12;
    for number in 0..reloads {
        let before = gateway.generation();
        if number % 3 == 2 {
            let text = manifest
                .clone()
                .section(&format!("# number {number}"))
                .route("other", &["guest"]);
            site.write_manifest(&text.text());
        } else {
            let new = new_version(&format!("under load {number}"));
            site.plug("conformance.wasm", &new);
        }
        eventually("a new generation serves", || gateway.generation() > before);
    }
    let report = load.finish();
    gateway.drains();
    audit_reloads(&site.ledger(), &receiver, &report, reloads);
}

/// Checks that every acknowledged event was handled once, by several components.
#[track_caller]
fn audit_reloads(ledger: &Ledger, receiver: &Receiver, report: &LoadReport, reloads: u32) {
    let sent = report.acknowledged.len();
    let components = ledger.count("SELECT count(DISTINCT component) FROM attempts", []);
    println!(
        "{reloads} reloads, {sent} events acknowledged, {components} components ran, \
         slowest acknowledgement {:?}",
        report.slowest
    );
    assert!(sent > 100, "{sent} events are no load");
    assert!(
        components > 3,
        "only {components} components ran: this shows nothing"
    );
    assert_eq!(
        (report.refused.len(), report.broken, report.open.len()),
        (0, 0, 0)
    );
    assert_eq!(ledger.events(), sent as i64, "none is lost");
    assert_eq!(ledger.deliveries_in("guest", "done"), sent as i64);
    assert_eq!(
        ledger.state("guest", "handled"),
        Some(sent.to_string()),
        "none is handled twice"
    );
    assert_eq!(
        ledger.count(
            "SELECT count(*) FROM v_state WHERE key LIKE 'seen/%' AND value = '1'",
            []
        ),
        sent as i64
    );
    assert_eq!(receiver.effects(), sent);
    assert!(receiver.keys_by_body().values().all(|keys| keys.len() == 1));
}
