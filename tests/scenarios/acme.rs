//! Certificates from an authority that speaks ACME.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::harness::{
    AcmeServer, Authority, Connection, EXTERNAL, Event, Gateway, Handler, Launch, Manifest, Site,
    TlsClient, WallClock, eventually, get,
};

const HOSTS: [&str; 2] = ["a.hooks.example", "b.hooks.example"];
const DAY: u64 = 86_400;

/// A manifest that orders a certificate for [`HOSTS`] from this directory.
fn manifest(directory: &str, more: &str, server: &str) -> Manifest {
    Manifest::with_one(Handler::new("all")).server(&format!(
        "{server}\ntls = {{ acme = {{ domains = {HOSTS:?}, contact = [\"ops@example.com\"], \
         directory = \"{directory}\", root = \"root.pem\", terms_agreed = true{more} }} }}"
    ))
}

fn site(authority: &Authority, manifest: &Manifest) -> Site {
    let site = Site::new(manifest);
    std::fs::write(site.path("root.pem"), authority.root()).unwrap();
    site
}

fn accepts(connection: std::io::Result<Connection>) -> bool {
    let Ok(mut connection) = connection else {
        return false;
    };
    let event = Event::new("payment_intent.succeeded", json!([]));
    connection.write(&event.request()).unwrap();
    connection.answer().unwrap().status == 200
}

/// Waits until both hosts have a certificate of the authority.
#[track_caller]
fn serves(gateway: &Gateway, server: &AcmeServer) {
    let client = TlsClient::trusting(server.issuer());
    for host in HOSTS {
        eventually("the certificate of the authority serves", || {
            accepts(client.connect(gateway.ingress, host))
        });
    }
}

fn acme(gateway: &Gateway, key: &str) -> Value {
    gateway.status_at(&format!("/acme/{key}"))
}

#[test]
fn a_certificate_is_ordered_kept_and_renewed() {
    let authority = Authority::new();
    let server = AcmeServer::start(&authority, false, Duration::from_secs(90 * DAY));
    let site = site(&authority, &manifest(&server.directory(), "", ""));
    let clock = WallClock::new(&site);
    let gateway = clock.under(&site).start();
    server.leads_to(gateway.ingress, None);
    serves(&gateway, &server);
    assert_eq!(server.issued(), 1);
    assert_eq!(acme(&gateway, "issued"), true);
    assert_eq!(acme(&gateway, "error"), Value::Null);
    let folder = site.path("data/acme");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600));
    // A restart serves what is kept.
    gateway.stop();
    let gateway = clock.under(&site).start();
    server.leads_to(gateway.ingress, None);
    serves(&gateway, &server);
    assert_eq!(server.issued(), 1);
    clock.set(59 * DAY as i64);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(server.issued(), 1, "before two thirds of its life");
    clock.set(61 * DAY as i64);
    eventually("the certificate is renewed", || server.issued() == 2);
    eventually("the new certificate is the one in the status", || {
        acme(&gateway, "state") == "in force"
    });
}

#[test]
fn an_authority_that_is_down_stops_no_start_and_is_asked_again() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let directory = format!("https://localhost:{}/directory", address.port());
    let site = site(&authority, &manifest(&directory, "", ""));
    let clock = WallClock::new(&site);
    let gateway = clock.under(&site).start();
    eventually("the failure is told", || {
        acme(&gateway, "error").is_string()
    });
    assert_eq!(acme(&gateway, "failed"), 1);
    assert_eq!(acme(&gateway, "issued"), false);
    assert!(gateway.stderr().contains("one of the gateway's own serves"));
    // The handshake works with a certificate that nobody trusts.
    let stranger = TlsClient::trusting(&authority).connect(gateway.ingress, HOSTS[0]);
    let refused = stranger.err().unwrap().to_string();
    assert!(
        refused.contains("UnknownIssuer") || refused.contains("CaUsedAsEndEntity"),
        "{refused}"
    );
    // The next start waits as long as the one before would have waited.
    gateway.kill();
    let gateway = clock.under(&site).start();
    assert_eq!(acme(&gateway, "failed"), 1);
    let listener = TcpListener::bind(address).unwrap();
    let server = AcmeServer::on(listener, &authority, false, Duration::from_secs(90 * DAY));
    server.leads_to(gateway.ingress, None);
    clock.set(6 * 60);
    eventually("the next try succeeds", || acme(&gateway, "issued") == true);
    eventually("no try counts as failed", || acme(&gateway, "failed") == 0);
    // Events that are signed now are too old for a clock that is ahead.
    clock.set(0);
    serves(&gateway, &server);
}

#[test]
fn an_order_by_http_with_an_external_account() {
    let authority = Authority::new();
    let server = AcmeServer::start(&authority, true, Duration::from_secs(90 * DAY));
    let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(EXTERNAL.1);
    let more = format!(
        ", challenge = \"http-01\", external_account = {{ id = \"{}\", key = \"${{EAB_KEY}}\" }}",
        EXTERNAL.0
    );
    let manifest = manifest(&server.directory(), &more, "redirect = \"127.0.0.1:0\"");
    let site = site(&authority, &manifest);
    let gateway = Launch::new(&site).env("EAB_KEY", key).start();
    let redirect = gateway.redirect.unwrap();
    server.leads_to(gateway.ingress, Some(redirect));
    serves(&gateway, &server);
    // Everything else is sent to HTTPS.
    let answer = get(redirect, "/webhooks/stripe?a=1").unwrap();
    assert_eq!(answer.status, 308);
    let port = gateway.ingress.port();
    let location = format!("https://localhost:{port}/webhooks/stripe?a=1");
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(
        get(redirect, "/.well-known/acme-challenge/x")
            .unwrap()
            .status,
        308
    );
}

#[test]
fn domains_that_lead_elsewhere_are_told() {
    let authority = Authority::new();
    let server = AcmeServer::start(&authority, false, Duration::from_secs(90 * DAY));
    let site = site(&authority, &manifest(&server.directory(), "", ""));
    let gateway = site.start();
    // The admin service has no TLS.
    server.leads_to(gateway.admin, None);
    eventually("the failure is told", || {
        let error = acme(&gateway, "error");
        error
            .as_str()
            .is_some_and(|error| error.contains("a.hooks.example:"))
    });
    assert_eq!(server.issued(), 0);
}
