//! One outbound request and the head of its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::{self, connect::Connect};
use tokio::sync::Notify;

use super::Destination;
use super::connect::Clients;

/// The most interim answers (status 1xx) before the answer. Servers send one or two.
const INTERIM: usize = 32;

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// There is no connection, or the connection broke.
    #[error(transparent)]
    Client(#[from] legacy::Error),
    /// The receiver sends interim answers in place of an answer.
    #[error("more than {INTERIM} interim answers (status 1xx) came, and no answer")]
    Interim,
}

impl Clients {
    /// Sends a request to a destination, and waits for the head of the answer. Takes no longer than
    /// its caller waits: there is no limit of time here.
    pub(crate) async fn exchange(
        &self,
        destination: &Destination,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, ExchangeError> {
        exchange(&self.get(destination), request).await
    }
}

/// Sends a request by a client whose connections are [`Paced`](super::paced::Paced), and waits for
/// the head of the answer, as [`Clients::exchange`] does.
pub(crate) async fn exchange<C, B>(
    client: &legacy::Client<C, B>,
    mut request: Request<B>,
) -> Result<Response<Incoming>, ExchangeError>
where
    C: Connect + Clone + Send + Sync + 'static,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let too_many = Arc::new(Notify::new());
    let (told, count) = (too_many.clone(), AtomicUsize::new(0));
    hyper::ext::on_informational(&mut request, move |_| {
        if count.fetch_add(1, Ordering::Relaxed) == INTERIM {
            told.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = too_many.notified() => Err(ExchangeError::Interim),
        answer = client.request(request) => Ok(answer?),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tollgate_base::origin::Origin;

    use super::*;
    use crate::egress::system_tls;
    use crate::settings::Allow;

    /// A receiver that answers one request with `interim` interim answers and then 204; without a
    /// number, with interim answers until the peer leaves.
    async fn receiver(interim: Option<usize>) -> Destination {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            _ = stream.read(&mut [0; 1024]).await.unwrap();
            const CONTINUE: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";
            match interim {
                Some(number) => {
                    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
                    let all = [&CONTINUE.repeat(number)[..], answer].concat();
                    stream.write_all(&all).await.unwrap();
                }
                None => {
                    let many = CONTINUE.repeat(1000);
                    while stream.write_all(&many).await.is_ok() {}
                }
            }
        });
        Destination::new(&Allow {
            origin: Origin::parse(&format!("http://{address}")).unwrap(),
            addresses: Vec::new(),
            headers: Vec::new(),
            immediate: false,
        })
    }

    async fn answer(destination: &Destination) -> Result<u16, ExchangeError> {
        let uri = destination.origin.to_string();
        let request = Request::builder().uri(uri).body(Full::default()).unwrap();
        let clients = Clients::new(system_tls());
        let answer = clients.exchange(destination, request).await?;
        Ok(answer.status().as_u16())
    }

    #[tokio::test]
    async fn a_few_interim_answers_are_passed_over() {
        let status = answer(&receiver(Some(INTERIM)).await).await;
        assert_eq!(status.unwrap(), 204);
    }

    /// On one thread: the flood lets this test see it, and ends.
    #[tokio::test]
    async fn interim_answers_without_end_are_no_answer() {
        let error = answer(&receiver(None).await).await.unwrap_err();
        assert!(matches!(error, ExchangeError::Interim), "{error}");
    }
}
