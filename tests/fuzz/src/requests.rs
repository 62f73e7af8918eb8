//! Whole requests as one string of bytes. Fuzzing begins with the requests that official libraries
//! have judged (tests/oracles/vectors).

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_scheme::{
    Rejection, Request, Settings, UnsignedRequest, Verifier, build, explain, provider_files,
};

/// A scheme with the settings of its first vector.
pub struct Subject {
    pub scheme: String,
    settings: Settings,
    verifier: Verifier,
    now: WallTime,
    vectors: Vec<Value>,
}

/// Every scheme, in the order of its vectors' file names.
pub static SUBJECTS: LazyLock<Vec<Subject>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oracles/vectors");
    let entries = std::fs::read_dir(folder).expect("the vectors' folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Subject::read(path)).collect()
});

impl Subject {
    fn read(path: &Path) -> Self {
        let text = std::fs::read(path).expect("a file of vectors");
        let file: Value = serde_json::from_slice(&text).expect("vectors are JSON");
        let scheme = file["scheme"].as_str().expect("a scheme").to_owned();
        let vectors = file["vectors"].as_array().expect("vectors").clone();
        let first = &vectors[0];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let settings = Settings {
            secrets: first["secrets"]
                .as_array()
                .expect("secrets")
                .iter()
                .map(|secret| Secret::new(text(secret)).into())
                .collect(),
            url: first["url"].as_str().map(str::to_owned),
            params: first["params"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), text(value)))
                .collect(),
            ..Settings::default()
        };
        Self {
            verifier: build(&scheme, settings.clone()).expect("good settings"),
            now: WallTime::from_secs(first["now"].as_u64().expect("a time")),
            scheme,
            settings,
            vectors,
        }
    }

    /// The vectors as bytes, in the form that [`verify`] reads.
    fn seeds(&self, index: usize) -> impl Iterator<Item = Vec<u8>> {
        self.vectors.iter().map(move |vector| {
            let mut bytes = vec![u8::try_from(index).expect("few schemes")];
            bytes.extend(vector["target"].as_str().unwrap_or("/hook").bytes());
            for header in vector["headers"].as_array().into_iter().flatten() {
                let text = |part: usize| header[part].as_str().unwrap_or_default();
                bytes.extend(format!("\n{}:{}", text(0), text(1)).bytes());
            }
            bytes.extend(b"\n\n");
            bytes.extend(body(vector));
            bytes
        })
    }
}

fn body(vector: &Value) -> Vec<u8> {
    match (vector["body"].as_str(), vector["body_base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => STANDARD.decode(text).expect("base64"),
        (None, None) => Vec::new(),
    }
}

/// Checks a request: a scheme, a target, headers, an empty line, a body. No request may make a
/// scheme panic.
pub fn verify(bytes: &[u8]) {
    let Some((index, rest)) = bytes.split_first() else {
        return;
    };
    let subject = &SUBJECTS[usize::from(*index) % SUBJECTS.len()];
    let end = rest
        .windows(2)
        .position(|two| two == b"\n\n")
        .unwrap_or(rest.len());
    let (head, body) = (&rest[..end], rest.get(end + 2..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n');
    let url = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut headers = HeaderMap::new();
    for line in lines.take(64) {
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let body = Bytes::copy_from_slice(body);
    check(subject, &url, headers, body);
}

fn check(subject: &Subject, url: &str, headers: HeaderMap, body: Bytes) {
    let request = Request {
        method: &Method::POST,
        url,
        headers: &headers,
        body: &body,
    };
    match subject.verifier.verify(&request, subject.now) {
        Ok(accepted) => {
            for event in accepted.events.get() {
                assert!(!event.kind.is_empty());
            }
        }
        Err(rejection) => {
            let make = |settings| build(&subject.scheme, settings).ok();
            assert!(!rejection.to_string().is_empty());
            // The hints cost much time and find little here, so a few are enough.
            if body.len() % 16 == 0 {
                explain(&make, &subject.settings, &request, subject.now, &rejection);
            }
        }
    }
    let get = Request {
        method: &Method::GET,
        ..request
    };
    _ = subject.verifier.challenge(&get, subject.now);
    signed(subject, headers.clone(), body);
}

/// Signs a request and checks it: its signature must be valid, even if its body is refused.
fn signed(subject: &Subject, headers: HeaderMap, body: Bytes) {
    let Ok(signed) = subject
        .verifier
        .sign(0, UnsignedRequest { body, headers }, subject.now)
    else {
        return;
    };
    let query = signed.query.map(|query| format!("/hook?{query}"));
    let request = Request {
        method: &Method::POST,
        url: query.as_deref().unwrap_or("/hook"),
        headers: &signed.headers,
        body: &signed.body,
    };
    if let Err(rejection) = subject.verifier.verify(&request, subject.now) {
        let forged = matches!(rejection, Rejection::SignatureMismatch { .. });
        assert!(!forged, "{}: {rejection}", subject.scheme);
    }
}

/// Writes the seeds of a target into `folder`.
pub fn write_seeds(target: &str, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder for the seeds");
    let mut count = 0_usize;
    let mut write = |bytes: &[u8]| {
        std::fs::write(folder.join(format!("seed-{count}")), bytes).expect("a seed is written");
        count += 1;
    };
    for (index, subject) in SUBJECTS.iter().enumerate() {
        if target == "verify" {
            subject.seeds(index).for_each(|seed| write(&seed));
        }
        for vector in &subject.vectors {
            match target {
                "json" | "forms" => write(&body(vector)),
                "xml" => {
                    let body = body(vector);
                    let payload = body
                        .split(|byte| *byte == b'=')
                        .next_back()
                        .unwrap_or_default();
                    let text = String::from_utf8_lossy(payload)
                        .replace("%0A", "")
                        .replace("%3D", "=");
                    let text = text.replace("%2B", "+").replace("%2F", "/");
                    write(&STANDARD.decode(text).unwrap_or_default());
                }
                "pem" => vector["secrets"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .for_each(|secret| write(secret.as_bytes())),
                "token" if subject.scheme == "apple" => {
                    let body: Value = serde_json::from_slice(&body(vector)).unwrap_or_default();
                    write(
                        body["signedPayload"]
                            .as_str()
                            .unwrap_or_default()
                            .as_bytes(),
                    );
                }
                "signatures" | "token" => vector["headers"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|header| header[1].as_str())
                    .for_each(|value| write(value.as_bytes())),
                _ => {}
            }
        }
    }
    if target == "template" {
        let texts = provider_files().filter_map(|(_, text)| text.split_once("[scheme]\n"));
        let templates = texts.filter_map(|(_, text)| text.split_once("\n[page]\n"));
        templates.for_each(|(template, _)| write(template.as_bytes()));
    }
    if target == "times" {
        ["2026-01-31T12:00:00.5+01:00", "1760000000", "5m"]
            .iter()
            .for_each(|time| write(time.as_bytes()));
    }
}
