//! The shop: it receives the handlers' requests and remembers them by idempotency key.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use tokio::net::TcpListener;

/// The shop refuses bodies with this text at the first try, to show that the next try carries
/// the same key.
pub(crate) const REFUSED_ONCE: &str = "refuse-once";

/// A request that the shop received, once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) body: Value,
    /// True if the request carried the manifest's credential.
    pub(crate) authorized: bool,
    /// The number of times that the request arrived.
    pub(crate) tries: u32,
    /// The number of times that the shop accepted the request. More than once would mean a
    /// letter sent twice, if the shop ignored the key.
    pub(crate) accepted: u32,
    /// True if the same key arrived with other content, which must never happen.
    pub(crate) changed: bool,
}

/// The received requests by idempotency key.
#[derive(Clone, Default)]
pub(crate) struct Shop(Arc<Mutex<BTreeMap<String, Received>>>);

impl Shop {
    /// Returns all requests received so far.
    pub(crate) fn received(&self) -> BTreeMap<String, Received> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers a request. Returns the status of the response.
    fn take(&self, key: String, path: String, authorized: bool, body: &Bytes) -> StatusCode {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.entry(key).or_insert_with(|| Received {
            path: path.clone(),
            body: value.clone(),
            authorized,
            tries: 0,
            accepted: 0,
            changed: false,
        });
        entry.changed |= entry.path != path || entry.body != value;
        entry.tries += 1;
        if entry.tries == 1 && value.to_string().contains(REFUSED_ONCE) {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        entry.accepted += 1;
        StatusCode::OK
    }
}

/// Opens the shop on `address`. It stays open as long as the runtime.
pub(crate) async fn open(address: SocketAddr) -> Result<(Shop, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let shop = Shop::default();
    let serving = shop.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shop = serving.clone();
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(shop.clone(), request));
                // The gateway repeats requests on broken connections.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok((shop, address))
}

async fn answer(
    shop: Shop,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let key = header("idempotency-key").unwrap_or_else(|| "(none)".into());
    let authorized = header("authorization").is_some();
    let status = match body.collect().await {
        Ok(body) => shop.take(key, parts.uri.path().into(), authorized, &body.to_bytes()),
        Err(_) => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
