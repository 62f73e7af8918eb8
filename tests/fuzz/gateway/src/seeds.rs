//! What fuzzing begins with: whole requests, manifests and components of this repository.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use sha2::Sha256;
use tollgate_base::time::WallTime;

/// The time of the gateway's clock.
pub const NOW: WallTime = WallTime::from_secs(1_760_000_000);

/// The secret of the source.
pub const SECRET: &str = "whsec_fuzz";

/// How many signed events there are.
pub const VALID: usize = 4;

/// The head and the body of a signed event.
pub fn valid(number: usize) -> Vec<u8> {
    let body = format!(r#"{{"id":"evt_{number}","type":"test.done","created":1760000000}}"#);
    let time = NOW.as_secs();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any length");
    mac.update(format!("{time}.{body}").as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let length = body.len();
    format!(
        "POST /hooks/stripe HTTP/1.1\r\nHost: fuzz.example\r\n\
         Stripe-Signature: t={time},v1={signature}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Writes the seeds of a target into `folder`.
pub fn write(target: &str, folder: &Path) {
    std::fs::create_dir_all(folder).expect("a folder for the seeds");
    for (number, seed) in of(target).into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a seed is written");
    }
}

fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "http1" => http1(),
        "http2" => http2(),
        "tls" => tls(),
        "proxy" => proxy(),
        "admin" => admin(),
        "manifest" => files("../../manifests", "toml"),
        "component" => components(),
        other => panic!("there is no target {other}"),
    }
}

fn http1() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = (0..VALID).map(valid).collect();
    seeds.push([valid(0), valid(1)].concat());
    for text in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n",
        "POST http://a/hooks/stripe HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
         Connection: close\r\nContent-Length: 2\r\n\r\n{}",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nForwarded: for=1.2.3.4\r\n\r\n",
    ] {
        seeds.push(text.as_bytes().to_vec());
    }
    seeds
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A head block of literals without an index.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            bytes.push(u8::try_from(text.len()).expect("a short text"));
            bytes.extend(text.bytes());
        }
    }
    bytes
}

fn http2() -> Vec<Vec<u8>> {
    let post = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "fuzz.example"),
        (":path", "/hooks/stripe"),
        ("stripe-signature", "t=1,v1=00"),
    ]);
    let settings = frame(4, 0, 0, &[]);
    let whole = [
        PREFACE,
        &settings,
        &frame(1, 4, 1, &post),
        &frame(0, 1, 1, b"{\"id\":\"evt_0\"}"),
        &frame(4, 1, 0, &[]),
    ];
    let in_parts = [
        PREFACE,
        &frame(4, 0, 0, &[0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 255, 255]),
        &frame(1, 1, 1, &post[..20]),
        &frame(9, 4, 1, &post[20..]),
        &frame(8, 0, 0, &[0, 0, 1, 0]),
        &frame(6, 0, 0, &[0; 8]),
        &frame(2, 0, 3, &[0, 0, 0, 1, 16]),
        &frame(3, 0, 1, &[0, 0, 0, 8]),
        &frame(7, 0, 0, &[0; 8]),
    ];
    vec![whole.concat(), in_parts.concat(), PREFACE.to_vec()]
}

fn tls() -> Vec<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let hello = |versions: &[&'static rustls::SupportedProtocolVersion], alpn: &[&[u8]]| {
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let mut config = builder
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("fuzz.example").expect("a name");
        let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("a first flight");
        bytes
    };
    vec![
        hello(&[&rustls::version::TLS13], &[b"h2", b"http/1.1"]),
        hello(&[&rustls::version::TLS12], &[]),
        hello(rustls::ALL_VERSIONS, &[b"acme-tls/1"]),
        valid(0),
    ]
}

fn proxy() -> Vec<Vec<u8>> {
    const MAGIC: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
    let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n";
    let v1_long = b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 443\r\n";
    let mut v2 = MAGIC.to_vec();
    v2.extend([
        0x21, 0x11, 0, 15, 192, 0, 2, 1, 192, 0, 2, 2, 4, 0, 1, 187, 4, 0, 0,
    ]);
    let mut local = MAGIC.to_vec();
    local.extend([0x20, 0, 0, 0]);
    [&v1[..], v1_long, b"PROXY UNKNOWN\r\n", &v2, &local]
        .iter()
        .map(|header| [header, valid(0).as_slice()].concat())
        .collect()
}

fn admin() -> Vec<Vec<u8>> {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let post = |path: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    };
    [
        get("/healthz"),
        get("/readyz"),
        get("/status"),
        get("/api/events?source=stripe&type=test.*&limit=3&since=2025-01-01T00:00:00Z"),
        get("/api/events/01890000-0000-7000-8000-000000000000"),
        get("/api/deliveries?state=dead&handler=a&before=9"),
        get("/api/deliveries/1"),
        get("/api/outbox?limit=10&state=waiting"),
        get("/api/schedule?handler=a"),
        get("/api/handlers"),
        post(
            "/api/replay",
            r#"{"source":"stripe","since":"2025-01-01T00:00:00Z","reason":"x"}"#,
        ),
        post(
            "/api/deliveries/retry",
            r#"{"handler":"a","reason":"x","dry_run":true}"#,
        ),
        post("/api/handlers/a/pause", r#"{"reason":"x","operator":"y"}"#),
        post("/api/ledger/release", "{}"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect()
}

/// The files below a folder of the tests with this extension.
fn files(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(std::fs::read(path).expect("a file"));
            }
        }
    }
    found
}

fn components() -> Vec<Vec<u8>> {
    [
        "(component)",
        "(module)",
        r#"(component
            (core module $m (func (export "f") (param i32) (result i32) local.get 0))
            (core instance $i (instantiate $m))
            (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f"))))"#,
        r#"(component
            (import "a:b/c" (instance (export "g" (func (param "s" string)))))
            (type $t (record (field "x" (list u8)) (field "y" (option string))))
            (export "t" (type $t)))"#,
        r#"(module
            (memory (export "memory") 1)
            (table 2 funcref)
            (global (mut i64) (i64.const 7))
            (data (i32.const 8) "abc")
            (func (export "handle") (loop (br_if 0 (i32.const 0)))))"#,
    ]
    .iter()
    .map(|text| wat::parse_str(text).expect("text of WebAssembly"))
    .collect()
}
