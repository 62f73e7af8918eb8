//! Sending one question to the provider's API, as the official libraries do.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Answer;
use super::question::Question;
use crate::egress::{Clients, Destination, USER_AGENT, error_chain, retry_after};
use crate::settings::{Allow, Resolve};
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_ledger::Told;

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
        immediate: false,
    });
    let exchange = async {
        let answer = match clients.exchange(&destination, request).await {
            Ok(answer) => answer,
            Err(error) => return Answer::none(error_chain(&error)),
        };
        let (head, body) = answer.into_parts();
        let asked = retry_after(&head.headers, now());
        let whole = Limited::new(body, resolve.answer_limit).collect().await;
        match whole {
            Ok(body) => {
                let answer = Answer::of(head.status, body.to_bytes(), asked);
                checked(answer, resolve, question, head.status)
            }
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

/// The answer, unless it is none that a handler may have: it repeats the key, or it is about
/// something else than was asked for.
fn checked(answer: Answer, resolve: &Resolve, question: &Question, status: StatusCode) -> Answer {
    let Answer::Told(Told::Found(body)) = &answer else {
        return answer;
    };
    let why = match serde_json::from_slice::<Value>(body) {
        Ok(value) if repeats(&value, &resolve.key) => "the answer repeats the key",
        Ok(value) if is_of_another(&value, question) => "the answer is about something else",
        Ok(_) => return answer,
        Err(_) => "the answer cannot be read",
    };
    Answer::to_mend(Some(status.as_u16()), why)
}

/// Whether a text of the answer holds the key, however the text is escaped.
fn repeats(value: &Value, key: &Secret) -> bool {
    let key_bytes = key.expose();
    let holds = |text: &str| {
        let mut parts = text.as_bytes().windows(key_bytes.len().max(1));
        parts.any(|part| part == key_bytes)
    };
    match value {
        Value::String(text) => holds(text),
        Value::Array(values) => values.iter().any(|value| repeats(value, key)),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| holds(name) || repeats(value, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether the answer names another id than was asked for.
fn is_of_another(value: &Value, question: &Question) -> bool {
    let named = value.get("id").and_then(Value::as_str);
    named
        .zip(question.id.as_deref())
        .is_some_and(|(named, of)| named != of)
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
            id: Some("cus_1".to_owned()),
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

    #[test]
    fn an_answer_that_repeats_the_key_or_is_about_something_else_is_not_kept() {
        let question = Question {
            about: About::Object,
            path: "/v1/customers/cus_1".to_owned(),
            event: "evt_1".to_owned(),
            id: Some("cus_1".to_owned()),
            context: None,
        };
        let kept = |body: &'static str, question: &Question| {
            let answer = Answer::of(StatusCode::OK, Bytes::from_static(body.as_bytes()), None);
            let resolve = resolve("sk_test_hunter2");
            let checked = checked(answer, &resolve, question, StatusCode::OK);
            matches!(checked, Answer::Told(Told::Found(_)))
        };
        for body in [r#"{"id":"cus_1"}"#, r#"{"amount":7}"#, r#"{"id":null}"#] {
            assert!(kept(body, &question), "{body}");
        }
        for body in [
            r#"{"id":"cus_2"}"#,
            r#"{"id":"cus_1","a":["x sk_test_hunter2 y"]}"#,
            r#"{"id":"cus_1","sk_test_hunter2":1}"#,
            r#"{"id":"cus_1","a":{"b":"\u0073\u006b_test_hunter\u0032"}}"#,
        ] {
            assert!(!kept(body, &question), "{body}");
        }
        let any = Question {
            id: None,
            ..question
        };
        assert!(kept(r#"{"id":"cus_2"}"#, &any));
    }
}
