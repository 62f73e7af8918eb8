//! The service that sends plain HTTP to HTTPS, and answers the challenges of an authority.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header, uri::Authority};
use http_body_util::Full;

use super::body;
use super::forwarded::Sender;
use super::kept::Refused;
use super::refusal::Refusal;
use super::rejections::Rejections;
use super::response::text;
use super::service::{Caller, Request, Response, Service};
use super::strict::host;
use crate::settings::Strict;
use crate::tls::Challenges;
use tollgate_base::time::Clock;

/// Where HTTP-01 asks (RFC 8555, section 8.3).
const CHALLENGE: &str = "/.well-known/acme-challenge/";
const HTTPS: u16 = 443;

/// Sends plain HTTP to HTTPS.
pub struct Redirect {
    port: u16,
    challenges: Arc<Challenges>,
    rejections: Arc<Rejections>,
    clock: Arc<dyn Clock>,
}

impl Redirect {
    /// A service that sends peers to this port.
    pub(crate) fn new(
        port: u16,
        challenges: Arc<Challenges>,
        rejections: Arc<Rejections>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            port,
            challenges,
            rejections,
            clock,
        }
    }

    fn answer(&self, head: &Parts) -> Response {
        let token = head.uri.path().strip_prefix(CHALLENGE);
        if let Some(answer) = token.and_then(|token| self.challenges.key_authorization(token)) {
            return Response::new(Full::new(Bytes::from(answer)));
        }
        match location(head, self.port) {
            Some(location) => {
                let mut response = text(StatusCode::PERMANENT_REDIRECT, "");
                response.headers_mut().insert(header::LOCATION, location);
                response
            }
            None => text(StatusCode::BAD_REQUEST, "the host is not clear\n"),
        }
    }
}

/// The same URL by HTTPS. `None` if the request does not name one host, whatever the settings say:
/// the location must be where the request was meant to go.
fn location(head: &Parts, port: u16) -> Option<HeaderValue> {
    if host::breach(head, Strict::ON).is_some() {
        return None;
    }
    let named = match head.headers.get(header::HOST) {
        Some(host) => Some(host.to_str().ok()?.parse().ok()?),
        None => None,
    };
    let named: Authority = named.or_else(|| head.uri.authority().cloned())?;
    let host = named.host();
    let target = head.uri.path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let target = if target.starts_with('/') { target } else { "/" };
    let location = match port {
        HTTPS => format!("https://{host}{target}"),
        other => format!("https://{host}:{other}{target}"),
    };
    HeaderValue::try_from(location).ok()
}

impl Service for Redirect {
    type Body = Full<Bytes>;

    async fn call(&self, caller: Caller, request: Request) -> Response {
        let (head, incoming) = request.into_parts();
        let answer = self.answer(&head);
        body::linger(incoming, Some(caller.share));
        answer
    }

    fn refused(&self, peer: SocketAddr, refusal: Refusal) {
        let sender = Sender::direct(peer);
        let now = self.clock.now();
        let kept = self
            .rejections
            .count(None, refusal.code(), &refusal, &sender, now);
        if let Some(more) = kept {
            let refused = Refused {
                source: None,
                code: refusal.code(),
                reason: refusal.to_string(),
                peer: sender.to_string(),
                head: None,
                body: None,
                at: now,
            };
            self.rejections.keep(refused, more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_is_the_same_url_by_https() {
        let location = |host: &str, target: &str, port| {
            let request = http::Request::get(target).header("host", host).body(());
            let location = location(&request.unwrap().into_parts().0, port)?;
            Some(location.to_str().unwrap().to_owned())
        };
        let is = |url: &str| Some(url.to_owned());
        assert_eq!(
            location("a.example", "/x?y=%20z", 443),
            is("https://a.example/x?y=%20z")
        );
        assert_eq!(
            location("a.example:80", "/", 8443),
            is("https://a.example:8443/")
        );
        assert_eq!(location("[::1]:80", "/", 443), is("https://[::1]/"));
        for odd in ["user@a.example", "a.example/b", "a b", ""] {
            assert_eq!(location(odd, "/", 443), None, "{odd}");
        }
    }
}
