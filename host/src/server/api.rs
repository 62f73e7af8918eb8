//! The requests and answers of the admin API: reads requests from HTTP, writes answers to HTTP.

use std::time::Duration;

use http::{Method, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::body::{self, BodyError};
use super::budget::Share;
use super::response::json as json_response;
use super::service::{Request, Response};
use tollgate_base::secret::Secret;

/// The most bytes of a request's body: a filter, a list of ids, values of state.
const BODY: usize = 2 << 20;

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Answers the requests of the admin API.
pub trait Api: Send + Sync + 'static {
    /// The token that every request must present; `None` if no token is set.
    fn token(&self) -> Option<Secret>;
    /// Answers one request. May block.
    fn call(&self, request: &ApiRequest) -> ApiAnswer;
}

/// A request to the admin API.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiRequest {
    /// The decoded segments of the path after `/api/`.
    pub path: Vec<String>,
    /// The decoded names and values of the query, in order.
    pub query: Vec<(String, String)>,
    /// The JSON of a POST; `None` for a GET.
    pub post: Option<Value>,
}

/// An answer of the admin API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON of the body.
    pub body: Value,
}

impl ApiAnswer {
    /// An answer with status 200.
    pub fn ok(body: Value) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// An answer that says why the request failed: `{"error": message}`.
    pub fn error(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            body: json!({ "error": message.into() }),
        }
    }
}

/// Reads a request whose path begins with `/api/`; the error is its answer.
pub(super) async fn read(request: Request, share: &mut Share) -> Result<ApiRequest, ApiAnswer> {
    let (head, mut incoming) = request.into_parts();
    let read = read_parts(&head, &mut incoming, share).await;
    // Who is still sending cannot read an answer.
    body::linger(incoming, None);
    read
}

async fn read_parts(
    head: &http::request::Parts,
    incoming: &mut Incoming,
    share: &mut Share,
) -> Result<ApiRequest, ApiAnswer> {
    let path = head.uri.path().strip_prefix("/api/").unwrap_or_default();
    let path = path.split('/').map(|part| decode(part, false)).collect();
    let query = head.uri.query().unwrap_or_default();
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect();
    let post = match head.method {
        Method::GET => None,
        Method::POST => {
            if !is_json(&head.headers) {
                return Err(ApiAnswer::error(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "a POST needs `Content-Type: application/json`",
                ));
            }
            let whole = body::read(incoming, BODY, BODY_TIME, share).await;
            let whole = whole.map_err(|error| refuse(&error))?;
            Some(parse(&whole)?)
        }
        _ => {
            return Err(ApiAnswer::error(
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET and POST are known here",
            ));
        }
    };
    Ok(ApiRequest { path, query, post })
}

/// Whether the content type is JSON. A web page of another origin cannot send this content type
/// before its browser asks for permission.
fn is_json(headers: &http::HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// The JSON of a body. An empty body is an empty object.
fn parse(body: &[u8]) -> Result<Value, ApiAnswer> {
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|error| {
        ApiAnswer::error(
            StatusCode::BAD_REQUEST,
            format!("the body is no JSON: {error}"),
        )
    })
}

fn refuse(error: &BodyError) -> ApiAnswer {
    let status = match error {
        BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        BodyError::NoMemory(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    ApiAnswer::error(status, error.to_string())
}

impl From<ApiAnswer> for Response {
    fn from(answer: ApiAnswer) -> Self {
        json_response(answer.status, &answer.body)
    }
}

/// Decodes `%XX` and, in a query, `+`. Bytes that are no UTF-8 become U+FFFD and match nothing.
fn decode(text: &str, query: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at..at + 3).filter(|escape| escape[0] == b'%');
        let byte = escape.and_then(|escape| hex::decode(&escape[1..]).ok());
        match byte {
            Some(byte) => {
                decoded.extend(byte);
                at += 3;
            }
            None => {
                let plain = if query && bytes[at] == b'+' {
                    b' '
                } else {
                    bytes[at]
                };
                decoded.push(plain);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_are_decoded() {
        assert_eq!(decode("a%2Fb+c", false), "a/b+c");
        assert_eq!(decode("a%2fb+c", true), "a/b c");
        assert_eq!(decode("100%", true), "100%");
        assert_eq!(decode("%zz%4", true), "%zz%4");
        assert_eq!(decode("%ff", true), "\u{fffd}");
    }
}
