//! Events and what becomes of them, as it happens: `tollgate tail`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::harness::{Event, Gateway, Handler, Manifest, Site, eventually};

/// What the command prints of the events of the last hour, as JSON.
fn all(site: &Site, gateway: &Gateway, more: &[&str]) -> Vec<Value> {
    let url = format!("http://{}", gateway.admin);
    let arguments = ["--url", &url, "--from", "1h", "--once", "--json"];
    let output = site.run("tail", &[&arguments, more].concat());
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// `recorded`, `came_again`, or the state of a delivery.
fn change(line: &Value) -> &str {
    line["delivery"]["state"]
        .as_str()
        .or(line["change"].as_str())
        .unwrap()
}

#[test]
fn each_event_is_followed_to_its_end() {
    let handler = Handler::new("guest").retry(3, "100ms");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    let fine = Event::new("test.fine", json!({ "do": "done" }));
    let flaky = Event::new("test.flaky", json!({ "do": "flaky", "succeed_at": 2 }));
    let dead = Event::new("test.dead", json!({ "do": "reject", "reason": "no stock" }));
    for event in [&fine, &flaky, &dead] {
        gateway.accepts(event);
    }
    gateway.settles();
    let lines = all(&site, &gateway, &[]);
    let of = |event: &Event| {
        let kind = |line: &&Value| line["event"]["provider_id"] == event.id.as_str();
        let recorded = lines.iter().find(kind).expect("recorded")["event"]["id"].clone();
        let ended = lines.iter().filter(|line| line["event"] == recorded);
        ended.map(change).collect::<Vec<_>>()
    };
    assert_eq!(of(&fine), ["done"]);
    assert_eq!(of(&flaky).last(), Some(&"done"));
    assert_eq!(of(&dead), ["dead"]);
    let recorded = lines.iter().filter(|line| change(line) == "recorded");
    assert_eq!(recorded.count(), 3, "each once: {lines:#?}");
    let only = all(&site, &gateway, &["--kind", "test.d*"]);
    assert_eq!(
        only.iter().map(change).collect::<Vec<_>>(),
        ["recorded", "dead"]
    );
    assert_eq!(only[1]["attempt"]["detail"], "no stock");
    gateway.stop();
}

#[test]
fn what_comes_while_the_command_runs_is_shown_as_text() {
    let handler = Handler::new("guest").retry(3, "100ms");
    let site = Site::new(&Manifest::with_one(handler));
    let gateway = site.start();
    gateway.accepts(&Event::new("test.before", json!({ "do": "done" })));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["tail", "--url", &format!("http://{}", gateway.admin)])
        .current_dir(site.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown = Arc::new(Mutex::new(Vec::new()));
    let reader = std::thread::spawn({
        let shown = shown.clone();
        move || lines.for_each(|line| shown.lock().unwrap().push(line.unwrap()))
    });
    let is_shown = |part: &str| shown.lock().unwrap().iter().any(|line| line.contains(part));
    // The first events may come before the command looks.
    let mut sent = 0;
    eventually("the command shows new events", || {
        sent += 1;
        let id = format!("evt_more_{sent}");
        gateway.accepts(&Event::with_id(&id, "test.more", json!({ "do": "done" })));
        is_shown("stripe test.more evt_more_")
    });
    assert!(!is_shown("test.before"), "it was recorded before");
    let steps = json!({ "do": "reject", "reason": "a\u{1b}[2J\u{202e}b" });
    let odd = Event::new("test.odd", steps);
    gateway.accepts(&odd);
    gateway.accepts_again(&odd);
    eventually("the end is shown", || {
        is_shown("guest: dead after attempt 1")
    });
    assert!(
        is_shown("a\u{fffd}[2J\u{fffd}b"),
        "{:?}",
        shown.lock().unwrap()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    gateway.stop();
}
