//! The two smallest contenders, which this program serves in a separate process: hyper alone,
//! and hyper with the signature check.

use std::convert::Infallible;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tollgate_base::secret::Secret;
use tollgate_base::time::{Clock, SystemClock};
use tollgate_scheme::{Settings, Verifier};

use crate::payload::SECRET;

/// Prints the port, then serves until a kill.
pub(crate) fn serve(name: &str) -> Result<()> {
    let verifier = match name {
        "bare" => None,
        "verify" => Some(verifier()?),
        other => bail!("there is no role {other}"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(accept(verifier.map(Arc::new)))
}

fn verifier() -> Result<Verifier> {
    let settings = Settings {
        secrets: vec![Secret::new(SECRET).into()],
        ..Settings::default()
    };
    tollgate_scheme::build("stripe", settings).map_err(|errors| anyhow!("{errors:?}"))
}

async fn accept(verifier: Option<Arc<Verifier>>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let verifier = verifier.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(verifier.clone(), request));
            // The other end notices a broken connection.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    verifier: Option<Arc<Verifier>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let good = match (body.collect().await, verifier) {
        (Err(_), _) => false,
        (Ok(_), None) => true,
        (Ok(body), Some(verifier)) => {
            let body = body.to_bytes();
            let request = tollgate_scheme::Request {
                method: &parts.method,
                url: parts.uri.path(),
                headers: &parts.headers,
                body: &body,
            };
            verifier.verify(&request, SystemClock.now()).is_ok()
        }
    };
    let mut response = Response::new(Full::default());
    if !good {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
