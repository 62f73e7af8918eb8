//! The providers' own libraries accept the requests that `tollgate sign` makes. They refuse
//! the same requests with another secret or with a changed body (tests/oracles).

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::harness::{Vector, each, sign_vector, signed_body, signed_url, skip, vectors};

/// The schemes whose official library for Python checks webhooks.
const PYTHON: [&str; 13] = [
    "adyen",
    "adyen-platform",
    "braintree",
    "coinbase-commerce",
    "gocardless",
    "mollie",
    "paddle",
    "razorpay",
    "square",
    "standard-webhooks",
    "stripe",
    "svix",
    "twilio",
];

/// The schemes whose official library for Node checks webhooks.
const NODE: [&str; 14] = [
    "adyen",
    "adyen-platform",
    "braintree",
    "coinbase-commerce",
    "github",
    "gocardless",
    "paddle",
    "razorpay",
    "shopify",
    "square",
    "standard-webhooks",
    "stripe",
    "svix",
    "twilio",
];

/// The schemes that `tollgate sign` supports and whose libraries are not asked here: most have none
/// that checks webhooks.
const NEITHER: [&str; 34] = [
    "airwallex",
    "authorize-net",
    "cashfree",
    "chargebee",
    "checkout-com",
    "dlocal",
    "fawry",
    "flutterwave",
    "flutterwave-v3",
    "iyzico",
    "klarna",
    "lemonsqueezy",
    "mercado-pago",
    "midtrans",
    "midtrans-iris",
    "monnify",
    "nuvei",
    "paystack",
    "payu",
    "phonepe",
    "phonepe-hmac",
    "polar",
    "portone",
    "przelewy24",
    "recurly",
    "revenuecat",
    "revenuecat-authorization",
    "revolut",
    "tap",
    "toss",
    "wompi",
    "woocommerce",
    "worldpay",
    "xendit",
];

/// The schemes whose libraries also parse an event from the body.
const READ: [&str; 5] = [
    "adyen",
    "braintree",
    "coinbase-commerce",
    "gocardless",
    "twilio",
];

/// Bodies that change when somebody parses and re-serialises them.
const BODIES: [&str; 3] = [
    "{\n  \"b\": 1.0,\n  \"a\": [ ]\n}\n",
    "{\"name\":\"Zoë 漢字 😀 \u{2028}\",\"escaped\":\"\\u00e9\\/\"}",
    "{\"id\":12345678901234567890,\"id\":1e2}",
];

/// A signed request, its label, and the same request with another secret and with another
/// body.
struct SignedRequest {
    scheme: String,
    label: String,
    signed: Value,
    another_secret: Value,
    another_body: Value,
}

/// Signs every vector that is accepted with one secret, for the present time: not every
/// library accepts another time.
fn asked() -> Vec<SignedRequest> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut known = BTreeSet::new();
    let mut vectors: Vec<Vector> = vectors()
        .into_iter()
        .filter(|vector| vector.accepted().is_some() && vector.text("library_differs").is_none())
        .filter(|vector| vector.value["secrets"].as_array().unwrap().len() == 1)
        .filter(|vector| known.insert((vector.scheme.clone(), vector.value["body"].to_string())))
        .collect();
    let schemes: BTreeSet<&str> = PYTHON.into_iter().chain(NODE).collect();
    let others: Vec<Vector> = vectors
        .iter()
        .filter(|vector| vector.text("name") == Some("plain"))
        .filter(|vector| schemes.contains(vector.scheme.as_str()))
        .flat_map(with_other_bodies)
        .collect();
    assert_eq!(others.len(), (schemes.len() - READ.len()) * BODIES.len());
    vectors.extend(others);
    let asked = Mutex::new(Vec::new());
    each(&vectors, |vector| {
        asked.lock().unwrap().extend(ask(vector, now.as_secs()));
    });
    asked.into_inner().unwrap()
}

fn with_other_bodies(plain: &Vector) -> Vec<Vector> {
    let bodies = if READ.contains(&plain.scheme.as_str()) {
        &[][..]
    } else {
        &BODIES
    };
    let with = |body: &&str| {
        let mut value = plain.value.clone();
        value["name"] = format!("with the body {body}").into();
        value["body"] = (*body).into();
        Vector {
            scheme: plain.scheme.clone(),
            value,
        }
    };
    bodies.iter().map(with).collect()
}

fn ask(vector: &Vector, now: u64) -> Option<SignedRequest> {
    let made = sign_vector(vector, now)?;
    let body = signed_body(&made);
    let scheme = vector.scheme.clone();
    let signed = json!({
        "scheme": scheme, "headers": made["headers"], "body": STANDARD.encode(&body),
        "secret": vector.value["secrets"][0], "url": signed_url(vector, &made),
        "params": vector.value["params"], "now": now,
    });
    let (mut another_secret, mut another_body) = (signed.clone(), signed.clone());
    another_secret["secret"] = secret_like(&scheme).into();
    another_body["body"] = STANDARD.encode(changed(&scheme, &body)).into();
    Some(SignedRequest {
        label: vector.label(),
        scheme,
        signed,
        another_secret,
        another_body,
    })
}

/// Returns a secret of the scheme's form that signs no request here.
fn secret_like(scheme: &str) -> &'static str {
    match scheme {
        "adyen" | "adyen-platform" => "00ff00ff",
        _ => "whsec_AAAAAAAA",
    }
}

/// Returns the body with a change that the scheme's signature must detect.
fn changed(scheme: &str, body: &[u8]) -> Vec<u8> {
    if scheme == "adyen" {
        // Adyen signs only a few fields.
        let text = String::from_utf8(body.to_vec()).unwrap();
        let other = text.replace("AUTHORISATION", "REFUND");
        assert_ne!(text, other);
        return other.into_bytes();
    }
    let mut body = body.to_vec();
    // The changed letter is part of neither an escape nor a keyword of JSON.
    let free = |at: usize| {
        let (before, letter) = (&body[at.saturating_sub(2)..at], body[at]);
        (b'g'..=b'z').contains(&letter) && !before.contains(&b'%') && !before.contains(&b'\\')
    };
    match (0..body.len()).rev().find(|at| free(*at)) {
        Some(at) => body[at] = if body[at] == b'x' { b'y' } else { b'x' },
        None => body.push(b' '),
    }
    body
}

/// Asks one process all questions. Returns its verdicts.
fn verdicts(command: &mut Command, questions: &[&Value]) -> Vec<Value> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = questions
        .iter()
        .map(|question| format!("{question}\n"))
        .collect();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let verdicts = String::from_utf8(output.stdout).unwrap();
    let verdicts: Vec<Value> = verdicts
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(verdicts.len(), questions.len());
    verdicts
}

fn judged(command: &mut Command, schemes: &[&str]) {
    let asked = asked();
    let questions: Vec<&Value> = asked
        .iter()
        .flat_map(|asked| [&asked.signed, &asked.another_secret, &asked.another_body])
        .collect();
    let verdicts = verdicts(command, &questions);
    let mut answered = BTreeSet::new();
    for (asked, verdicts) in asked.iter().zip(verdicts.chunks(3)) {
        if verdicts[0].is_null() {
            continue;
        }
        let label = &asked.label;
        assert_eq!(verdicts[0], true, "{label}: the official library refuses");
        assert!(
            verdicts[1].is_string(),
            "{label}: accepted under another secret"
        );
        assert!(
            verdicts[2].is_string(),
            "{label}: accepted with another body"
        );
        answered.insert(asked.scheme.as_str());
    }
    assert_eq!(answered, schemes.iter().copied().collect());
    println!(
        "{} requests accepted by the official libraries of {}",
        verdicts.chunks(3).filter(|three| three[0] == true).count(),
        answered.into_iter().collect::<Vec<_>>().join(", ")
    );
}

/// Returns the folder of the libraries, which `.ci/prepare oracles` installs.
fn libraries(part: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracles");
    folder.join(part)
}

fn script(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracles");
    folder.join(name)
}

#[test]
fn official_libraries_for_python_accept_what_is_signed() {
    let python = libraries("python");
    if !python.join("requirements.txt").exists() {
        return skip("the official libraries for Python are not there: make oracles");
    }
    let mut command = Command::new(python.join("bin/python"));
    judged(
        command
            .arg(script("judge.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
        &PYTHON,
    );
}

#[test]
fn official_libraries_for_node_accept_what_is_signed() {
    let node = libraries("node");
    if !node.join("node_modules").exists() {
        return skip("the official libraries for Node are not there: make oracles");
    }
    let text = std::fs::read_to_string(script("judge.mjs")).unwrap();
    let mut command = Command::new("node");
    command
        .args(["--input-type=module", "--eval", &text])
        .current_dir(node);
    judged(&mut command, &NODE);
}

#[test]
fn every_scheme_that_can_be_signed_is_judged_where_it_can_be() {
    let signable: BTreeSet<String> = asked().into_iter().map(|asked| asked.scheme).collect();
    let expected = [&PYTHON[..], &NODE, &NEITHER].concat();
    let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
    assert_eq!(signable, expected);
}
