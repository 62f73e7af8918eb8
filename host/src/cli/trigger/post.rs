//! Posts the events of a plan.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tollgate_base::time::{Clock as _, SystemClock};
use tollgate_scheme::SignedRequest;

use super::args::TriggerArgs;
use super::outcome::{Answered, Outcome, PostError};
use super::plan::{Item, Plan};
use super::target::Target;
use super::why;
use crate::cli::request::SchemeArgs;
use crate::egress::system_tls;

/// The longest time for an answer. Providers wait for 30 seconds at most.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

type Client = legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Posts every event of the plan. Exit code 1 means that the gateway did not take all of them.
pub(super) fn run(args: &TriggerArgs, target: &Target, plan: &Plan) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let url = target.url.clone().context("there is no URL to post to")?;
    let posting = Posting {
        target,
        plan,
        scheme: &args.scheme,
        url,
        client: client(),
        headers: &args.headers,
        times: if args.duplicate { 2 } else { 1 },
        json: args.json,
        next: AtomicUsize::new(0),
        all_accepted: AtomicBool::new(true),
        refused: AtomicBool::new(false),
    };
    let began = SystemClock.now();
    let posters = (0..usize::from(args.concurrency)).map(|_| posting.post_items());
    runtime.block_on(futures_all(posters))?;
    if posting.refused.into_inner() {
        why::tell(target, began);
    }
    Ok(match posting.all_accepted.into_inner() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn client() -> Client {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(system_tls())
        .https_or_http()
        .enable_http1()
        .build();
    legacy::Client::builder(TokioExecutor::new()).build(connector)
}

/// What all posters share.
struct Posting<'p> {
    target: &'p Target,
    plan: &'p Plan,
    /// The arguments that say what time it is.
    scheme: &'p SchemeArgs,
    url: Uri,
    client: Client,
    headers: &'p [(HeaderName, HeaderValue)],
    /// How often each request is posted.
    times: u8,
    json: bool,
    /// The index of the next item.
    next: AtomicUsize,
    all_accepted: AtomicBool,
    /// Whether the gateway refused a request for what it is.
    refused: AtomicBool,
}

impl Posting<'_> {
    /// Posts items until there are no more.
    async fn post_items(&self) -> anyhow::Result<()> {
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.plan.get(index, self.scheme.now()) else {
                return Ok(());
            };
            let item = item?;
            if let Item::Told(_, wait) = &item
                && !wait.is_zero()
            {
                tokio::time::sleep(*wait).await;
            }
            self.post_item(&item).await?;
        }
    }

    async fn post_item(&self, item: &Item<'_>) -> anyhow::Result<()> {
        let now = self.scheme.now();
        let (signed, named) = self.plan.signed(item, self.target, now)?;
        for turn in 0..self.times {
            let outcome = Outcome {
                named: named.clone(),
                again: turn > 0,
                answer: self.answer(&signed).await,
            };
            if !outcome.is_accepted() {
                self.all_accepted.store(false, Ordering::Relaxed);
            }
            if outcome.is_refused() {
                self.refused.store(true, Ordering::Relaxed);
            }
            outcome.print(self.json)?;
        }
        Ok(())
    }

    /// The gateway's answer, or why there is none.
    async fn answer(&self, signed: &SignedRequest) -> Result<Answered, PostError> {
        let request = self.request(signed).map_err(PostError::Request)?;
        let exchange = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(PostError::Unreachable)?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LONGEST_ANSWER);
            let body = body.collect().await.map_err(PostError::Unreadable)?;
            Ok(Answered {
                status,
                body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            })
        };
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        answer.map_err(|_| PostError::Late(TIMEOUT))?
    }

    fn request(&self, signed: &SignedRequest) -> Result<Request<Full<Bytes>>, http::Error> {
        let url = match &signed.query {
            Some(query) => format!("{}?{query}", self.url.to_string().trim_end_matches('?')),
            None => self.url.to_string(),
        };
        let mut request = Request::builder().method(Method::POST).uri(url);
        if let Some(headers) = request.headers_mut() {
            headers.insert(
                USER_AGENT,
                HeaderValue::from_static(crate::egress::USER_AGENT),
            );
            headers.extend(signed.headers.clone());
            for (name, value) in self.headers {
                headers.append(name, value.clone());
            }
        }
        request.body(Full::new(signed.body.clone()))
    }
}

/// Runs all to their ends, at the same time on this thread. The first error counts.
async fn futures_all<F: Future<Output = anyhow::Result<()>>>(
    all: impl Iterator<Item = F>,
) -> anyhow::Result<()> {
    let mut running: Vec<_> = all.map(|one| Some(Box::pin(one))).collect();
    let mut first_error = None;
    std::future::poll_fn(|context| {
        let mut pending = false;
        for slot in &mut running {
            let Some(one) = slot else { continue };
            match one.as_mut().poll(context) {
                std::task::Poll::Pending => pending = true,
                std::task::Poll::Ready(result) => {
                    *slot = None;
                    first_error = first_error.take().or(result.err());
                }
            }
        }
        match pending {
            true => std::task::Poll::Pending,
            false => std::task::Poll::Ready(()),
        }
    })
    .await;
    first_error.map_or(Ok(()), Err)
}
