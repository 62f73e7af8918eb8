//! The HTTP client of the exporters.

use std::pin::Pin;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};

use crate::egress::system_tls;

/// The most bytes of a collector's answer: that of an export says how many items were refused.
const MAX_ANSWER: usize = 1 << 20;

/// Sends exports over HTTP. It is none of the clients of handlers' requests: a collector is often
/// on the same machine, and its requests are in no trace.
#[derive(Debug)]
pub(super) struct ExportClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl ExportClient {
    /// A client without connections. Trusts the certificates that the system trusts.
    pub(super) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(system_tls())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for ExportClient {
    // As the attribute `async_trait` of the trait writes it.
    fn send_bytes<'s, 'f>(&'s self, request: Request<Bytes>) -> Sending<'f>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let answer = self.0.request(request.map(Full::new)).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        })
    }
}
