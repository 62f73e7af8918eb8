//! Who may ask the admin service.
//!
//! On loopback everybody who can reach the service may ask, unless a token is set. Beyond loopback
//! a request must present a token. A token has a role, and the role `read` changes nothing. Web
//! pages in the operator's browser are kept out. A page whose name was re-bound to 127.0.0.1 (DNS
//! rebinding) still sends its own name as the host. A form or a script of another origin cannot
//! send JSON or a token before the browser asks for permission, and its browser says that the
//! request comes from another site.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header, uri::Authority};

use super::denied::Denied;
use super::operator::Operator;
use crate::settings::{AdminToken, Role};
use tollgate_base::secret::equal;

/// The header by which a browser says where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// The conditions that a request must meet.
pub(super) struct Access<'a> {
    /// Whether the listener's own address is a loopback address.
    pub(super) loopback: bool,
    /// The tokens, if any are set.
    pub(super) tokens: &'a [AdminToken],
}

impl Access<'_> {
    /// The operator who sent a request.
    ///
    /// # Errors
    /// The request may not be answered.
    pub(super) fn operator(&self, head: &Parts) -> Result<Operator, Denied> {
        let operator = self.known(head)?;
        let changes = !matches!(head.method, Method::GET | Method::HEAD);
        if changes && operator.role == Role::Read {
            return Err(Denied::new(
                StatusCode::FORBIDDEN,
                "a token of the role `read` changes nothing",
            ));
        }
        if changes && is_of_another_site(&head.headers) {
            return Err(Denied::new(
                StatusCode::FORBIDDEN,
                "the request comes from a page of another site",
            ));
        }
        Ok(operator)
    }

    /// Checks a request for a page of the dashboard, which asks for a token itself.
    ///
    /// # Errors
    /// The request may not be answered.
    pub(super) fn page(&self, head: &Parts) -> Result<(), Denied> {
        match self.tokens {
            [] => self.known(head).map(drop),
            _ => Ok(()),
        }
    }

    fn known(&self, head: &Parts) -> Result<Operator, Denied> {
        if let Some(token) = presented(&head.headers, self.tokens) {
            return Ok(Operator {
                name: Some(token.name.clone()),
                role: token.role,
            });
        }
        if self.tokens.is_empty() && !self.loopback {
            return Err(Denied::new(
                StatusCode::FORBIDDEN,
                "beyond loopback this listener answers only with an `admin_token` in [server]",
            ));
        }
        self.check_host(head)?;
        match self.tokens {
            [] => Ok(Operator::LOCAL),
            _ => Err(Denied::unknown()),
        }
    }

    /// Checks the host that a request names: it must be a name that no web page can have.
    ///
    /// # Errors
    /// The host is another one.
    pub(super) fn check_host(&self, head: &Parts) -> Result<(), Denied> {
        let (fits, why) = if self.loopback {
            (
                names_address(head, |address| address.is_loopback()),
                "this listener answers to localhost and loopback addresses only",
            )
        } else {
            (
                names_address(head, |_| true),
                "this listener answers to localhost and addresses only",
            )
        };
        match fits {
            true => Ok(()),
            false => Err(Denied::new(StatusCode::FORBIDDEN, why)),
        }
    }
}

/// The token that the request carries. Compares it with all of them, in constant time.
fn presented<'t>(headers: &HeaderMap, tokens: &'t [AdminToken]) -> Option<&'t AdminToken> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, presented) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return None;
    }
    tokens.iter().fold(None, |found, token| {
        match equal(presented, token.token.expose()) {
            true => Some(token),
            false => found,
        }
    })
}

/// Whether the browser says that a page of another site sent the request. What is no browser says
/// nothing.
pub(crate) fn is_of_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE);
    site.is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// Whether the request names exactly one host, and the host is `localhost` or an address for which
/// `is` holds.
fn names_address(head: &Parts, is: impl Fn(IpAddr) -> bool) -> bool {
    let mut named = head.headers.get_all(header::HOST).iter();
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
    match (header, head.uri.authority()) {
        (Some(None), _) | (None, None) => false,
        (Some(Some(header)), None) => fits(&header),
        (None, Some(target)) => fits(target),
        (Some(Some(header)), Some(target)) => fits(&header) && fits(target),
    }
}
