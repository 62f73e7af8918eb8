//! `tollgate state`: operators read and change the durable state of handlers.

use serde_json::{Value, json};

use crate::harness::{Event, Gateway, Handler, Launch, Manifest, Site, run, try_run};

fn site() -> Site {
    let manifest = Manifest::new()
        .handler(Handler::new("guest"))
        .route("*", &["guest"]);
    Site::new(&manifest)
}

/// An event whose handling adds to a counter.
fn adding(id: &str) -> Event {
    let steps = json!([{ "do": "add", "key": "counter" }]);
    Event::with_id(id, "payment_intent.succeeded", steps)
}

fn start(site: &Site) -> Gateway {
    Launch::new(site).start()
}

fn get(site: &Site, gateway: &Gateway, key: &str) -> Value {
    run(site, gateway, "state get", &["guest", key])
}

#[test]
fn an_operator_reads_and_changes_what_a_handler_keeps() {
    let site = site();
    let gateway = start(&site);
    gateway.accepts(&adding("evt_1"));
    gateway.settles();
    let counter = get(&site, &gateway, "counter");
    assert_eq!(counter["value"]["text"], "1");
    let digest = counter["component"].as_str().unwrap();
    assert_eq!(digest.len(), 64, "{digest}");
    assert!(counter["written_ms"].as_u64().unwrap() > 0);

    let why = ["--why", "counted twice before the fix"];
    run(
        &site,
        &gateway,
        "state set",
        &[&["guest", "counter", "40"][..], &why].concat(),
    );
    let set = get(&site, &gateway, "counter");
    assert_eq!(
        (&set["value"]["text"], &set["component"]),
        (&json!("40"), &Value::Null)
    );
    // The handler goes on from there.
    gateway.accepts(&adding("evt_2"));
    gateway.settles();
    let after = get(&site, &gateway, "counter");
    assert_eq!(
        (&after["value"]["text"], &after["component"]),
        (&json!("41"), &json!(digest))
    );

    is_refused_or_deleted(&site, &gateway, &set["version"].to_string());

    let changes = run(&site, &gateway, "state changes", &["guest"]);
    let seen: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["action"].as_str().unwrap(),
                row["before"].clone(),
                row["after"].clone(),
            )
        })
        .collect();
    let expected = [
        ("delete", json!(2), json!(null)),
        ("set", json!(1), json!(2)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(changes[1]["why"], why[1]);
    assert!(!changes[1]["who"].as_str().unwrap().is_empty());
    let (code, _, told) = try_run(&site, &gateway, "state list", &["nobody"]);
    assert!(
        code != 0 && told.contains("there is no handler `nobody`"),
        "{told}"
    );
}

/// A change of an outdated version changes nothing, and a deleted key is gone.
fn is_refused_or_deleted(site: &Site, gateway: &Gateway, stale: &str) {
    let outdated = ["guest", "counter", "0", "--if-version", stale];
    let (code, _, told) = try_run(site, gateway, "state set", &outdated);
    assert!(
        code != 0 && told.contains("has changed since the version"),
        "{told}"
    );
    let deleted = run(site, gateway, "state delete", &["guest", "counter", "none"]);
    assert_eq!(deleted["changed"], 1);
    let (code, _, told) = try_run(site, gateway, "state get", &["guest", "counter"]);
    assert!(
        code != 0 && told.contains("no value under `counter`"),
        "{told}"
    );
}

#[test]
fn state_is_exported_and_imported_whole() {
    let site = site();
    let gateway = start(&site);
    // More than one page and one call, in an order that is no number's, with bytes and odd keys.
    let lines: Vec<String> = (0..250)
        .map(|n| json!({ "key": format!("order/{n}"), "text": format!("v{n}") }).to_string())
        .chain([
            json!({ "key": "bytes \u{1f600} ?&#%", "base64": "/wAB" }).to_string(),
            json!({ "key": "empty", "text": "" }).to_string(),
        ])
        .collect();
    let file = site.path("state.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let import = |more: &[&str]| {
        run(
            &site,
            &gateway,
            "state import",
            &[&["guest", file], more].concat(),
        )
    };
    let tried = import(&["--dry-run"]);
    assert_eq!(
        (&tried["set"], &tried["dry_run"]),
        (&json!(252), &json!(true))
    );
    assert_eq!(run(&site, &gateway, "state list", &["guest"]), json!([]));
    assert_eq!(import(&[])["set"], 252);

    let export = |handler: &str| {
        let out = site.run("state export", &[handler]);
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let exported = export("guest");
    let mut expected = lines.clone();
    expected.sort_by_key(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["key"].as_str().unwrap().to_owned()
    });
    let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let parsed: Vec<_> = exported.lines().map(parse).collect();
    let wanted: Vec<_> = expected.iter().map(|line| parse(line)).collect();
    assert_eq!(parsed, wanted);

    // Replacing takes away what the file does not have.
    std::fs::write(file, lines[..3].join("\n")).unwrap();
    let replaced = import(&["--replace"]);
    assert_eq!(
        (&replaced["set"], &replaced["deleted"]),
        (&json!(3), &json!(249))
    );
    assert_eq!(export("guest").lines().count(), 3);
    // The same without a gateway.
    gateway.stop();
    assert_eq!(export("guest").lines().count(), 3);
    let (ok, told) = mistake(&site, "{\"key\":\"k\"}");
    assert!(!ok && told.contains("line 1"), "{told}");
}

/// The result of importing this text.
fn mistake(site: &Site, text: &str) -> (bool, String) {
    let file = site.path("wrong.jsonl");
    std::fs::write(&file, text).unwrap();
    let out = site.run("state import", &["guest", file.to_str().unwrap()]);
    (
        out.status.success(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

#[test]
fn large_values_go_out_and_in_again() {
    let site = site();
    let gateway = start(&site);
    let value = "v".repeat(300_000);
    let lines: Vec<_> = (0..5)
        .map(|n| json!({ "key": format!("k{n}"), "text": value }).to_string())
        .collect();
    let file = site.path("large.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let imported = run(
        &site,
        &gateway,
        "state import",
        &["guest", file.to_str().unwrap()],
    );
    assert_eq!(imported["set"], 5);
    let exported = site.run("state export", &["guest"]);
    let exported = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(exported.lines().count(), 5);
    let keys: Vec<String> = (0..150).map(|n| format!("k{n}")).collect();
    let mut arguments = vec!["guest", "k0"];
    arguments.extend(keys.iter().map(String::as_str));
    let deleted = run(&site, &gateway, "state delete", &arguments);
    assert_eq!(deleted["changed"], 5);
    let far = ["guest", "--url", "http://127.0.0.1:99999"];
    let refused = site.run("state list", &far);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && told.contains("up to 65535"),
        "{told}"
    );
}

#[test]
fn a_mistake_is_told_before_anything_is_changed() {
    let site = site();
    let gateway = start(&site);
    let line = |key: &str, value: Value| {
        let mut line = value;
        line["key"] = key.into();
        line.to_string()
    };
    let good = line("good", json!({ "text": "v" }));
    for (wrong, why) in [
        (line("", json!({ "text": "v" })), "a key has 1 to 512 bytes"),
        (
            line(&"k".repeat(513), json!({ "text": "v" })),
            "a key has 1 to 512 bytes",
        ),
        (line("coded", json!({ "base64": "?" })), "is no base64"),
        (
            line("long", json!({ "text": "v".repeat((1 << 20) + 1) })),
            "is longer than",
        ),
    ] {
        for more in [&["--dry-run"][..], &[]] {
            let file = site.path("wrong.jsonl");
            std::fs::write(&file, format!("{good}\n{wrong}\n")).unwrap();
            let arguments = [&["guest", file.to_str().unwrap()], more].concat();
            let (code, _, told) = try_run(&site, &gateway, "state import", &arguments);
            assert!(code != 0 && told.contains(why), "{more:?} {told}");
        }
    }
    let file = site.path("good.jsonl");
    std::fs::write(&file, good).unwrap();
    let arguments = ["nobody", file.to_str().unwrap(), "--dry-run"];
    let (code, _, told) = try_run(&site, &gateway, "state import", &arguments);
    assert!(code != 0 && told.contains("no handler `nobody`"), "{told}");
    assert_eq!(run(&site, &gateway, "state list", &["guest"]), json!([]));
    let endless = ["guest", "k", "--file", "/dev/zero"];
    let (code, _, told) = try_run(&site, &gateway, "state set", &endless);
    assert!(
        code != 0 && told.contains("more than 67108864 bytes"),
        "{told}"
    );
}

#[test]
fn a_list_has_as_many_keys_as_are_asked_for() {
    let site = site();
    let gateway = start(&site);
    let lines = (0..1100).map(|n| json!({ "key": format!("k{n:04}"), "text": "v" }).to_string());
    let file = site.path("many.jsonl");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    run(
        &site,
        &gateway,
        "state import",
        &["guest", file.to_str().unwrap()],
    );
    let listed = |limit: &str, after: &str| {
        let arguments = ["guest", "--limit", limit, "--after", after];
        let listed = run(&site, &gateway, "state list", &arguments);
        let keys = listed.as_array().unwrap().clone();
        let last = keys.last().map(|view| view["key"].clone());
        (keys.len(), last.unwrap_or_default())
    };
    assert_eq!(listed("1050", "k0000"), (1050, json!("k1050")));
    assert_eq!(listed("5000", "k"), (1100, json!("k1099")));
    assert_eq!(listed("500", "k0999"), (100, json!("k1099")));
    assert_eq!(listed("10", "k2"), (0, Value::Null));
}

#[test]
fn a_value_may_begin_with_a_minus_and_what_is_no_json_is_told() {
    let site = site();
    let gateway = start(&site);
    let set = |key: &str, value: &str| {
        let (code, _, said) = try_run(
            &site,
            &gateway,
            "state set",
            &["guest", key, value, "--why", "a test"],
        );
        assert_eq!(code, 0, "{said}");
        assert_eq!(get(&site, &gateway, key)["value"]["text"], value);
        said
    };
    assert_eq!(set("balance", "-5"), "");
    assert_eq!(set("-key", r#""a text""#), "");
    assert!(set("word", "paid").contains("the value is no JSON"));
    assert!(set("range", "-5..5").contains("the value is no JSON"));
    let changes = run(&site, &gateway, "state changes", &["guest"]);
    let changes = changes.as_array().unwrap().iter();
    assert!(changes.clone().all(|row| row["why"] == "a test"));
    assert_eq!(changes.count(), 4);
}
