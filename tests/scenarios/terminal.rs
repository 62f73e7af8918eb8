//! What people read on a terminal, and programs in a pipe.

use std::process::{Command, Output};

use serde_json::json;

use crate::harness::{Event, Gateway, Handler, Manifest, Site};

/// A gateway with an event that was handled. Returns the event's id.
fn served() -> (Site, Gateway, String) {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    let id = gateway.accepts(&Event::new("test.fine", json!({ "do": "done" })));
    gateway.settles();
    (site, gateway, id)
}

/// Runs a command on a terminal of so many columns, in a time zone that is two hours ahead of UTC.
fn on_terminal(columns: u16, command: &str) -> String {
    let binary = env!("CARGO_BIN_EXE_tollgate");
    let output = Command::new("script")
        .args([
            "-qec",
            &format!("stty rows 50 cols {columns}; {binary} {command}"),
        ])
        .arg("/dev/null")
        .env("TZ", "<+02>-2")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().replace('\r', "")
}

fn in_pipe(gateway: &Gateway, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .args(["--url", &format!("http://{}", gateway.admin)])
        .env("TZ", "<+02>-2")
        .output()
        .unwrap()
}

/// The text without the styles.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[test]
fn a_terminal_gets_local_times_short_ids_and_colours() {
    let (_site, gateway, id) = served();
    let url = format!("--url http://{}", gateway.admin);
    let list = |more: &str| on_terminal(200, &format!("deliveries list {url} {more}"));
    let told = list("");
    assert!(told.contains("\u{1b}[1m"), "the head is bold: {told:?}");
    assert!(told.contains("\u{1b}[32mdone\u{1b}[0m"), "{told:?}");
    assert!(told.contains(&id[..18]) && !told.contains(&id), "{told:?}");
    let without = list("--color never");
    assert!(!without.contains('\u{1b}'), "{without:?}");
    assert_eq!(plain(&told), without);

    let events = |more: &str| on_terminal(200, &format!("events list {url} --color never {more}"));
    let local = events("");
    assert!(local.contains("+02:00"), "{local:?}");
    let utc = events("--utc");
    assert!(!utc.contains("+02:00") && utc.contains("Z  "), "{utc:?}");
    // A table that does not fit is cut, and not broken.
    let narrow = on_terminal(60, &format!("events list {url} --color never"));
    for line in narrow.lines() {
        assert!(line.chars().count() <= 60, "{narrow}");
    }
    assert!(narrow.contains('…'), "{narrow}");
}

#[test]
fn a_pipe_gets_utc_whole_ids_and_no_colours_unless_asked() {
    let (_site, gateway, id) = served();
    let text = |arguments: &[&str]| {
        let output = in_pipe(&gateway, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let told = text(&["events", "list"]);
    assert!(told.contains(&id) && told.contains("Z  "), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains('…'), "{told}");
    let told = text(&["deliveries", "list", "--color", "always"]);
    assert!(told.contains("\u{1b}[32mdone"), "{told}");
}

#[test]
fn a_bar_is_shown_on_a_terminal_alone() {
    let (_site, gateway, _) = served();
    let replay = format!(
        "replay --url http://{} --kind 'test.*' --state done --yes",
        gateway.admin
    );
    let told = on_terminal(100, &replay);
    assert!(told.contains("1 of 1 deliveries were replayed"), "{told:?}");
    assert!(told.contains("changing ["), "{told:?}");
    gateway.settles();
    let arguments = ["replay", "--kind", "test.*", "--state", "done", "--yes"];
    let output = in_pipe(&gateway, &arguments);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stderr, b"", "{output:?}");
}

#[test]
fn an_event_is_named_by_the_beginning_of_its_id() {
    let (site, gateway, id) = served();
    let url = format!("http://{}", gateway.admin);
    let show = |arguments: &[&str], text: &str| {
        let output = site.run("events show", &[arguments, &["--json", text]].concat());
        let stderr = String::from_utf8(output.stderr).unwrap();
        let event: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), event["id"].clone(), stderr)
    };
    // A second event may have the same milliseconds, but not the same id.
    let other = gateway.accepts(&Event::new("test.fine", json!({ "do": "done" })));
    gateway.settles();
    let replayed = site.run("replay", &["--url", &url, &id[..20]]);
    assert!(replayed.status.success(), "{replayed:?}");
    gateway.settles();
    let online: &[&str] = &["--url", &url];
    let check = |arguments: &[&str]| {
        let (code, found, stderr) = show(arguments, &id[..20]);
        assert_eq!((code, found), (0, id.as_str().into()), "{stderr}");
        // All ids of a few decades have the same beginning.
        let (code, _, stderr) = show(arguments, &id[..4]);
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains(&id) && stderr.contains(&other), "{stderr}");
        let (code, _, stderr) = show(arguments, "ffff-ffff");
        assert_eq!(code, 3, "{stderr}");
        let (code, _, stderr) = show(arguments, "evt_1");
        assert_eq!(code, 1, "{stderr}");
    };
    check(online);
    gateway.stop();
    check(&[]);
    let output = site.run("handlers pause", &["guest"]);
    assert_eq!(output.status.code(), Some(4), "no gateway: {output:?}");
    let output = site.run("replay", &[]);
    assert_eq!(output.status.code(), Some(2), "nothing named: {output:?}");
    let output = site.run("deliveries show", &["99"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}
