//! Fetches keys from providers: over the outbox's connections, so that addresses are checked
//! and certificates too.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::addresses::Destination;
use super::attempt::{USER_AGENT, chain};
use super::connect::Clients;
use crate::keys::cache::{FetchKeys, Fetching};
use crate::settings::{Allow, Network};
use tollgate_base::origin::Origin;
use tollgate_scheme::KeyRequest;

/// A certificate with its chain has a few KB, a JWK less than one.
const ANSWER: usize = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Fetches keys over HTTPS.
pub(crate) struct HttpKeys {
    clients: Arc<Clients>,
}

impl HttpKeys {
    pub(crate) fn new(tls: ClientConfig) -> Self {
        Self {
            clients: Arc::new(Clients::new(tls)),
        }
    }
}

impl FetchKeys for HttpKeys {
    fn fetch(&self, request: KeyRequest) -> Fetching {
        let clients = self.clients.clone();
        Box::pin(async move {
            match timeout(PATIENCE, fetch(&clients, request)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no whole answer within {PATIENCE:?}")),
            }
        })
    }
}

async fn fetch(clients: &Clients, request: KeyRequest) -> Result<Bytes, String> {
    let uri: Uri = request
        .url
        .parse()
        .map_err(|_| "the URL cannot be read".to_owned())?;
    let origin = Origin::of(&uri).map_err(|error| format!("the URL {error}"))?;
    if !origin.https {
        return Err("keys are fetched over https alone".to_owned());
    }
    let mut allow = Allow {
        origin,
        addresses: Vec::new(),
        headers: Vec::new(),
    };
    if request.allow_private {
        // Whoever answers there must have a certificate for the name.
        let all = |address| Network { address, prefix: 0 };
        allow.addresses = vec![
            all(Ipv4Addr::UNSPECIFIED.into()),
            all(Ipv6Addr::UNSPECIFIED.into()),
        ];
    }
    let destination = Destination::new(&allow);
    let body = request
        .body
        .map(|body| Bytes::copy_from_slice(body.expose()));
    let mut prepared = Request::new(Full::new(body.clone().unwrap_or_default()));
    *prepared.uri_mut() = uri;
    let headers = prepared.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if body.is_some() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        *prepared.method_mut() = Method::POST;
    }
    let answer = clients.get(&destination).request(prepared).await;
    let (head, body) = answer.map_err(|error| chain(&error))?.into_parts();
    // Redirects are not followed: where they lead nobody has checked.
    if head.status != StatusCode::OK {
        return Err(format!("answered {}", head.status.as_u16()));
    }
    let whole = Limited::new(body, ANSWER).collect().await;
    let whole = whole.map_err(|error| format!("the answer cannot be read: {error}"))?;
    Ok(whole.to_bytes())
}
