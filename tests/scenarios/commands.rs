//! The commands that need no gateway: `tollgate verify` and `tollgate sign`.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// An HMAC scheme each with a settings' worth of difference, and a body that it takes.
const SCHEMES: &[(&str, &[&str], &str)] = &[
    (
        "stripe",
        &["--secret", "whsec_abc"],
        r#"{"id":"evt_1","type":"charge.failed","object":"event","created":1760000000}"#,
    ),
    (
        "standard-webhooks",
        &["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        r#"{"type":"user.created"}"#,
    ),
    (
        "square",
        &["--secret", "k", "--url", "https://example.com/square"],
        r#"{"event_id":"e","type":"payment.updated","created_at":"2026-01-01T00:00:00Z"}"#,
    ),
    (
        "paddle",
        &["--secret", "pdl_ntfset_1"],
        r#"{"event_id":"evt_1","event_type":"transaction.paid","occurred_at":"2026-01-01T00:00:00Z"}"#,
    ),
];

fn tollgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Signs the body at `now`; the headers as `--header` arguments.
fn sign(scheme: &str, settings: &[&str], body: &Path, now: &str) -> Vec<String> {
    let mut arguments = vec!["sign", "--scheme", scheme, "--now", now, "--json"];
    arguments.extend(settings);
    arguments.extend(["--body", body.to_str().unwrap()]);
    let output = tollgate(&arguments);
    assert!(output.status.success(), "{output:?}");
    let signed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let headers = signed["headers"].as_array().unwrap();
    let argument = |header: &Value| {
        let text = |part: usize| header[part].as_str().unwrap().to_owned();
        ["--header".to_owned(), format!("{}: {}", text(0), text(1))]
    };
    headers.iter().flat_map(argument).collect()
}

/// What `verify --json` says, and what it ends with.
fn verify(
    scheme: &str,
    settings: &[&str],
    body: &Path,
    now: &str,
    headers: &[String],
) -> (i32, Value) {
    let mut arguments = vec!["verify", "--scheme", scheme, "--now", now, "--json"];
    arguments.extend(settings);
    arguments.extend(["--body", body.to_str().unwrap()]);
    arguments.extend(headers.iter().map(String::as_str));
    let output = tollgate(&arguments);
    let verdict = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), verdict)
}

#[test]
fn what_is_signed_verifies_and_what_is_changed_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    let changed = folder.path().join("changed");
    for (scheme, settings, text) in SCHEMES {
        std::fs::write(&body, text).unwrap();
        std::fs::write(&changed, text.replace("type", "tipe")).unwrap();
        let headers = sign(scheme, settings, &body, "1760000000");
        let (code, verdict) = verify(scheme, settings, &body, "1760000001", &headers);
        assert_eq!(
            (code, &verdict["verdict"]),
            (0, &"accepted".into()),
            "{scheme}: {verdict}"
        );
        assert_eq!(verdict["secret"], 0);
        assert_eq!(verdict["events"].as_array().unwrap().len(), 1);
        let (code, verdict) = verify(scheme, settings, &changed, "1760000001", &headers);
        assert_eq!(
            (code, &verdict["verdict"]),
            (1, &"rejected".into()),
            "{scheme}: {verdict}"
        );
    }
}

#[test]
fn a_refusal_is_explained_to_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    let (scheme, settings, text) = SCHEMES[0];
    std::fs::write(&body, text).unwrap();
    let headers = sign(scheme, settings, &body, "1760000000");
    let (code, verdict) = verify(scheme, settings, &body, "1760000412", &headers);
    assert_eq!(code, 1);
    assert_eq!(verdict["code"], "timestamp_too_old");
    assert!(
        verdict["reason"].as_str().unwrap().contains("412"),
        "{verdict}"
    );
    let (code, verdict) = verify(scheme, settings, &body, "1760000000", &[]);
    assert_eq!(code, 1);
    assert_eq!(verdict["code"], "missing_header");
}

#[test]
fn wrong_usage_is_told_from_a_refusal() {
    let output = tollgate(&["verify", "--scheme", "strip", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = tollgate(&["verify", "--scheme", "stripe", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "no secret: {output:?}");
    let output = tollgate(&["verify", "--body", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
