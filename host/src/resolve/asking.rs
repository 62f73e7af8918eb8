//! Sending one question to the provider's API, as the official libraries do.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::time::timeout;

use super::answer::Answer;
use super::question::Question;
use crate::egress::{Clients, Destination, USER_AGENT, error_chain, retry_after};
use crate::settings::{Allow, Resolve};
use tollgate_base::time::WallTime;

const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const TRIGGER: HeaderName = HeaderName::from_static("stripe-request-trigger");
const CONTEXT: HeaderName = HeaderName::from_static("stripe-context");

/// Why a question cannot become a request. The message repeats no value.
#[derive(Debug, thiserror::Error)]
enum Unaskable {
    #[error("the URL of the question cannot be read")]
    Url,
    #[error("`{0}` cannot stand in a header")]
    Header(HeaderName),
}

/// Asks a question. `now` is the time of day, for an answer that names a time.
pub(super) async fn ask(
    clients: &Clients,
    resolve: &Resolve,
    question: &Question,
    now: impl Fn() -> WallTime,
) -> Answer {
    let request = match request(resolve, question) {
        Ok(request) => request,
        Err(why) => return Answer::to_mend(None, why.to_string()),
    };
    let destination = Destination::new(&Allow {
        origin: resolve.origin.clone(),
        addresses: resolve.addresses.clone(),
        headers: Vec::new(),
    });
    let client = clients.get(&destination);
    let exchange = async {
        let answer = match client.request(request).await {
            Ok(answer) => answer,
            Err(error) => return Answer::none(error_chain(&error)),
        };
        let (head, body) = answer.into_parts();
        let asked = retry_after(&head.headers, now());
        let whole = Limited::new(body, resolve.answer_limit).collect().await;
        match whole {
            Ok(body) => meaning(resolve, head.status, body.to_bytes(), asked),
            // Only an object is of use; of an error the status says all.
            Err(error) if error.is::<LengthLimitError>() && !head.status.is_success() => {
                Answer::of(head.status, Bytes::new(), asked)
            }
            Err(error) if error.is::<LengthLimitError>() => Answer::to_mend(
                Some(head.status.as_u16()),
                "the answer is longer than `answer_limit` of `resolve`",
            ),
            Err(_) => Answer::none("the answer broke off"),
        }
    };
    match timeout(resolve.timeout, exchange).await {
        Ok(answer) => answer,
        Err(_) => Answer::none(format!("no whole answer within {:?}", resolve.timeout)),
    }
}

/// The meaning of a whole answer. An answer that repeats the key is not kept.
fn meaning(resolve: &Resolve, status: StatusCode, body: Bytes, asked: Option<Duration>) -> Answer {
    let key = resolve.key.expose();
    if status.is_success() && body.windows(key.len().max(1)).any(|part| part == key) {
        let why = "the answer repeats the key";
        return Answer::to_mend(Some(status.as_u16()), why);
    }
    Answer::of(status, body, asked)
}

/// The request for a question: the key and nothing else says who asks.
fn request(resolve: &Resolve, question: &Question) -> Result<Request<Full<Bytes>>, Unaskable> {
    let url = format!("{}{}", resolve.origin, question.path);
    let uri: Uri = url.parse().map_err(|_| Unaskable::Url)?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(resolve, question)?;
    Ok(request)
}

fn headers(resolve: &Resolve, question: &Question) -> Result<HeaderMap, Unaskable> {
    let value = |name: &HeaderName, bytes: &[u8]| {
        HeaderValue::from_bytes(bytes).map_err(|_| Unaskable::Header(name.clone()))
    };
    let bearer = zeroize::Zeroizing::new([b"Bearer ", resolve.key.expose()].concat());
    let mut authorization = value(&header::AUTHORIZATION, &bearer)?;
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, authorization);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(VERSION, value(&VERSION, resolve.version.as_bytes())?);
    let trigger = format!("event={}", question.event);
    headers.insert(TRIGGER, value(&TRIGGER, trigger.as_bytes())?);
    if let Some(context) = &question.context {
        headers.insert(CONTEXT, value(&CONTEXT, context.as_bytes())?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::question::About;
    use crate::resolve::tests::resolve;

    #[test]
    fn a_request_is_that_of_the_official_libraries() {
        let mut question = Question {
            about: About::Object,
            path: "/v1/customers/cus_1?expand[]=sources".to_owned(),
            event: "evt_1".to_owned(),
            context: Some("org_1/acct_2".to_owned()),
        };
        let sent = request(&resolve("sk_test_hunter2"), &question).unwrap();
        assert_eq!(sent.method(), "GET");
        let url = "https://api.stripe.com/v1/customers/cus_1?expand[]=sources";
        assert_eq!(sent.uri().to_string(), url);
        let header = |name: &str| sent.headers().get(name).map(|v| v.to_str().unwrap());
        assert_eq!(header("authorization"), Some("Bearer sk_test_hunter2"));
        assert_eq!(header("stripe-version"), Some("2026-09-30.endive"));
        assert_eq!(header("stripe-request-trigger"), Some("event=evt_1"));
        assert_eq!(header("stripe-context"), Some("org_1/acct_2"));
        assert_eq!(header("stripe-account"), None);
        assert_eq!(header("idempotency-key"), None);
        assert!(!format!("{:?}", sent.headers()).contains("hunter2"));
        question.context = None;
        let own = request(&resolve("sk_test_1"), &question).unwrap();
        assert!(!own.headers().contains_key("stripe-context"));
    }
}
