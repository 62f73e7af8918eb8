//! TLS of the ingress: versions, hosts, renewals, client certificates, and strangers.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use crate::harness::{
    Answer, Authority, Connection, Event, Gateway, Handler, Manifest, PATH, SECRET, Site,
    TlsClient, connect, eventually, now, sign, skip,
};

const HOST: &str = "hooks.example.com";
const TLS: &str = "tls = { cert = \"own.pem\", key = \"own.key\" }";

/// A site whose gateway has a certificate of the authority for [`HOST`].
fn site(authority: &Authority, tls: &str) -> Site {
    let site = Site::new(&manifest(tls));
    authority.write(&site, "own", &[HOST]);
    std::fs::write(site.path("root.pem"), authority.root()).unwrap();
    site
}

fn manifest(tls: &str) -> Manifest {
    Manifest::with_one(Handler::new("all")).server(tls)
}

/// Waits until this generation, or a later one, serves.
#[track_caller]
fn serves(gateway: &Gateway, generation: u64) {
    eventually("the new generation serves", || {
        gateway.generation() >= generation
    });
}

fn event() -> Event {
    Event::new("payment_intent.succeeded", json!([]))
}

fn post(client: &TlsClient, gateway: &Gateway) -> std::io::Result<Answer> {
    send(client.connect(gateway.ingress, HOST)?)
}

fn send(mut connection: Connection) -> std::io::Result<Answer> {
    connection.write(&event().request())?;
    connection.answer()
}

/// Runs a program on the gateway's port, with the site's root certificate; `None` if it is absent.
fn tool(site: &Site, name: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(site.path(""));
    let output = command.stdin(Stdio::null()).output();
    match output {
        Ok(output) => Some(
            [output.stdout, output.stderr]
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .concat(),
        ),
        Err(_) => {
            skip(&format!("{name} is not installed"));
            None
        }
    }
}

#[test]
fn events_arrive_over_each_version_and_protocol() {
    let authority = Authority::new();
    let site = site(&authority, TLS);
    let gateway = site.start();
    for version in [&TLS12, &TLS13] {
        let client = TlsClient::new(&authority, &[version], None);
        assert_eq!(post(&client, &gateway).unwrap().status, 200, "{version:?}");
        // The second connection resumes the session of the first.
        assert_eq!(post(&client, &gateway).unwrap().status, 200, "{version:?}");
    }
    let address = gateway.ingress.to_string();
    let port = gateway.ingress.port();
    for (option, protocol) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-servername",
            HOST,
            "-CAfile",
            "root.pem",
            "-alpn",
            "h2,http/1.1",
            option,
        ];
        let Some(said) = tool(&site, "openssl", &arguments) else {
            break;
        };
        assert!(said.contains(protocol), "{said}");
        assert!(said.contains("ALPN protocol: h2"), "{said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    let url = format!("https://{HOST}:{port}{PATH}");
    let resolve = format!("{HOST}:{port}:127.0.0.1");
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let event = event();
        let body = String::from_utf8(event.body.clone()).unwrap();
        let signature = format!("stripe-signature: {}", sign(SECRET, now(), &event.body));
        let arguments = [
            "--silent",
            "--cacert",
            "root.pem",
            "--resolve",
            &resolve,
            option,
            "--header",
            &signature,
            "--data-binary",
            &body,
            "--write-out",
            "%{http_code} %{http_version}",
            &url,
        ];
        let Some(said) = tool(&site, "curl", &arguments) else {
            break;
        };
        assert!(said.ends_with(&format!("200 {version}")), "{said}");
    }
    assert_eq!(gateway.status_at("/rejections"), json!({}));
    gateway.settles();
}

#[test]
fn the_host_that_a_peer_names_chooses_the_certificate() {
    let authority = Authority::new();
    let list = "tls = { certificates = [{ cert = \"own.pem\", key = \"own.key\" }, \
        { cert = \"shop.pem\", key = \"shop.key\" }] }";
    let site = site(&authority, list);
    authority.write(&site, "shop", &["shop.example", "*.shop.example"]);
    let gateway = site.start();
    let client = TlsClient::trusting(&authority);
    for host in [HOST, "shop.example", "pay.shop.example"] {
        let connection = client.connect(gateway.ingress, host);
        assert_eq!(send(connection.unwrap()).unwrap().status, 200, "{host}");
    }
    assert!(client.connect(gateway.ingress, "other.example").is_err());
    eventually("the refusal is counted", || {
        gateway.status_at("/rejections/-/tls_handshake") == 1
    });
}

#[test]
fn renewals_under_load_fail_no_request() {
    let authority = Authority::new();
    let site = site(&authority, TLS);
    let gateway = site.start();
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let load = |kept: bool| {
        let client = TlsClient::trusting(&authority);
        let mut connection = client.connect(gateway.ingress, HOST).unwrap();
        while !stop.load(Ordering::Relaxed) {
            if !kept {
                connection = client.connect(gateway.ingress, HOST).unwrap();
            }
            connection.write(&event().request()).unwrap();
            assert_eq!(connection.answer().unwrap().status, 200);
            sent.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let loads: Vec<_> = [true, false, false]
            .map(|kept| scope.spawn(move || load(kept)))
            .into();
        let more = || {
            let before = sent.load(Ordering::Relaxed);
            eventually("requests go on", || {
                sent.load(Ordering::Relaxed) >= before + 30
            });
        };
        for generation in 2..5 {
            authority.write(&site, "own", &[HOST]);
            // Between the two renames, the key does not fit, and the old pair serves.
            serves(&gateway, generation);
            more();
        }
        let own = || std::fs::read(site.path("own.pem")).unwrap();
        let right = own();
        std::fs::write(site.path("own.pem"), authority.root()).unwrap();
        eventually("the broken pair is told", || {
            let error = gateway.status_at("/generation/error");
            error
                .as_str()
                .is_some_and(|error| error.contains("own.pem"))
        });
        more();
        std::fs::write(site.path("own.pem"), right).unwrap();
        eventually("the trouble ends", || {
            gateway.status_at("/generation/error").is_null()
        });
        more();
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.join().unwrap();
        }
    });
    assert_eq!(gateway.status_at("/rejections"), json!({}));
}

#[test]
fn a_source_takes_its_senders_certificates_alone() {
    let (authority, others) = (Authority::new(), Authority::new());
    let tls = "tls = { cert = \"own.pem\", key = \"own.key\", client_ca = \"root.pem\" }";
    let source = |name: &str, wanted: &str| {
        format!(
            "[sources.{name}]\npath = \"/{name}\"\nscheme = \"stripe\"\n\
             secrets = [\"${{TOLLGATE_TEST_SECRET}}\"]\nclient_certificate = {wanted}"
        )
    };
    let manifest = manifest(tls)
        .section(&source("any", "\"required\""))
        .section(&source("psp", "[\"psp.example\"]"));
    let site = Site::new(&manifest);
    authority.write(&site, "own", &[HOST]);
    std::fs::write(site.path("root.pem"), authority.root()).unwrap();
    let gateway = site.start();
    let client = |of: Option<(&Authority, &str)>, version| {
        let identity = of.map(|(authority, name)| {
            let (chain, key) = authority.issue(&[name], |_| {});
            (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        });
        TlsClient::new(&authority, &[version], identity)
    };
    let post = |client: &TlsClient, path: &str| {
        let mut connection = client.connect(gateway.ingress, HOST)?;
        let event = event();
        let signature = sign(SECRET, now(), &event.body);
        let headers = [("stripe-signature", signature.as_str())];
        let request = crate::harness::request("POST", path, &headers, &event.body);
        connection.write(&request)?;
        connection.answer().map(|answer| answer.status)
    };
    for version in [&TLS12, &TLS13] {
        let psp = client(Some((&authority, "psp.example")), version);
        let other = client(Some((&authority, "other.example")), version);
        let none = client(None, version);
        for (path, expected) in [
            (PATH, [200, 200, 200]),
            ("/any", [200, 200, 403]),
            ("/psp", [200, 403, 403]),
        ] {
            let found = [&psp, &other, &none].map(|client| post(client, path).unwrap());
            assert_eq!(found, expected, "{path}");
            // A resumed session carries the same certificate.
            let again = [&psp, &other, &none].map(|client| post(client, path).unwrap());
            assert_eq!(again, expected, "{path}");
        }
        let stranger = client(Some((&others, "psp.example")), version);
        assert!(post(&stranger, PATH).is_err());
    }
    eventually("refusals are counted", || {
        gateway.status_at("/rejections/-/tls_handshake") == 2
    });
    assert_eq!(gateway.status_at("/rejections/any/client_certificate"), 4);
    assert_eq!(gateway.status_at("/rejections/psp/client_certificate"), 8);
}

#[test]
fn an_authority_that_leaves_takes_its_open_connections_along() {
    let (first, second) = (Authority::new(), Authority::new());
    let tls = "tls = { cert = \"own.pem\", key = \"own.key\", client_ca = \"clients.pem\" }";
    let source = format!("{PATH}\"\nclient_certificate = \"required");
    let text = manifest(tls).text().replace(PATH, &source);
    let site = Site::new(&manifest(tls));
    site.write_manifest(&text);
    first.write(&site, "own", &[HOST]);
    let trust = |authorities: String| {
        std::fs::write(site.path("clients.new"), authorities).unwrap();
        std::fs::rename(site.path("clients.new"), site.path("clients.pem")).unwrap();
    };
    trust(first.root());
    let gateway = site.start();
    let (chain, key) = first.issue(&["psp.example"], |_| {});
    let identity = (chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    let client = TlsClient::new(&first, &[&TLS13], Some(identity));
    let connect = || client.connect(gateway.ingress, HOST).unwrap();
    let post = |connection: &mut Connection| {
        connection.write(&event().request())?;
        connection.answer().map(|answer| answer.status)
    };
    let (mut silent, mut kept, mut busy) = (connect(), connect(), connect());
    for connection in [&mut silent, &mut kept, &mut busy] {
        assert_eq!(post(connection).unwrap(), 200);
    }
    // A rotation leaves the connections of both authorities alone.
    trust(first.root() + &second.root());
    serves(&gateway, 2);
    assert_eq!(post(&mut kept).unwrap(), 200);
    let event = event();
    let signature = sign(SECRET, now(), &event.body);
    let headers = [
        ("stripe-signature", signature.as_str()),
        ("expect", "100-continue"),
    ];
    let request = crate::harness::request("POST", PATH, &headers, &event.body);
    let (head, body) = request.split_at(request.len() - event.body.len());
    busy.write(head).unwrap();
    assert_eq!(busy.answer().unwrap().status, 100);
    trust(second.root());
    serves(&gateway, 3);
    assert!(!matches!(post(&mut kept), Ok(200)));
    assert!(silent.is_closed());
    busy.write(body).unwrap();
    assert_eq!(busy.answer().unwrap().status, 200, "it was under way");
    assert!(!matches!(post(&mut busy), Ok(200)));
    assert!(
        client
            .connect(gateway.ingress, HOST)
            .map(|mut new| post(&mut new))
            .is_ok_and(|sent| sent.is_err())
    );
}

#[test]
fn a_certificate_that_has_expired_serves_and_is_told() {
    let authority = Authority::new();
    let site = site(&authority, TLS);
    authority.write_with(&site, "own", &[HOST], |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 3, 1);
    });
    let checked = site.run("check", &[]);
    assert!(checked.status.success());
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        told.contains("own.pem: the certificate for hooks.example.com has been expired"),
        "{told}"
    );
    let gateway = site.start();
    assert_eq!(gateway.status_at(&format!("/tls/{HOST}/state")), "expired");
    let text = site.run("status", &["--admin", &gateway.admin.to_string()]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains(&format!("the certificate {HOST}: expired")),
        "{text}"
    );
    assert!(post(&TlsClient::trusting(&authority), &gateway).is_err());
    // A renewal is all that is needed.
    authority.write(&site, "own", &[HOST]);
    serves(&gateway, 2);
    assert_eq!(
        post(&TlsClient::trusting(&authority), &gateway)
            .unwrap()
            .status,
        200
    );
    assert!(gateway.stop().contains("has been expired"));
}

#[test]
fn plain_http_on_the_port_of_tls_is_told_and_counted() {
    let authority = Authority::new();
    let site = site(&authority, TLS);
    let gateway = site.start();
    let answer = gateway.post(&event());
    assert_eq!(answer.status, 400);
    let text = String::from_utf8(answer.body).unwrap();
    assert_eq!(text, "this port speaks https, and no http");
    eventually("the refusal is counted", || {
        gateway.status_at("/rejections/-/tls_handshake") == 1
    });
    // A reload may end TLS.
    site.write_manifest(&manifest("").text());
    serves(&gateway, 2);
    gateway.accepts(&event());
}

#[test]
fn a_proxy_tells_the_peer_before_the_handshake() {
    let authority = Authority::new();
    let site = site(
        &authority,
        &format!(
            "{TLS}\nproxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]\nper_address = {{ failures = \"1/h\" }}"
        ),
    );
    let gateway = site.start();
    let client = TlsClient::trusting(&authority);
    let behind = |address: &str, body: &Event| {
        let mut socket = connect(gateway.ingress).unwrap();
        write!(socket, "PROXY TCP4 {address} 10.0.0.1 4321 443\r\n").unwrap();
        let mut connection = Connection::over(client.stream(socket, HOST).unwrap());
        connection.write(&body.request()).unwrap();
        connection.answer().unwrap().status
    };
    assert_eq!(behind("192.0.2.1", &event()), 200);
    let unsigned = crate::harness::request("POST", PATH, &[], b"{}");
    let mut socket = connect(gateway.ingress).unwrap();
    write!(socket, "PROXY TCP4 192.0.2.2 10.0.0.1 4321 443\r\n").unwrap();
    let mut connection = Connection::over(client.stream(socket, HOST).unwrap());
    for expected in [400, 429] {
        connection.write(&unsigned).unwrap();
        assert_eq!(connection.answer().unwrap().status, expected);
    }
    assert_eq!(
        behind("192.0.2.2", &event()),
        429,
        "the address of the failure"
    );
    assert_eq!(behind("192.0.2.3", &event()), 200, "another address");
}

#[test]
fn a_flood_of_handshakes_stays_within_the_budget() {
    const STRANGERS: usize = 600;
    let authority = Authority::new();
    let site = site(
        &authority,
        &format!("{TLS}\nconnections = 400\nmemory = \"128MiB\""),
    );
    let gateway = site.start();
    let client = TlsClient::trusting(&authority);
    assert_eq!(post(&client, &gateway).unwrap().status, 200);
    let before = gateway.resident();
    // The header of a record with a message of 16 KiB, of which nearly all arrives.
    let mut half = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xf0, 3, 3];
    half.resize(16_000, 0);
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        let mut socket = connect(gateway.ingress).unwrap();
        // The gateway may have closed the connection already.
        _ = socket.write_all(&half);
        strangers.push(socket);
    }
    for _ in 0..20 {
        assert_eq!(post(&client, &gateway).unwrap().status, 200);
    }
    let grown = gateway.most_resident().saturating_sub(before);
    assert!(grown < 128 << 20, "{grown} bytes more");
}
