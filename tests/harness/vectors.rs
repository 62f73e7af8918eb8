//! The requests that official libraries have judged (`tests/oracles/vectors`), and the commands
//! `tollgate verify` and `tollgate sign` over them.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A request with the expected verdict.
pub(crate) struct Vector {
    pub(crate) scheme: String,
    pub(crate) value: Value,
}

impl Vector {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value[key].as_str()
    }

    pub(crate) fn label(&self) -> String {
        format!("{}: {}", self.scheme, self.value["name"])
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        match (self.text("body"), self.text("body_base64")) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(text)) => STANDARD.decode(text).unwrap(),
            _ => panic!("{}: no body", self.label()),
        }
    }

    /// Returns the index of the secret that signed the request; null if it has no secret.
    pub(crate) fn secret(&self) -> Value {
        if self.value["secrets"] == json!([]) {
            return Value::Null;
        }
        self.value["secret"].as_u64().unwrap_or(0).into()
    }

    /// Returns the URL with the query of the request.
    fn url(&self) -> Option<String> {
        let query = self
            .text("target")
            .and_then(|target| target.split_once('?'));
        let query = query.map(|(_, query)| format!("?{query}"));
        Some(format!("{}{}", self.base()?, query.unwrap_or_default()))
    }

    /// Returns the URL without the query of the request, if the scheme reads the URL.
    fn base(&self) -> Option<String> {
        let reads_it = ["antom", "mercado-pago", "midtrans-snap", "nuvei"];
        let plain = || {
            let reads_it = reads_it.contains(&self.scheme.as_str());
            reads_it.then(|| "https://pay.example.com/webhooks".to_owned())
        };
        self.text("url").map(str::to_owned).or_else(plain)
    }

    /// Returns the scheme's settings as arguments of `verify` and `sign`.
    pub(crate) fn settings(&self) -> Vec<OsString> {
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

    /// Returns the request as arguments of `verify`. The body goes to standard input.
    pub(crate) fn request(&self) -> Vec<OsString> {
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

    /// Returns the expected output of `verify --json` for an accepted request; `None` for a
    /// rejected one.
    pub(crate) fn accepted(&self) -> Option<Value> {
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

pub(crate) fn vectors() -> Vec<Vector> {
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

/// Runs the binary with this standard input.
pub(crate) fn tollgate(arguments: &[OsString], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The process may end without reading all of its input.
    _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub(crate) fn verify(settings: &[OsString], request: &[OsString], body: &[u8]) -> (i32, Value) {
    let arguments = [&["verify".into(), "--json".into()], settings, request].concat();
    let output = tollgate(&arguments, body);
    let verdict = serde_json::from_slice(&output.stdout);
    let verdict = verdict.unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"));
    (output.status.code().unwrap(), verdict)
}

/// Returns the input of `sign` for such a request: its body, or the XML for Braintree.
fn unsigned(vector: &Vector) -> Vec<u8> {
    match vector.scheme.as_str() {
        "braintree" => b"<notification><kind>check</kind>\
              <timestamp type=\"datetime\">2025-10-09T08:53:20Z</timestamp>\
              <subject><check type=\"boolean\">true</check></subject></notification>"
            .to_vec(),
        _ => vector.body(),
    }
}

/// Returns the headers that describe a request. They exist before signing.
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

/// Signs the contents of an accepted vector again, as sent at `now`. Returns the output of
/// `sign --json`, or `None` if only the provider has the key.
pub(crate) fn sign_vector(vector: &Vector, now: u64) -> Option<Value> {
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

/// Returns the arguments to verify a signed request, and its body.
pub(crate) fn signed_request(vector: &Vector, signed: &Value) -> (Vec<OsString>, Vec<u8>) {
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

/// Returns the URL of a signed request, if the scheme signs one.
pub(crate) fn signed_url(vector: &Vector, signed: &Value) -> Option<String> {
    let query = signed["query"].as_str().map(|query| format!("?{query}"));
    Some(format!("{}{}", vector.base()?, query.unwrap_or_default()))
}

pub(crate) fn signed_body(signed: &Value) -> Vec<u8> {
    STANDARD
        .decode(signed["body_base64"].as_str().unwrap())
        .unwrap()
}
