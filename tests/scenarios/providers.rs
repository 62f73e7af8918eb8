//! `tollgate verify` and `tollgate sign` for every scheme, over the requests that official
//! libraries have judged (tests/oracles/vectors).

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A request with what is to be said of it.
pub(super) struct Vector {
    pub(super) scheme: String,
    pub(super) value: Value,
}

impl Vector {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.value[key].as_str()
    }

    pub(super) fn label(&self) -> String {
        format!("{}: {}", self.scheme, self.value["name"])
    }

    fn body(&self) -> Vec<u8> {
        match (self.text("body"), self.text("body_base64")) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(text)) => STANDARD.decode(text).unwrap(),
            _ => panic!("{}: no body", self.label()),
        }
    }

    /// Which of the secrets it is signed with; null where it is not signed.
    fn secret(&self) -> Value {
        if self.value["secrets"] == json!([]) {
            return Value::Null;
        }
        self.value["secret"].as_u64().unwrap_or(0).into()
    }

    /// The URL with the query that the request came with.
    fn url(&self) -> Option<String> {
        let query = self
            .text("target")
            .and_then(|target| target.split_once('?'));
        let query = query.map(|(_, query)| format!("?{query}"));
        Some(format!(
            "{}{}",
            self.text("url")?,
            query.unwrap_or_default()
        ))
    }

    /// The scheme's settings, as arguments of `verify` and `sign` alike.
    fn settings(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["--scheme".into(), self.scheme.clone().into()];
        for secret in self.value["secrets"].as_array().unwrap() {
            arguments.extend(["--secret".into(), secret.as_str().unwrap().into()]);
        }
        for (key, value) in self.value["params"].as_object().into_iter().flatten() {
            let pair = format!("{key}={}", value.as_str().unwrap());
            arguments.extend(["--param".into(), pair.into()]);
        }
        arguments
    }

    /// The request as arguments of `verify`, its body on standard input.
    fn request(&self) -> Vec<OsString> {
        let now = self.value["now"].to_string();
        let mut arguments: Vec<OsString> =
            vec!["--now".into(), now.into(), "--body".into(), "-".into()];
        for header in self.value["headers"].as_array().unwrap() {
            let line = format!(
                "{}: {}",
                header[0].as_str().unwrap(),
                header[1].as_str().unwrap()
            );
            arguments.extend(["--header".into(), line.into()]);
        }
        if let Some(url) = self.url() {
            arguments.extend(["--url".into(), url.into()]);
        }
        if let Some(method) = self.text("method") {
            arguments.extend(["--method".into(), method.into()]);
        }
        if let Some(seconds) = self.value["tolerance"].as_u64() {
            arguments.extend(["--tolerance".into(), format!("{seconds}s").into()]);
        }
        arguments
    }

    /// What `verify --json` must print of an accepted one.
    pub(super) fn accepted(&self) -> Option<Value> {
        let seconds = |event: &Value| event["created"].as_u64().map(|millis| millis / 1000);
        let events: Vec<Value> = self.value["events"]
            .as_array()?
            .iter()
            .map(|event| {
                json!({
                    "id": event["id"], "kind": event["kind"], "created": seconds(event),
                    "account": event["account"],
                })
            })
            .collect();
        let secret = self.secret();
        Some(json!({ "verdict": "accepted", "reason": null, "secret": secret, "events": events }))
    }
}

pub(super) fn vectors() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracles/vectors");
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file: Value =
            serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let scheme = file["scheme"].as_str().unwrap();
        vectors.extend(
            file["vectors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|value| Vector {
                    scheme: scheme.to_owned(),
                    value: value.clone(),
                }),
        );
    }
    vectors
}

/// Runs the binary with something on its standard input.
fn tollgate(arguments: &[OsString], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end without having read all of it.
    _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn verify(settings: &[OsString], request: &[OsString], body: &[u8]) -> (i32, Value) {
    let arguments = [&["verify".into(), "--json".into()], settings, request].concat();
    let output = tollgate(&arguments, body);
    let verdict = serde_json::from_slice(&output.stdout);
    let verdict = verdict.unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
    (output.status.code().unwrap(), verdict)
}

/// Does something with each, on a few threads.
pub(super) fn each<T: Sync>(things: &[T], act: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    act(thing);
                }
            });
        }
    });
}

#[test]
fn verify_says_of_each_request_what_the_official_library_says() {
    let vectors = vectors();
    assert!(vectors.len() > 400, "{}", vectors.len());
    each(&vectors, |vector| {
        let (code, verdict) = verify(&vector.settings(), &vector.request(), &vector.body());
        if let Some(expected) = vector.accepted() {
            assert_eq!((code, verdict), (0, expected), "{}", vector.label());
            return;
        }
        assert_eq!(code, 1, "{}: {verdict}", vector.label());
        assert_eq!(verdict["verdict"], "rejected", "{}", vector.label());
        assert_eq!(
            verdict["code"],
            vector.value["rejection"],
            "{}",
            vector.label()
        );
        assert!(
            verdict["reason"].as_str().unwrap().len() > 10,
            "{}: {verdict}",
            vector.label()
        );
        assert_eq!(verdict["secret"], Value::Null, "{}", vector.label());
        assert_eq!(verdict["events"], json!([]), "{}", vector.label());
        let shown = verdict.to_string();
        for secret in vector.value["secrets"].as_array().unwrap() {
            let secret = secret.as_str().unwrap();
            assert!(
                secret.len() < 5 || !shown.contains(secret),
                "{}: {shown}",
                vector.label()
            );
        }
    });
}

/// What `sign` is given so that it makes such a request; for Braintree the XML.
fn unsigned(vector: &Vector) -> Vec<u8> {
    match vector.scheme.as_str() {
        "braintree" => b"<notification><kind>check</kind>\
              <timestamp type=\"datetime\">2025-10-09T08:53:20Z</timestamp>\
              <subject><check type=\"boolean\">true</check></subject></notification>"
            .to_vec(),
        _ => vector.body(),
    }
}

/// Headers that say what a request is about, and are not made by signing it.
fn plain_headers(vector: &Vector) -> Vec<OsString> {
    let about =
        |name: &str| !name.contains("signature") && !name.contains("hmac") && name != "verif-hash";
    let headers = vector.value["headers"].as_array().unwrap().iter();
    let lines = headers.filter_map(|header| {
        let (name, value) = (header[0].as_str().unwrap(), header[1].as_str().unwrap());
        about(&name.to_lowercase()).then(|| ["--header".into(), format!("{name}: {value}").into()])
    });
    lines.flatten().collect()
}

/// Signs what an accepted vector holds anew, as sent at `now`: what `sign --json` prints. None
/// where the provider alone has the key.
pub(super) fn sign(vector: &Vector, now: u64) -> Option<Value> {
    let mut arguments = vec!["sign".into(), "--json".into()];
    arguments.extend(vector.settings());
    arguments.extend(plain_headers(vector));
    arguments.extend(["--now", &now.to_string(), "--body", "-"].map(OsString::from));
    if let Some(url) = vector.text("url") {
        arguments.extend(["--url".into(), url.into()]);
    }
    let output = tollgate(&arguments, &unsigned(vector));
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            why.contains("a private key that the provider alone has"),
            "{}: {why}",
            vector.label()
        );
        assert_eq!(output.status.code(), Some(1));
        return None;
    }
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The arguments with which to verify what was signed, and its body.
fn request(vector: &Vector, signed: &Value) -> (Vec<OsString>, Vec<u8>) {
    let mut request: Vec<OsString> = ["--now", "1760000001", "--body", "-"]
        .map(OsString::from)
        .into();
    for header in signed["headers"].as_array().unwrap() {
        let line = format!(
            "{}: {}",
            header[0].as_str().unwrap(),
            header[1].as_str().unwrap()
        );
        request.extend(["--header".into(), line.into()]);
    }
    if let Some(url) = signed_url(vector, signed) {
        request.extend(["--url".into(), url.into()]);
    }
    (request, signed_body(signed))
}

/// The URL of a signed request, where one is signed.
pub(super) fn signed_url(vector: &Vector, signed: &Value) -> Option<String> {
    let query = signed["query"].as_str().map(|query| format!("?{query}"));
    Some(format!(
        "{}{}",
        vector.text("url")?,
        query.unwrap_or_default()
    ))
}

pub(super) fn signed_body(signed: &Value) -> Vec<u8> {
    STANDARD
        .decode(signed["body_base64"].as_str().unwrap())
        .unwrap()
}

#[test]
fn what_is_signed_verifies_and_what_is_changed_does_not() {
    let mut first = Vec::new();
    for vector in vectors() {
        let known = first.iter().any(|one: &Vector| one.scheme == vector.scheme);
        if !known && vector.accepted().is_some() {
            first.push(vector);
        }
    }
    let signed = AtomicUsize::new(0);
    each(&first, |vector| {
        let Some(made) = sign(vector, 1_760_000_000) else {
            return;
        };
        let (request, body) = request(vector, &made);
        signed.fetch_add(1, Ordering::Relaxed);
        let (code, verdict) = verify(&vector.settings(), &request, &body);
        assert_eq!(code, 0, "{}: {verdict}", vector.label());
        assert_eq!(verdict["secret"], vector.secret(), "{}", vector.label());
        // Of these two nothing vouches for the body.
        if ["mollie-classic", "flutterwave-v3"].contains(&vector.scheme.as_str()) {
            return;
        }
        let mut changed = body.clone();
        let at = changed.len() / 2;
        changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
        let (code, verdict) = verify(&vector.settings(), &request, &changed);
        assert_eq!(
            (code, &verdict["verdict"]),
            (1, &"rejected".into()),
            "{}",
            vector.label()
        );
        if vector.scheme == "braintree" {
            return;
        }
        let mut other = vector.settings();
        let secret = other
            .iter()
            .position(|argument| argument == "--secret")
            .unwrap();
        other[secret + 1] = "00ff00ff".into();
        let (code, verdict) = verify(&other, &request, &body);
        assert_eq!(
            (code, &verdict["code"]),
            (1, &"signature_mismatch".into()),
            "{}",
            vector.label()
        );
    });
    assert!(signed.into_inner() >= 22);
}

fn stripe(headers: &[&str], more: &[&str], body: &[u8]) -> (i32, Value) {
    let settings = ["--scheme", "stripe", "--secret", "whsec_abc"].map(OsString::from);
    let mut request: Vec<OsString> = ["--body", "-"].map(OsString::from).into();
    for header in headers {
        request.extend(["--header".into(), header.into()]);
    }
    request.extend(more.iter().map(OsString::from));
    verify(&settings, &request, body)
}

#[test]
fn a_header_may_hold_any_bytes() {
    let mut line = OsString::from("stripe-signature: t=1,v1=");
    line.push(OsString::from_vec(vec![0xff, 0xfe]));
    let settings = ["--scheme", "stripe", "--secret", "s"].map(OsString::from);
    let request = ["--body".into(), "-".into(), "--header".into(), line];
    let (code, verdict) = verify(&settings, &request, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"unreadable_header".into()),
        "{verdict}"
    );
}

#[test]
fn a_request_has_a_url_and_a_method_whatever_is_signed() {
    let more = [
        "--url",
        "https://pay.example.com/hook?x=1",
        "--now",
        "1760000000",
    ];
    let (code, verdict) = stripe(&["stripe-signature: t=1760000000,v1=00"], &more, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"signature_mismatch".into()),
        "{verdict}"
    );
    let (code, verdict) = stripe(&[], &["--method", "GET"], b"");
    assert_eq!((code, &verdict["code"]), (1, &"method".into()), "{verdict}");
    assert!(
        verdict["reason"]
            .as_str()
            .unwrap()
            .contains("`stripe` takes POST"),
        "{verdict}"
    );
    // A tolerance has no bearing on a scheme without timestamps, and is no reason to stop.
    let settings = ["--scheme", "github", "--secret", "s"].map(OsString::from);
    let request = ["--tolerance", "5m", "--body", "-"].map(OsString::from);
    let (code, verdict) = verify(&settings, &request, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"missing_header".into()),
        "{verdict}"
    );
    assert!(
        verdict["reason"]
            .as_str()
            .unwrap()
            .contains("x-hub-signature-256"),
        "{verdict}"
    );
}

#[test]
fn a_challenge_is_told_from_an_event() {
    let settings = [
        "--scheme",
        "braintree",
        "--secret",
        "integration_private_key",
        "--param",
        "public_key=pub",
    ];
    let request = [
        "--method",
        "GET",
        "--body",
        "-",
        "--url",
        "https://pay.example.com/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
    ];
    let (code, verdict) = verify(
        &settings.map(OsString::from),
        &request.map(OsString::from),
        b"",
    );
    assert_eq!(code, 0, "{verdict}");
    // From Braintree's own library, with this private key.
    let answer = "pub|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert!(
        verdict["reason"].as_str().unwrap().contains(answer),
        "{verdict}"
    );
    assert_eq!(verdict["events"], json!([]));
}

#[test]
fn reasons_help() {
    let body = "{\n  \"id\": \"evt_1\",\n  \"type\": \"a\"\n}";
    let arguments = [
        "sign",
        "--scheme",
        "stripe",
        "--secret",
        "whsec_abc",
        "--now",
        "1760000000",
        "--json",
        "--body",
        "-",
    ];
    let output = tollgate(&arguments.map(OsString::from), body.as_bytes());
    let signed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let headers = signed["headers"].as_array().unwrap();
    let signature = headers
        .iter()
        .find(|header| header[0] == "stripe-signature")
        .unwrap();
    let signature = format!("Stripe-Signature: {}", signature[1].as_str().unwrap());
    let reason = |header: &[&str], more: &[&str], body: &str| {
        let (code, verdict) = stripe(header, more, body.as_bytes());
        assert_eq!(code, 1, "{verdict}");
        verdict["reason"].as_str().unwrap().to_owned()
    };
    let now = ["--now", "1760000412"];
    assert!(reason(&[&signature], &now, body).contains("the timestamp is 412 s old"));
    let now = ["--now", "1760000000"];
    assert!(reason(&[], &now, body).contains("the `stripe-signature` header is missing"));
    let compact = r#"{"id":"evt_1","type":"a"}"#;
    let said = reason(&[&signature], &now, compact);
    assert!(said.contains("same JSON with other white space"), "{said}");
    let said = reason(&["X-Hub-Signature-256: sha256=00"], &now, body);
    assert!(said.contains("the scheme `github`"), "{said}");
}

#[test]
fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "whsec_abc\n").unwrap();
    let file = path.into_os_string();
    let vector = vectors()
        .into_iter()
        .find(|vector| vector.scheme == "wise")
        .unwrap();
    let pem = folder.path().join("pem");
    std::fs::write(&pem, vector.value["secrets"][0].as_str().unwrap()).unwrap();
    let settings = [
        "--scheme".into(),
        "wise".into(),
        "--secret-file".into(),
        pem.into_os_string(),
    ];
    let (code, verdict) = verify(&settings, &vector.request(), &vector.body());
    assert_eq!(code, 0, "{verdict}");
    let settings = [
        "--scheme".into(),
        "stripe".into(),
        "--secret-file".into(),
        file,
    ];
    let request = [
        "--body",
        "-",
        "--now",
        "1",
        "--header",
        "stripe-signature: t=1,v1=00",
    ];
    let (code, verdict) = verify(&settings, &request.map(OsString::from), b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"signature_mismatch".into()),
        "{verdict}"
    );
}
