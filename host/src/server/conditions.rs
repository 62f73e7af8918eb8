//! The conditions that a request must meet before its body is read.

use http::StatusCode;
use http::request::Parts;

use super::forwarded::Sender;
use super::ingress_backend::SenderRules;
use super::response::text;
use super::service::{Caller, Response};
use super::strict::{Breach, host};
use crate::settings::{AllowFrom, Source, Strict};

/// A condition that a request does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unmet {
    /// The host of the request is not clear.
    #[error(transparent)]
    Host(#[from] Breach),
    /// The request did not come by HTTPS.
    #[error("the request came by plain HTTP, or the proxy does not tell how")]
    PlainHttp,
    /// The source takes no requests of the address, or the address is not known.
    #[error("the address of the sender is not in `allow_from`, or no proxy names it clearly")]
    Address,
    /// The source wants a certificate of the peer, and the peer showed none.
    #[error("the peer showed no certificate, and `client_certificate` wants one")]
    NoCertificate,
    /// The peer showed a certificate that no longer counts.
    #[error(
        "the certificate of the peer has expired, or is no longer of an authority in `client_ca`"
    )]
    StaleCertificate,
    /// The certificate of the peer is not one that the source takes.
    #[error("the certificate of the peer has none of the names in `client_certificate`")]
    Certificate,
}

impl Unmet {
    /// The first condition that the request does not meet.
    pub(super) fn by(
        head: &Parts,
        sender: &Sender,
        source: Option<&Source>,
        rules: &SenderRules,
        strict: Strict,
    ) -> Option<Self> {
        if let Some(breach) = host::breach(head, strict) {
            return Some(breach.into());
        }
        if rules.require_https && !sender.https {
            return Some(Self::PlainHttp);
        }
        let allowed = source.and_then(|source| source.allow_from.as_ref());
        // An unclear sender must not pass for the proxy, whose address may be in the list.
        let is_in = |allowed: &AllowFrom| {
            let address = sender.known_address();
            address.is_some_and(|address| allowed.allows(address))
        };
        let is_stranger = allowed.is_some_and(|allowed| !is_in(allowed));
        is_stranger.then_some(Self::Address)
    }

    /// The certificate that the source wants and the peer does not show.
    pub(super) fn by_certificate(caller: &Caller, source: &Source) -> Option<Self> {
        let wanted = source.client_certificate.as_ref()?;
        let secured = caller.secured.as_ref();
        let shown = secured.and_then(|secured| secured.certificate.as_deref());
        match shown {
            None => Some(Self::NoCertificate),
            Some(shown) if !shown.counts() => Some(Self::StaleCertificate),
            Some(shown) => (!wanted.admits(shown.names())).then_some(Self::Certificate),
        }
    }

    /// The reason as a short word that never changes.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Host(breach) => breach.code(),
            Self::PlainHttp => "plain_http",
            Self::Address => "address",
            Self::NoCertificate | Self::StaleCertificate | Self::Certificate => {
                "client_certificate"
            }
        }
    }

    /// The answer to the sender.
    pub(super) fn response(self) -> Response {
        match self {
            Self::Host(_) => text(StatusCode::BAD_REQUEST, "the host is not clear\n"),
            Self::PlainHttp => text(StatusCode::FORBIDDEN, "HTTPS is required\n"),
            Self::Address => text(StatusCode::FORBIDDEN, "this address may not post here\n"),
            Self::NoCertificate | Self::StaleCertificate | Self::Certificate => {
                text(StatusCode::FORBIDDEN, "a client certificate is needed\n")
            }
        }
    }
}
