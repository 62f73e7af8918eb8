//! The span of a request that the gateway sends for a handler.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use opentelemetry::Value;

use super::{Kind, Span, TRACESTATE, TraceContext};

/// The span of one try of a request.
#[derive(Debug, Default)]
pub(crate) struct OutboundSpan(Span);

impl OutboundSpan {
    /// Begins the span of a request. If the request brings a context, the span goes there, and else
    /// below `parent`.
    pub(crate) fn begin(
        method: &Method,
        url: &Uri,
        own: Option<TraceContext>,
        parent: Option<&TraceContext>,
    ) -> Self {
        let mut span = Span::begin(method.to_string(), Kind::Client, own.as_ref().or(parent));
        if span.is_seen() {
            span.set("http.request.method", || method.to_string());
            span.set("url.full", || without_secrets(url));
            let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
            span.set("server.address", || host.to_owned());
            let port = url.port_u16().unwrap_or(match url.scheme_str() {
                Some("https") => 443,
                _ => 80,
            });
            span.set("server.port", || i64::from(port));
        }
        Self(span)
    }

    /// Passes the span on in the headers of the request. Leaves them as they are if no spans are
    /// made.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Some(context) = self.0.context() else {
            return;
        };
        headers.remove(TRACESTATE);
        for (name, value) in context.to_pairs() {
            // Its characters were checked when it came.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }

    /// The place below the span.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.0.context()
    }

    /// Sets an attribute.
    pub(crate) fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        self.0.set(name, value);
    }

    /// Notes the status of the answer, or that there is none.
    pub(crate) fn ends(&mut self, status: Option<StatusCode>) {
        let Some(status) = status else {
            self.0.set("error.type", || "no_answer");
            self.0.fail("");
            return;
        };
        self.0
            .set("http.response.status_code", || i64::from(status.as_u16()));
        if status.is_client_error() || status.is_server_error() {
            self.0.set("error.type", || status.as_u16().to_string());
            self.0.fail("");
        }
    }
}

/// The URL without what may be a secret: its query, and a name with a password.
fn without_secrets(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("http");
    let authority = url.authority().map(|authority| authority.as_str());
    let host = authority
        .unwrap_or_default()
        .rsplit('@')
        .next()
        .unwrap_or_default();
    let query = url.query().map_or("", |_| "?REDACTED");
    format!("{scheme}://{host}{}{query}", url.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_secrets() {
        for (url, shown) in [
            (
                "https://a.example/x/y?key=1",
                "https://a.example/x/y?REDACTED",
            ),
            ("https://me:word@a.example:8443/", "https://a.example:8443/"),
            ("http://[::1]:80/x", "http://[::1]:80/x"),
        ] {
            assert_eq!(without_secrets(&url.parse().unwrap()), shown);
        }
    }
}
