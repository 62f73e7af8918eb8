//! Who may ask the admin service.
//!
//! On loopback whoever can reach it may, unless a token is set; beyond loopback a token
//! must be presented. Pages in a browser of the operator's are kept out: a page whose name
//! was re-bound to 127.0.0.1 (DNS rebinding) still sends its own name as the host, and a
//! form or script of another origin cannot send JSON, nor a token, without asking first.

use std::net::IpAddr;

use http::{StatusCode, header, uri::Authority};

use super::{Request, Response, text};
use tollgate_base::secret::{Secret, equal};

/// What a request must show.
pub(super) struct Access<'a> {
    /// Whether the listener's own address is a loopback one.
    pub(super) loopback: bool,
    /// The token, if one is set.
    pub(super) token: Option<&'a Secret>,
}

impl Access<'_> {
    /// Why the request may not be answered, as an answer; none if it may.
    pub(super) fn refuse(&self, request: &Request) -> Option<Response> {
        match self.token {
            Some(token) if presents(request, token) => None,
            Some(_) => self.refuse_host(request).or_else(|| Some(unauthorized())),
            None if self.loopback => self.refuse_host(request),
            None => Some(text(
                StatusCode::FORBIDDEN,
                "beyond loopback this listener answers only with an `admin_token` in [server]\n",
            )),
        }
    }

    /// The same, as far as the host that the request names decides: it must be one that no
    /// web page can have.
    pub(super) fn refuse_host(&self, request: &Request) -> Option<Response> {
        let (fits, why) = if self.loopback {
            (
                names_address(request, |address| address.is_loopback()),
                "this listener answers to localhost and loopback addresses only\n",
            )
        } else {
            (
                names_address(request, |_| true),
                "this listener answers to localhost and addresses only\n",
            )
        };
        (!fits).then(|| text(StatusCode::FORBIDDEN, why))
    }
}

fn unauthorized() -> Response {
    let mut response = text(
        StatusCode::UNAUTHORIZED,
        "an `Authorization: Bearer` header with the admin token is needed\n",
    );
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        http::HeaderValue::from_static("Bearer"),
    );
    response
}

/// Whether the request carries the token, compared in constant time.
fn presents(request: &Request, token: &Secret) -> bool {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.as_bytes();
    let Some((scheme, presented)) = value.split_at_checked(b"Bearer ".len()) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"Bearer ") && equal(presented, token.expose())
}

/// Whether the one host that the request names is `localhost` or such an address.
fn names_address(request: &Request, is: impl Fn(IpAddr) -> bool) -> bool {
    let mut named = request.headers().get_all(header::HOST).iter();
    let header = named.next();
    if named.next().is_some() {
        return false;
    }
    let fits = |authority: &Authority| {
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(&is)
    };
    let header = header.map(|value| value.to_str().ok().and_then(|value| value.parse().ok()));
    match (header, request.uri().authority()) {
        (Some(None), _) | (None, None) => false,
        (Some(Some(header)), None) => fits(&header),
        (None, Some(target)) => fits(target),
        (Some(Some(header)), Some(target)) => fits(&header) && fits(target),
    }
}
