//! The HTTP client of the authority.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

/// How long the authority may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that checks the authority's server by these roots.
pub(super) struct Client {
    client: legacy::Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
}

impl Client {
    pub(super) fn new(roots: Arc<RootCertStore>) -> Self {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the cipher suites of the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .enable_http2()
            .build();
        Self {
            client: legacy::Client::builder(TokioExecutor::new()).build(connector),
        }
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let answer = timeout(PATIENCE, self.client.request(request));
        Box::pin(async move {
            match answer.await {
                Ok(Ok(answer)) => Ok(BytesResponse::from(answer)),
                Ok(Err(error)) => Err(Error::Other(Box::new(error))),
                Err(late) => Err(Error::Other(Box::new(late))),
            }
        })
    }
}
