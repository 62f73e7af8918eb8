//! TLS: events acknowledged over kept connections beside plain HTTP, and full handshakes beside
//! nginx with the same certificate.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_rustls::TlsConnector;

use crate::gateway::{Gateway, preamble};
use crate::load;
use crate::options::Options;
use crate::payload::{Batch, Kind};
use crate::report::Report;
use crate::stats::median;

const PART: &str = "tls";
const HOST: &str = "localhost";

/// The handshakes of one turn.
const HANDSHAKES: usize = 4_000;
/// The threads that shake hands.
const THREADS: usize = 4;

/// Measures both.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let folder = options.scratch.join(PART);
    fs::create_dir_all(&folder)?;
    let client = Arc::new(certify(&folder)?);
    let plugins = options.root.join("plugins/target/components");
    let plain = preamble(&plugins);
    let tls = "[server]\ntls = { cert = \"../cert.pem\", key = \"../key.pem\" }\n";
    let secured = plain.replacen("[server]\n", tls, 1);
    let nginx = Nginx::start(&folder)?;
    if nginx.is_none() {
        report.remark("nginx was left out of the handshakes: it is not installed");
    }
    let mut rates = [Vec::new(), Vec::new()];
    let mut handshakes = [Vec::new(), Vec::new()];
    for round in 0..options.rounds {
        for turn in 0..2 {
            // Each goes first once.
            let index = (turn + round) % 2;
            let (name, manifest) = [("plain", &plain), ("secured", &secured)][index];
            let gateway = Gateway::fresh(&folder.join(name), manifest)?;
            let connector = (index == 1).then(|| TlsConnector::from(client.clone()));
            rates[index].push(acknowledged(options, &gateway, connector)?);
            if index == 1 {
                handshakes[0].push(shake_hands(gateway.ingress, &client)?);
            } else if let Some(nginx) = &nginx {
                handshakes[1].push(shake_hands(nginx.address, &client)?);
            }
        }
        eprintln!("  round {} of {}", round + 1, options.rounds);
    }
    let of = |rates: &[Vec<f64>; 2]| [0, 1].map(|index| median(&rates[index]));
    let [plain_rate, tls_rate] = of(&rates);
    let [names, [first, second]] = [["plain HTTP", "TLS 1.3"], ["the gateway", "nginx"]];
    for (name, rates) in names.into_iter().zip(rates) {
        let name = format!("acknowledged over kept connections, {name}");
        report.figure(PART, name, "events/s", rates);
    }
    report.ratio(
        "acknowledged, TLS 1.3 / plain",
        tls_rate / plain_rate,
        Some("at least 0.85"),
    );
    let [own, other] = of(&handshakes);
    for (name, rates) in [first, second].into_iter().zip(handshakes) {
        if !rates.is_empty() {
            report.figure(
                PART,
                format!("full handshakes, {name}"),
                "connections/s",
                rates,
            );
        }
    }
    if nginx.is_some() {
        report.ratio(
            "handshakes, gateway / nginx",
            own / other,
            Some("at least 0.5"),
        );
    }
    Ok(())
}

/// Writes a certificate and its key, and returns a client that trusts it and resumes nothing.
fn certify(folder: &Path) -> Result<ClientConfig> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&key)?;
    let pem = |label: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = text
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        let text = lines.join("\n");
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    fs::write(
        folder.join("cert.pem"),
        pem("CERTIFICATE", certificate.der()),
    )?;
    fs::write(
        folder.join("key.pem"),
        pem("PRIVATE KEY", &key.serialize_der()),
    )?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.resumption = Resumption::disabled();
    Ok(client)
}

/// Returns events a second.
fn acknowledged(options: &Options, gateway: &Gateway, tls: Option<TlsConnector>) -> Result<f64> {
    let batch = Batch::of(Kind::Unrouted, options.requests)?;
    let outcome = load::send_over(gateway.ingress, batch, options.connections, tls)?;
    Ok(options.requests as f64 / outcome.elapsed.as_secs_f64())
}

/// Returns full handshakes a second: each connection asks once and is closed.
fn shake_hands(address: SocketAddr, client: &Arc<ClientConfig>) -> Result<f64> {
    let left = AtomicUsize::new(HANDSHAKES);
    let take = |_: usize| left.fetch_sub(1, Ordering::Relaxed);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            while (1..=HANDSHAKES).contains(&take(1)) {
                let session = ClientConnection::new(client.clone(), ServerName::try_from(HOST)?)?;
                let mut stream = StreamOwned::new(session, TcpStream::connect(address)?);
                stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
                ensure!(
                    stream.read(&mut [0; 1024])? > 0,
                    "no answer after the handshake"
                );
            }
            Ok(())
        };
        let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a sender panicked"))?
        });
        ended.collect::<Result<Vec<()>>>()
    })?;
    Ok(HANDSHAKES as f64 / started.elapsed().as_secs_f64())
}

/// nginx as it is installed, with as many workers as the machine has cores.
struct Nginx {
    child: Child,
    address: SocketAddr,
}

impl Nginx {
    /// Starts nginx with the certificate in the folder; `None` if nginx is not installed.
    fn start(folder: &Path) -> Result<Option<Self>> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let shown = folder.display();
        let configuration = format!(
            "daemon off; worker_processes auto; pid {shown}/nginx.pid; error_log {shown}/nginx.log;\n\
             events {{}}\n\
             http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl;\n\
             ssl_certificate {shown}/cert.pem; ssl_certificate_key {shown}/key.pem;\n\
             ssl_protocols TLSv1.3; location / {{ return 404; }} }} }}\n"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&path).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            return Ok(None);
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            ensure!(
                Instant::now() < end,
                "nginx did not start: see {shown}/nginx.log"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(Self { child, address }))
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets nginx end its workers. It may have ended by itself.
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status().context("kill");
        let _ = self.child.wait();
    }
}
