//! Who may ask the admin service.
//!
//! On loopback everybody who can reach the service may ask, unless a token is set. Beyond loopback
//! a request must present a token. Web pages in the operator's browser are kept out. A page whose
//! name was re-bound to 127.0.0.1 (DNS rebinding) still sends its own name as the host. A form or a
//! script of another origin cannot send JSON or a token before the browser asks for permission.

use std::net::IpAddr;

use http::{StatusCode, header, uri::Authority};

use super::response::text;
use super::service::{Request, Response};
use tollgate_base::secret::{Secret, equal};

/// The conditions that a request must meet.
pub(super) struct Access<'a> {
    /// Whether the listener's own address is a loopback address.
    pub(super) loopback: bool,
    /// The token, if one is set.
    pub(super) token: Option<&'a Secret>,
}

impl Access<'_> {
    /// The refusal of a request; `None` if the request may be answered.
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

    /// The refusal of a request by its host alone: the host must be a name that no web page can
    /// have.
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

/// Whether the request names exactly one host, and the host is `localhost` or an address for which
/// `is` holds.
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
