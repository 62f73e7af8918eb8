//! `tollgate init`: a folder to begin with.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use crate::harness::{Event, Handler, Launch, Manifest, SECRET, Site};

fn init(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("init")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_manifest_for_a_provider_records_its_events() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("gateway");
    let output = init(
        &folder,
        &[
            "--provider",
            "stripe",
            "--url",
            "https://hooks.example.com/",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    for part in [
        "https://hooks.example.com/webhooks/stripe\n",
        "export STRIPE_SECRET=",
        "payment_intent.succeeded",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let written = fs::read_to_string(folder.join("tollgate.toml")).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("check")
        .current_dir(&folder)
        .env("STRIPE_SECRET", SECRET)
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");

    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    site.write_manifest(&written);
    fs::create_dir(site.path("handlers")).unwrap();
    let gateway = Launch::new(&site)
        .env("STRIPE_SECRET", SECRET)
        .env("LISTEN", "127.0.0.1:0")
        .env("ADMIN", "127.0.0.1:0")
        .start();
    gateway.accepts(&Event::new("payment_intent.succeeded", json!([])));
    assert_eq!(gateway.status_at("/ledger/unrouted"), 1);
    gateway.stop();

    let again = init(&folder, &["--provider", "adyen"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    let stands = fs::read_to_string(folder.join("tollgate.toml")).unwrap();
    assert_eq!(stands, written, "a manifest that is there stays");
}

#[test]
fn each_scheme_has_a_manifest_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let schemes = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("schemes")
        .output()
        .unwrap();
    let schemes = String::from_utf8(schemes.stdout).unwrap();
    let names: Vec<_> = schemes
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let mut arguments = vec!["--url", "https://hooks.example.com"];
    arguments.extend(names.iter().flat_map(|name| ["--provider", name]));
    let output = init(folder.path(), &arguments);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(folder.path().join("tollgate.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let sources = manifest["sources"].as_table().unwrap();
    for name in names {
        let source = &sources[name];
        assert_eq!(source["scheme"].as_str(), Some(name));
        if let Some(url) = source.get("url") {
            let expected = format!("https://hooks.example.com/webhooks/{name}");
            assert_eq!(url.as_str(), Some(&*expected), "{name}");
        }
    }
}

#[test]
fn a_wrong_provider_or_url_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, why) in [
        (&["--provider", "strpe"][..], "did you mean `stripe`?"),
        (
            &["--provider", "stripe", "--url", "hooks.example.com/x"],
            "`--url` is",
        ),
        (
            &["--provider", "stripe", "--url", "https://a.example/x"],
            "without a path",
        ),
        (&[], "name a provider"),
    ] {
        let output = init(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
