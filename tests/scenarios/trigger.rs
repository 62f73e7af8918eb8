//! `tollgate trigger`: realistic, rightly signed events for a running gateway.

use serde_json::{Value, json};

use crate::harness::{Gateway, Handler, Manifest, Site, now, tollgate};

/// Sources of several providers, each with the secret that its kind of signature needs.
const SOURCES: &str = r#"
[sources.adyen]
path = "/webhooks/adyen"
scheme = "adyen"
secrets = ["44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056"]

[sources.braintree]
path = "/webhooks/braintree"
scheme = "braintree"
secrets = ["a_private_key"]
public_key = "a_public_key"

[sources.mercado]
path = "/webhooks/mercado"
scheme = "mercado-pago"
secrets = ["a_secret"]

[sources.shop]
path = "/webhooks/shop"
scheme = "shopify"
secrets = ["a_client_secret"]

[sources.square]
path = "/webhooks/square"
scheme = "square"
secrets = ["a_key"]
url = "https://pay.example.com/webhooks/square"

[sources.texts]
path = "/webhooks/texts"
scheme = "twilio"
secrets = ["a_token"]
url = "https://pay.example.com/webhooks/texts"
"#;

fn site() -> Site {
    let mut manifest = Manifest::with_one(Handler::new("guest")).section(SOURCES);
    // The guest reads JSON alone, so the XML of Braintree and Twilio's forms go to nobody.
    for source in ["adyen", "mercado", "shop", "square"] {
        manifest = manifest.route_of(source, "*", &["guest"], "");
    }
    Site::new(&manifest)
}

/// Runs the command against a gateway: exit code, a JSON object for each request, and stderr.
fn trigger(site: &Site, gateway: &Gateway, arguments: &[&str]) -> (i32, Vec<Value>, String) {
    let to = format!("http://{}", gateway.ingress);
    let mut all = vec!["--to", &to, "--json"];
    all.extend(arguments);
    let output = site.run("trigger", &all);
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), lines.collect(), stderr)
}

/// The types of the recorded events, in the order of arrival.
fn kinds(site: &Site) -> Vec<String> {
    let sql = "SELECT kind FROM events ORDER BY seq";
    site.ledger().texts(sql, [])
}

#[test]
fn an_event_of_each_source_is_recorded_and_handled() {
    let site = site();
    let gateway = site.start();
    let events = [
        ("stripe", "payment_intent.succeeded"),
        ("stripe", "v1.invoice.paid"),
        ("adyen", "AUTHORISATION"),
        ("braintree", "subscription_charged_successfully"),
        ("mercado", "payment.updated"),
        ("shop", "orders/paid"),
        ("square", "payment.updated"),
        ("texts", "message.delivered"),
    ];
    for (source, event) in events {
        let (code, told, stderr) = trigger(&site, &gateway, &["--source", source, event]);
        assert_eq!(code, 0, "{source} {event}: {told:?} {stderr}");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["kind"], event);
        assert_eq!(told[0]["status"], 200);
    }
    gateway.settles();
    let expected: Vec<_> = events
        .iter()
        .map(|(_, event)| (*event).to_owned())
        .collect();
    assert_eq!(kinds(&site), expected);
    assert_eq!(site.ledger().deliveries_in("guest", "done"), 6);
}

#[test]
fn without_a_source_the_only_one_that_has_the_event_gets_it() {
    let site = site();
    let gateway = site.start();
    let (code, _, stderr) = trigger(&site, &gateway, &["charge.dispute.created"]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(kinds(&site), ["charge.dispute.created"]);
    let (code, _, stderr) = trigger(&site, &gateway, &["payment.created"]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains("`--source mercado` or `--source square`"),
        "{stderr}"
    );
}

#[test]
fn a_handler_sees_the_value_that_was_replaced() {
    let site = site();
    let gateway = site.start();
    let steps = r#"/data/object/steps=[{"do":"add","key":"seen"}]"#;
    let arguments = [
        "payment_intent.succeeded",
        "--override",
        "/data/object/amount=500",
        "--override",
        steps,
    ];
    let (code, told, stderr) = trigger(&site, &gateway, &arguments);
    assert_eq!(code, 0, "{stderr}");
    gateway.settles();
    assert_eq!(site.ledger().state("guest", "seen").as_deref(), Some("1"));
    let payload = site.ledger().payload(told[0]["id"].as_str().unwrap());
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["data"]["object"]["amount"], 500);
}

#[test]
fn a_duplicate_counts_once_and_another_seed_is_another_event() {
    let site = site();
    let gateway = site.start();
    let arguments = [
        "--source",
        "adyen",
        "CAPTURE",
        "--duplicate",
        "--repeat",
        "3",
    ];
    let (code, told, stderr) = trigger(&site, &gateway, &arguments);
    assert_eq!(code, 0, "{stderr}");
    let again: Vec<_> = told.iter().map(|line| line["again"] == true).collect();
    assert_eq!(again, [false, true, false, true, false, true]);
    gateway.settles();
    assert_eq!(site.ledger().events(), 3);
    for _ in 0..2 {
        let seeded = ["invoice.paid", "--seed", "7", "--concurrency", "4"];
        assert_eq!(trigger(&site, &gateway, &seeded).0, 0);
    }
    assert_eq!(site.ledger().events(), 4);
}

#[test]
fn many_at_the_same_time_are_all_recorded() {
    let site = site();
    let gateway = site.start();
    let arguments = ["payout.paid", "--repeat", "200", "--concurrency", "16"];
    let (code, told, stderr) = trigger(&site, &gateway, &arguments);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(told.len(), 200);
    assert_eq!(site.ledger().events(), 200);
}

#[test]
fn a_scenario_is_told_in_order_about_one_subscription() {
    let site = site();
    let gateway = site.start();
    let arguments = ["--scenario", "subscription-dunning"];
    let (code, told, stderr) = trigger(&site, &gateway, &arguments);
    assert_eq!(code, 0, "{stderr}");
    let told: Vec<_> = told.iter().map(|line| line["kind"].clone()).collect();
    let kinds = kinds(&site);
    assert_eq!(json!(told), json!(kinds));
    assert_eq!(kinds.first().unwrap(), "customer.created");
    assert_eq!(kinds[kinds.len() - 2], "invoice.paid");
    let failed = kinds
        .iter()
        .filter(|kind| *kind == "invoice.payment_failed");
    assert_eq!(failed.count(), 2);
    let subjects = "SELECT DISTINCT subject FROM events WHERE kind LIKE 'customer.subscription.%'";
    assert_eq!(site.ledger().texts(subjects, []).len(), 1);
    // The story ends now, so its times are in order and in the past.
    let times = "SELECT CAST(created AS TEXT) FROM events ORDER BY seq";
    let times: Vec<u64> = site
        .ledger()
        .texts(times, [])
        .iter()
        .map(|time| time.parse().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.last().unwrap() - times[0] > 20 * 86_400_000);
}

#[test]
fn out_of_order_is_another_order_of_the_same_events() {
    let site = site();
    let gateway = site.start();
    let arguments = [
        "--scenario",
        "subscription-lost",
        "--seed",
        "5",
        "--out-of-order",
    ];
    let (code, _, stderr) = trigger(&site, &gateway, &arguments);
    assert_eq!(code, 0, "{stderr}");
    let mut mixed = kinds(&site);
    assert_eq!(trigger(&site, &gateway, &arguments[..4]).0, 0);
    assert_eq!(kinds(&site), mixed, "the same events are duplicates");
    assert_ne!(mixed.last().unwrap(), "customer.subscription.deleted");
    mixed.sort();
    assert_eq!(
        mixed
            .iter()
            .filter(|kind| *kind == "invoice.payment_failed")
            .count(),
        4
    );
}

#[test]
fn what_is_printed_is_a_body_or_a_fixture() {
    let site = site();
    let print = |arguments: &[&str]| {
        let output = site.run("trigger", arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let body = print(&[
        "--scheme",
        "stripe",
        "invoice.paid",
        "--seed",
        "1",
        "--print",
    ]);
    assert_eq!(body["type"], "invoice.paid");
    let arguments = [
        "--scheme",
        "gocardless",
        "payments.confirmed",
        "--print",
        "fixture",
    ];
    let fixture = print(&arguments);
    assert_eq!(fixture["event"]["kind"], "payments.confirmed");
    assert_eq!(fixture["event"]["payload"]["resource_type"], "payments");
    assert_eq!(fixture["expect"]["outcome"], "done");
    let old = ["--api-version", "2022-11-15", "--print"];
    let mut arguments = vec!["--scheme", "stripe", "invoice.paid"];
    arguments.extend(old);
    assert!(print(&arguments)["data"]["object"]["subscription"].is_string());
}

/// Each command ends with code 2, prints nothing, and its error has the text.
#[track_caller]
fn is_refused(says: &str, arguments: &str) {
    let site = site();
    let words: Vec<&str> = arguments.split(' ').collect();
    let output = site.run("trigger", &words);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
    assert!(stderr.contains(says), "{arguments}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments}");
}

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    let to = "--to http://127.0.0.1:1";
    is_refused(
        "did you mean `invoice.paid`?",
        &format!("invoice.payed --source stripe {to}"),
    );
    is_refused(
        "did you mean `stripe`?",
        "invoice.paid --scheme stirpe --print",
    );
    is_refused(
        "did you mean `stripe`?",
        "invoice.paid --source strip --print",
    );
    is_refused(
        "did you mean `subscription-dunning`?",
        &format!("--scenario subscription-duning --source stripe {to}"),
    );
    let print = "invoice.paid --scheme stripe --print";
    is_refused(
        "did you mean `object`?",
        &format!("{print} --override /data/objekt/x=1"),
    );
    is_refused(
        "there are 2026-10-28.endive",
        &format!("{print} --api-version 2019-01-01"),
    );
}

#[test]
fn without_an_address_the_command_asks_for_one() {
    is_refused("leaves the port open", "invoice.paid --source stripe");
    is_refused("say where to post", "invoice.paid --scheme stripe");
    is_refused(
        "write `http://",
        "invoice.paid --source stripe --to 127.0.0.1:1",
    );
}

#[test]
fn a_key_pair_stands_in_for_the_providers() {
    let site = site();
    let file = |name: &str| site.path(name).to_str().unwrap().to_owned();
    let mut manifest = Manifest::with_one(Handler::new("guest"));
    for (scheme, more) in [
        ("wise", ""),
        ("plaid", ""),
        (
            "apple",
            "bundle_id = \"com.example.app\"\napp_apple_id = \"1000000001\"",
        ),
    ] {
        let key = file(scheme);
        let made = site.run("trigger", &["--scheme", scheme, "--new-key", &key]);
        assert_eq!(made.status.code(), Some(0));
        let section = format!(
            "[sources.{scheme}]\npath = \"/webhooks/{scheme}\"\nscheme = \"{scheme}\"\n\
             secrets = [{{ file = \"{scheme}.pub\" }}]\n{more}\n"
        );
        manifest = manifest.section(&section);
    }
    site.write_manifest(&manifest.text());
    let gateway = site.start();
    for (scheme, event) in [
        ("wise", "transfers#state-change"),
        ("plaid", "ITEM.ERROR"),
        ("apple", "DID_RENEW"),
    ] {
        let arguments = ["--source", scheme, event, "--key", &file(scheme)];
        let (code, told, stderr) = trigger(&site, &gateway, &arguments);
        assert_eq!(code, 0, "{scheme}: {told:?} {stderr}");
    }
    assert_eq!(
        kinds(&site),
        ["transfers#state-change", "ITEM.ERROR", "DID_RENEW"]
    );
    let (_, _, stderr) = trigger(&site, &gateway, &["--source", "wise", "balances#credit"]);
    assert!(
        stderr.contains("`tollgate trigger --new-key FILE --scheme wise`"),
        "{stderr}"
    );
}

#[test]
fn a_gateway_that_refuses_or_is_not_there_is_told() {
    let site = site();
    let gateway = site.start();
    let to = format!("http://{}/webhooks/other", gateway.ingress);
    let output = site.run(
        "trigger",
        &["--source", "stripe", "invoice.paid", "--to", &to],
    );
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("404  invoice.paid  evt_"), "{told}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("tells only its operator why"), "{said}");
    let wrong = [
        "--scheme",
        "stripe",
        "--secret",
        "whsec_other",
        "invoice.paid",
        "--to",
    ];
    let to = format!("http://{}/webhooks/stripe", gateway.ingress);
    let output = site.run("trigger", &[&wrong[..], &[&to]].concat());
    assert_eq!(output.status.code(), Some(1));
    gateway.kill();
    let output = site.run(
        "trigger",
        &["--source", "stripe", "invoice.paid", "--to", &to],
    );
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("---  invoice.paid"), "{told}");
}

/// A sender is told nothing, and the operator who runs the command everything.
#[test]
fn the_reason_of_a_refusal_comes_from_the_admin_service() {
    let site = site();
    let gateway = site.start();
    let text = std::fs::read_to_string(site.manifest_path()).unwrap();
    let admin = format!("admin = \"{}\"", gateway.admin);
    let text = text.replace("admin = \"127.0.0.1:0\"", &admin);
    let (wrong, path) = (
        text.replace("${TOLLGATE_TEST_SECRET}", "whsec_other"),
        site.path("wrong.toml"),
    );
    assert_ne!(wrong, text);
    std::fs::write(&path, wrong).unwrap();
    for (more, reason) in [
        ("", "no signature matches"),
        ("/webhooks/nobody", "no source has the path"),
    ] {
        let to = format!("http://{}{more}", gateway.ingress);
        let asked = [
            "trigger",
            "--source",
            "stripe",
            "invoice.paid",
            "--to",
            &to,
            "--manifest",
        ];
        let mut arguments: Vec<std::ffi::OsString> = asked.iter().map(Into::into).collect();
        arguments.push(path.clone().into());
        let output = tollgate(&arguments, b"");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("the gateway says why"), "{said}");
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn a_value_that_is_new_and_a_time_that_is_given_are_told_and_taken() {
    let site = site();
    let gateway = site.start();
    let misspelt = [
        "--source",
        "stripe",
        "invoice.paid",
        "--override",
        "/data/object/curency=eur",
    ];
    let (code, _, said) = trigger(&site, &gateway, &misspelt);
    assert_eq!(code, 0);
    let note = "`/data/object/curency` is new in this event: did you mean `currency`?";
    assert!(said.contains(note), "{said}");
    let there = [
        "--source",
        "stripe",
        "invoice.paid",
        "--override",
        "/data/object/currency=eur",
    ];
    let (_, _, said) = trigger(&site, &gateway, &there);
    assert_eq!(said, "");
    // An hour ago is outside of the tolerance.
    let then = (now() - 3600).to_string();
    let late = ["--source", "stripe", "invoice.paid", "--now", &then];
    let (code, lines, _) = trigger(&site, &gateway, &late);
    assert_eq!((code, lines[0]["status"].as_u64()), (1, Some(400)));
}

#[test]
fn the_list_has_every_scheme_and_one_by_itself() {
    let site = site();
    let list = |arguments: &[&str]| {
        let output = site.run("trigger", arguments);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let all: Value = serde_json::from_str(&list(&["--list", "--json"])).unwrap();
    assert!(all.as_array().unwrap().len() > 50);
    let one = list(&["--list", "--source", "shop"]);
    assert!(
        one.starts_with("shopify") && one.contains("orders/paid"),
        "{one}"
    );
    assert!(!one.contains("payment_intent.succeeded"));
}
