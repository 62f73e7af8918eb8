//! An authority that speaks ACME (RFC 8555) over TLS, for one gateway.
//!
//! Nonces, signatures and URLs of requests are checked. Challenges are validated over sockets of
//! the gateway, whatever address the domains have. Certificates are issued for the key and the
//! names of the request that finalizes the order.

mod validate;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use ring::{digest, hmac};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{Authority, until};
use validate::{by_http, by_tls, key_of_request};

/// The identifier and the key of an account with the authority.
pub(crate) const EXTERNAL: (&str, &[u8]) = ("kid-1", b"an external account key of 32 b.");

/// The authority. Dropping it ends it.
pub(crate) struct AcmeServer {
    state: Arc<State>,
    address: SocketAddr,
}

struct State {
    issuer: Authority,
    tls: Arc<ServerConfig>,
    base: String,
    /// Whether accounts need an external account.
    external: bool,
    /// Where the domains lead: port 443 and port 80 of the gateway.
    leads_to: Mutex<Option<(SocketAddr, Option<SocketAddr>)>>,
    /// How long a certificate is in force.
    life: Duration,
    nonces: Mutex<HashSet<String>>,
    next: AtomicU64,
    accounts: Mutex<HashMap<String, Value>>,
    orders: Mutex<HashMap<String, Order>>,
    issued: AtomicU64,
    ended: AtomicBool,
    offers: Mutex<Vec<&'static str>>,
}

#[derive(Clone, Default)]
struct Order {
    domains: Vec<String>,
    /// Why each domain is refused; `None` while it is pending.
    proven: HashMap<String, Result<(), String>>,
    chain: Option<String>,
}

/// A request whose signature holds.
struct Signed {
    account: Option<String>,
    key: Value,
    payload: Value,
}

type Answer = (u16, Vec<(&'static str, String)>, String);

impl AcmeServer {
    /// Starts an authority whose server `authority` certifies for `localhost`.
    pub(crate) fn start(authority: &Authority, external: bool, life: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, authority, external, life)
    }

    /// Starts it on a listener.
    pub(crate) fn on(
        listener: TcpListener,
        authority: &Authority,
        external: bool,
        life: Duration,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (chain, key) = authority.issue(&["localhost"], |_| {});
        let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let state = Arc::new(State {
            issuer: Authority::new(),
            tls: Arc::new(tls),
            base: format!("https://localhost:{}", address.port()),
            external,
            leads_to: Mutex::default(),
            life,
            nonces: Mutex::default(),
            next: AtomicU64::new(1),
            accounts: Mutex::default(),
            orders: Mutex::default(),
            issued: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            offers: Mutex::new(vec!["tls-alpn-01", "http-01"]),
        });
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::SeqCst) {
                    return;
                }
                let (state, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || {
                    // The client may close the connection at any time.
                    let _ = state.serve(stream);
                });
            }
        });
        Self { state, address }
    }

    /// Returns the URL of the directory.
    pub(crate) fn directory(&self) -> String {
        format!("{}/directory", self.state.base)
    }

    /// Returns the authority that issues the certificates.
    pub(crate) fn issuer(&self) -> &Authority {
        &self.state.issuer
    }

    /// Lets the domains lead to these addresses, instead of ports 443 and 80.
    pub(crate) fn leads_to(&self, https: SocketAddr, http: Option<SocketAddr>) {
        *self.state.leads_to.lock().unwrap() = Some((https, http));
    }

    /// Returns how many certificates were issued.
    pub(crate) fn issued(&self) -> u64 {
        self.state.issued.load(Ordering::SeqCst)
    }
}

impl Drop for AcmeServer {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, so that the port is free.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let session = ServerConnection::new(self.tls.clone()).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(session, stream));
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let mut parts = line.split(' ');
        let method = parts.next().unwrap_or_default().to_owned();
        let path = parts.next().unwrap_or_default().to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header)?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let (status, headers, body) = self.answer(&method, &path, &body);
        let mut head = format!(
            "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\nreplay-nonce: {}\r\n",
            body.len(),
            self.nonce()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = if method == "HEAD" { "" } else { &body };
        let stream = stream.get_mut();
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        stream.conn.send_close_notify();
        stream.flush()
    }

    fn nonce(&self) -> String {
        let nonce = format!("nonce-{}", self.next.fetch_add(1, Ordering::SeqCst));
        self.nonces.lock().unwrap().insert(nonce.clone());
        nonce
    }

    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let base = &self.base;
        match (method, path) {
            ("GET", "/directory") => {
                let directory = json!({
                    "newNonce": format!("{base}/nonce"),
                    "newAccount": format!("{base}/account"),
                    "newOrder": format!("{base}/order"),
                    "revokeCert": format!("{base}/revoke"),
                    "keyChange": format!("{base}/key"),
                    "meta": { "externalAccountRequired": self.external },
                });
                return (200, vec![], directory.to_string());
            }
            ("HEAD" | "GET", "/nonce") => return (200, vec![], String::new()),
            _ => {}
        }
        match self.signed(path, body) {
            Err(why) => problem("malformed", &why),
            Ok(request) => self.post(path, &request),
        }
    }

    /// Checks the signature of a request (RFC 8555, section 6.2).
    fn signed(&self, path: &str, body: &[u8]) -> Result<Signed, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let header = decoded(&body["protected"])?;
        let header: Value = serde_json::from_slice(&header).map_err(|error| error.to_string())?;
        let nonce = header["nonce"].as_str().unwrap_or_default();
        if !self.nonces.lock().unwrap().remove(nonce) {
            return Err("the nonce is not one of ours".to_owned());
        }
        if header["url"] != format!("{}{path}", self.base) || header["alg"] != "ES256" {
            return Err(format!("a wrong url or algorithm: {header}"));
        }
        let account = header["kid"].as_str().map(str::to_owned);
        let key = match &account {
            Some(account) => self.accounts.lock().unwrap().get(account).cloned(),
            None => Some(header["jwk"].clone()),
        };
        let key = key.ok_or("the account is not known")?;
        let point = [&[4][..], &decoded(&key["x"])?, &decoded(&key["y"])?].concat();
        let message = signed_part(&body);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message.as_bytes(), &decoded(&body["signature"])?)
            .map_err(|_| "the signature does not hold")?;
        let payload = decoded(&body["payload"])?;
        let payload = match payload.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&payload).map_err(|error| error.to_string())?,
        };
        Ok(Signed {
            account,
            key,
            payload,
        })
    }

    fn post(&self, path: &str, request: &Signed) -> Answer {
        if path == "/account" {
            return self.new_account(request);
        }
        if request.account.is_none() {
            return problem("accountDoesNotExist", "a request without an account");
        }
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match parts[..] {
            ["order"] => self.new_order(request),
            ["order", id] => (200, vec![], self.order_json(id)),
            ["authz", id, domain] => (200, vec![], self.authorization_json(id, domain)),
            ["challenge", kind, id, domain] => self.challenge(kind, id, domain, request),
            ["finalize", id] => self.finalize(id, request),
            ["certificate", id] => {
                let chain = self.orders.lock().unwrap()[id].chain.clone();
                (200, vec![], chain.unwrap())
            }
            _ => problem("malformed", path),
        }
    }

    fn new_account(&self, request: &Signed) -> Answer {
        if request.payload["termsOfServiceAgreed"] != true {
            return problem("userActionRequired", "the terms were not agreed to");
        }
        if self.external && !is_bound(&request.payload["externalAccountBinding"], &request.key) {
            return problem("externalAccountRequired", "no external account is bound");
        }
        let id = format!(
            "{}/account/{}",
            self.base,
            self.next.fetch_add(1, Ordering::SeqCst)
        );
        let mut accounts = self.accounts.lock().unwrap();
        accounts.insert(id.clone(), request.key.clone());
        let account = json!({ "status": "valid", "contact": request.payload["contact"] });
        (201, vec![("location", id)], account.to_string())
    }

    fn new_order(&self, request: &Signed) -> Answer {
        let identifiers = request.payload["identifiers"].as_array().unwrap();
        let domains = identifiers
            .iter()
            .map(|one| one["value"].as_str().unwrap().to_owned());
        let order = Order {
            domains: domains.collect(),
            ..Order::default()
        };
        let id = self.next.fetch_add(1, Ordering::SeqCst).to_string();
        self.orders.lock().unwrap().insert(id.clone(), order);
        let location = format!("{}/order/{id}", self.base);
        (201, vec![("location", location)], self.order_json(&id))
    }

    fn order_json(&self, id: &str) -> String {
        let order = self.orders.lock().unwrap()[id].clone();
        let proven = |domain| order.proven.get(domain);
        let status = if order.chain.is_some() {
            "valid"
        } else if order.proven.values().any(Result::is_err) {
            "invalid"
        } else if order.domains.iter().all(|domain| proven(domain).is_some()) {
            "ready"
        } else {
            "pending"
        };
        let base = &self.base;
        let identifiers = order.domains.iter();
        let identifiers = identifiers.map(|domain| json!({ "type": "dns", "value": domain }));
        let authorizations = order
            .domains
            .iter()
            .map(|of| format!("{base}/authz/{id}/{of}"));
        let mut shown = json!({
            "status": status,
            "identifiers": identifiers.collect::<Vec<_>>(),
            "authorizations": authorizations.collect::<Vec<_>>(),
            "finalize": format!("{base}/finalize/{id}"),
        });
        if status == "valid" {
            shown["certificate"] = format!("{base}/certificate/{id}").into();
        }
        shown.to_string()
    }

    fn authorization_json(&self, id: &str, domain: &str) -> String {
        let orders = self.orders.lock().unwrap();
        let proven = orders[id].proven.get(domain);
        let status = match proven {
            None => "pending",
            Some(Ok(())) => "valid",
            Some(Err(_)) => "invalid",
        };
        let offers = self.offers.lock().unwrap();
        let challenges = offers.iter().map(|kind| {
            let mut shown = json!({
                "type": kind,
                "url": format!("{}/challenge/{kind}/{id}/{domain}", self.base),
                "token": token(id, domain),
                "status": status,
            });
            if let Some(Err(why)) = proven {
                shown["error"] =
                    json!({ "type": "urn:ietf:params:acme:error:connection", "detail": why });
            }
            shown
        });
        json!({
            "status": status,
            "identifier": { "type": "dns", "value": domain },
            "challenges": challenges.collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// Validates a challenge over a socket, before the answer.
    fn challenge(&self, kind: &str, id: &str, domain: &str, request: &Signed) -> Answer {
        let authorization = format!("{}.{}", token(id, domain), thumbprint(&request.key));
        let (https, http) = until("the domains lead to a gateway", || {
            *self.leads_to.lock().unwrap()
        });
        let proven = match kind {
            "http-01" => by_http(http, domain, &token(id, domain), &authorization),
            _ => by_tls(https, domain, &authorization),
        };
        let mut orders = self.orders.lock().unwrap();
        let order = orders.get_mut(id).unwrap();
        order.proven.insert(domain.to_owned(), proven);
        let shown = json!({
            "type": kind,
            "url": format!("{}/challenge/{kind}/{id}/{domain}", self.base),
            "token": token(id, domain),
            "status": "processing",
        });
        (200, vec![], shown.to_string())
    }

    fn finalize(&self, id: &str, request: &Signed) -> Answer {
        let request = decoded(&request.payload["csr"]).unwrap();
        let domains = self.orders.lock().unwrap()[id].domains.clone();
        let Some(key) = key_of_request(&request, &domains) else {
            return problem("badCSR", "the signature or the names are wrong");
        };
        let chain = self.issuer.certify(&domains, &key, self.life);
        self.orders.lock().unwrap().get_mut(id).unwrap().chain = Some(chain);
        self.issued.fetch_add(1, Ordering::SeqCst);
        (200, vec![], self.order_json(id))
    }
}

fn problem(kind: &str, detail: &str) -> Answer {
    let kind = format!("urn:ietf:params:acme:error:{kind}");
    let problem = json!({ "type": kind, "detail": detail, "status": 400 });
    let content = ("content-type", "application/problem+json".to_owned());
    (400, vec![content], problem.to_string())
}

fn decoded(text: &Value) -> Result<Vec<u8>, String> {
    let text = text.as_str().ok_or("a member is missing")?;
    BASE64.decode(text).map_err(|error| error.to_string())
}

/// Returns the text that a JWS signs.
fn signed_part(jws: &Value) -> String {
    let part = |name| jws[name].as_str().unwrap_or_default();
    format!("{}.{}", part("protected"), part("payload"))
}

/// Checks an external account binding (RFC 8555, section 7.3.4).
fn is_bound(binding: &Value, key: &Value) -> bool {
    let (Ok(header), Ok(payload)) = (decoded(&binding["protected"]), decoded(&binding["payload"]))
    else {
        return false;
    };
    let header: Value = serde_json::from_slice(&header).unwrap();
    let bound: Value = serde_json::from_slice(&payload).unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, EXTERNAL.1);
    let signature = decoded(&binding["signature"]).unwrap();
    header["kid"] == EXTERNAL.0
        && header["alg"] == "HS256"
        && thumbprint(&bound) == thumbprint(key)
        && hmac::verify(&secret, signed_part(binding).as_bytes(), &signature).is_ok()
}

/// Returns the thumbprint of a key (RFC 7638).
fn thumbprint(key: &Value) -> String {
    let text = format!(
        r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#,
        key["crv"], key["kty"], key["x"], key["y"]
    );
    BASE64.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn token(id: &str, domain: &str) -> String {
    BASE64.encode(format!("token-{id}-{domain}"))
}
