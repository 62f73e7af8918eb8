//! The HTTP client of the authority.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;

use crate::egress::{PacedHttp, exchange};

/// How long the authority may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of an answer. A chain of certificates has some thousands.
const LONGEST: usize = 1 << 20;

type HyperClient = legacy::Client<HttpsConnector<PacedHttp>, BodyWrapper<Bytes>>;

/// A client that checks the authority's server by these roots.
#[derive(Clone)]
pub(super) struct Client(HyperClient);

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
            .wrap_connector(PacedHttp::for_https());
        Self(legacy::Client::builder(TokioExecutor::new()).build(connector))
    }

    /// The whole answer.
    async fn answer(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let answer = exchange(&self.0, request).await;
        let (head, body) = answer
            .map_err(|error| Error::Other(Box::new(error)))?
            .into_parts();
        let body = Limited::new(body, LONGEST).collect().await;
        let body = Full::new(body.map_err(Error::Other)?.to_bytes());
        Ok(BytesResponse::from(Response::from_parts(head, body)))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let answer = timeout(PATIENCE, self.clone().answer(request));
        Box::pin(async move {
            answer
                .await
                .unwrap_or_else(|late| Err(Error::Other(Box::new(late))))
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// What a client is answered by an authority that begins with `first` and goes on with `more`
    /// until the client leaves.
    async fn answered(first: &'static [u8], more: &'static [u8]) -> Result<usize, String> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(tls));
            let mut stream = acceptor.accept(stream).await.unwrap();
            _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(first).await.unwrap();
            while !more.is_empty() && stream.write_all(more).await.is_ok() {}
        });
        let url = format!("https://localhost:{}/directory", address.port());
        let request = Request::builder().uri(url).body(BodyWrapper::default());
        let client = Client::new(Arc::new(roots));
        let mut answer = client
            .request(request.unwrap())
            .await
            .map_err(|error| crate::egress::error_chain(&error))?;
        let body = answer.body.into_bytes().await;
        body.map(|bytes| bytes.len())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_answer_is_read_whole() {
        let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(answered(answer, b"").await, Ok(2));
    }

    /// On one thread: the flood lets this test see it, and ends.
    #[tokio::test]
    async fn interim_answers_without_end_are_no_answer() {
        let error = answered(b"", b"HTTP/1.1 102 Processing\r\n\r\n").await;
        assert!(error.unwrap_err().contains("interim answers"));
    }

    #[tokio::test]
    async fn a_body_without_end_is_no_answer() {
        const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        let error = answered(HEAD, &[b' '; 16_384]).await;
        assert!(error.unwrap_err().contains("limit"));
    }
}
