//! Fetches keys from providers over HTTPS.
//!
//! The connections are those of [`egress`](crate::egress), which checks addresses and
//! certificates. [`FetchKeys`] is the seam at which tests put a provider of their own.

use std::future::Future;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::egress::{Clients, Destination, USER_AGENT, error_chain};
use crate::settings::{Allow, Network};
use tollgate_base::origin::{Origin, OriginError};
use tollgate_scheme::KeyRequest;

/// The longest answer that is read, in bytes. A certificate with its chain has a few KB, a JWK
/// less than one.
const ANSWER_BYTES: usize = 64 * 1024;
/// How long a provider may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks providers for keys.
pub(crate) trait FetchKeys: Send + Sync + 'static {
    /// Sends the request. Returns the body of an answer with status 200.
    fn fetch(&self, request: KeyRequest) -> Fetching;
}

/// A fetch under way.
pub(crate) type Fetching = Pin<Box<dyn Future<Output = Result<Bytes, FetchError>> + Send>>;

/// Why a provider gave no answer that could hold a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL of the key cannot be parsed.
    #[error("the URL cannot be read")]
    Url,
    /// The URL of the key names no origin that can be connected to.
    #[error("the URL {0}")]
    Origin(OriginError),
    /// The URL of the key is not an `https` URL.
    #[error("keys are fetched over https only")]
    NotHttps,
    /// The request failed; the text has the error with its sources.
    #[error("{0}")]
    Request(String),
    /// The provider answered with another status than 200. Redirects are not followed: nobody
    /// has checked where they lead.
    #[error("answered {0}")]
    Status(u16),
    /// The body broke off or is too long; the text has the error.
    #[error("the answer cannot be read: {0}")]
    Body(String),
    /// The provider took longer than this.
    #[error("no whole answer within {0:?}")]
    Timeout(Duration),
}

/// Fetches keys over HTTPS.
pub(crate) struct HttpsKeys {
    clients: Arc<Clients>,
}

impl HttpsKeys {
    /// `tls` says whom providers must be certified by.
    pub(crate) fn new(tls: ClientConfig) -> Self {
        Self {
            clients: Arc::new(Clients::new(tls)),
        }
    }
}

impl FetchKeys for HttpsKeys {
    fn fetch(&self, request: KeyRequest) -> Fetching {
        let clients = self.clients.clone();
        Box::pin(async move {
            match timeout(ANSWER_TIMEOUT, fetch(&clients, request)).await {
                Ok(answer) => answer,
                Err(_) => Err(FetchError::Timeout(ANSWER_TIMEOUT)),
            }
        })
    }
}

async fn fetch(clients: &Clients, request: KeyRequest) -> Result<Bytes, FetchError> {
    let uri: Uri = request.url.parse().map_err(|_| FetchError::Url)?;
    let origin = Origin::of(&uri).map_err(FetchError::Origin)?;
    if !origin.https {
        return Err(FetchError::NotHttps);
    }
    let destination = Destination::new(&allowed(origin, request.allow_private));
    let prepared = prepare(uri, &request);
    let answer = clients.exchange(&destination, prepared).await;
    let answer = answer.map_err(|error| FetchError::Request(error_chain(&error)))?;
    let (head, body) = answer.into_parts();
    if head.status != StatusCode::OK {
        return Err(FetchError::Status(head.status.as_u16()));
    }
    let whole = Limited::new(body, ANSWER_BYTES).collect().await;
    let whole = whole.map_err(|error| FetchError::Body(error.to_string()))?;
    Ok(whole.to_bytes())
}

/// The permission to connect to an origin. `allow_private` admits private addresses too: the
/// server must still have a certificate for the name.
fn allowed(origin: Origin, allow_private: bool) -> Allow {
    let all = |address| Network { address, prefix: 0 };
    let addresses = match allow_private {
        true => vec![
            all(Ipv4Addr::UNSPECIFIED.into()),
            all(Ipv6Addr::UNSPECIFIED.into()),
        ],
        false => Vec::new(),
    };
    Allow {
        origin,
        addresses,
        headers: Vec::new(),
        immediate: false,
    }
}

/// A POST of the request's JSON, or a GET if the request has none.
fn prepare(uri: Uri, request: &KeyRequest) -> Request<Full<Bytes>> {
    let body = request.body.as_ref();
    let body = body.map(|body| Bytes::copy_from_slice(body.expose()));
    let mut prepared = Request::new(Full::new(body.clone().unwrap_or_default()));
    *prepared.uri_mut() = uri;
    let headers = prepared.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if body.is_some() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        *prepared.method_mut() = Method::POST;
    }
    prepared
}
