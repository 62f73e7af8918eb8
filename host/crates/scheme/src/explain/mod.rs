//! Tells an operator the likely reason of a rejection.
//!
//! An invalid signature says nothing about its cause. So the likely mistakes are tried, one at a
//! time: a secret that must be decoded or must not, a body that a proxy has rewritten, the URL on
//! the other side of a proxy. If the signature is valid with one of them, that mistake is the
//! reason.

mod guesses;
mod proxies;
mod reformat;

use http::HeaderMap;

use super::declarative::Template;
use super::providers::{self, Provider, paypal};
use super::rejection::Rejection;
use super::request::Request;
use super::settings::Settings;
use super::verifier::Verifier;
use tollgate_base::time::WallTime;

/// Builds the verifier of a scheme. `None` if the settings have a mistake.
type Build<'b> = &'b dyn Fn(Settings) -> Option<Verifier>;

/// Hints about a refused request, beside the rejection itself. Empty if nothing is known. The hints
/// are for the operator alone: a sender must not see them.
///
/// `build` builds the scheme of the source, so that it can be tried with other settings.
pub fn explain(
    build: Build<'_>,
    settings: &Settings,
    request: &Request<'_>,
    now: WallTime,
    rejection: &Rejection,
) -> Vec<String> {
    let mut hints = proxies::about_headers(rejection, request.headers);
    hints.extend(match rejection {
        Rejection::MissingHeader { .. } | Rejection::NoKnownSignature { .. } => {
            other_schemes(request.headers)
        }
        Rejection::TimestampTooOld { age, .. } => vec![format!(
            "the signature is valid; to check a request that was captured earlier, use `--now {}`; \
             if the request has just arrived, this machine's clock is fast, or the request waited \
             on the way",
            (now - *age).as_secs()
        )],
        Rejection::TimestampInFuture { .. } => {
            vec!["the signature is valid; this machine's clock is probably slow".to_owned()]
        }
        Rejection::ExpiredSecret { .. } => vec![
            "the signature is valid: if the provider still signs with this secret, set its \
             `expires` to a later time until the provider signs with the new secret"
                .to_owned(),
        ],
        Rejection::SignatureMismatch { .. }
        | Rejection::MalformedSignature { .. }
        | Rejection::Item { .. } => {
            let guess = Guess {
                build,
                settings,
                request,
                now,
            };
            guess.hints()
        }
        _ => Vec::new(),
    });
    hints
}

/// A hint for each scheme whose signature header the request has.
fn other_schemes(headers: &HeaderMap) -> Vec<String> {
    let known = providers::all().flat_map(|(name, provider)| {
        let headers = signature_headers(provider).into_iter();
        headers.map(move |header| (name, header))
    });
    known
        .filter(|(_, header)| headers.contains_key(header))
        .map(|(name, header)| {
            format!("the request has `{header}`, the signature header of the scheme `{name}`")
        })
        .collect()
}

/// The headers in which a provider may send its signature.
fn signature_headers(provider: &Provider) -> Vec<String> {
    if let Some(code) = &provider.code {
        return code.signature_header.iter().cloned().collect();
    }
    let templates = provider.scheme.iter();
    templates.flat_map(Template::signature_headers).collect()
}

/// A request whose signature is invalid, with the settings under which it was checked.
struct Guess<'g> {
    build: Build<'g>,
    settings: &'g Settings,
    request: &'g Request<'g>,
    now: WallTime,
}

impl Guess<'_> {
    /// A hint for each likely mistake with which the signature is valid.
    fn hints(&self) -> Vec<String> {
        let mut hints = self.about_secrets();
        hints.extend(self.about_body());
        hints.extend(self.about_url());
        hints.extend(self.about_query());
        hints.extend(self.about_certificate());
        if hints.is_empty() {
            hints.push(
                "either the secret is another endpoint's (test and live mode have different \
                 secrets), or the body is not the body that the provider sent"
                    .to_owned(),
            );
        }
        hints
    }

    fn about_secrets(&self) -> Vec<String> {
        let mut hints = Vec::new();
        for (number, given) in (1..).zip(&self.settings.secrets) {
            for (other, change) in guesses::other_secrets(&given.secret) {
                let settings = Settings {
                    secrets: vec![other.into()],
                    ..self.settings.clone()
                };
                if self.is_valid(settings, self.request) {
                    let number: usize = number;
                    hints.push(format!(
                        "the signature would be valid if secret {number} were {change}"
                    ));
                }
            }
        }
        hints
    }

    fn about_body(&self) -> Vec<String> {
        let others = guesses::other_bodies(self.request.body).into_iter();
        let valid = others.filter(|(body, _)| {
            let request = Request {
                body,
                ..*self.request
            };
            self.is_valid(self.settings.clone(), &request)
        });
        let hints = valid.map(|(_, change)| format!("the signature would be valid {change}"));
        let length = proxies::about_length(self.request.headers, self.request.body.len());
        hints.chain(length).collect()
    }

    fn about_url(&self) -> Vec<String> {
        let urls = self.settings.url.iter();
        let others = urls.flat_map(|url| {
            let Request {
                headers,
                url: target,
                ..
            } = self.request;
            let mut others = guesses::other_urls(url);
            others.extend(proxies::other_hosts(url, headers, target));
            others
        });
        let valid = others.filter(|url| {
            let settings = Settings {
                url: Some(url.clone()),
                ..self.settings.clone()
            };
            self.is_valid(settings, self.request)
        });
        let hints = valid.map(|url| format!("the signature would be valid if `url` were `{url}`"));
        hints.collect()
    }

    fn about_query(&self) -> Vec<String> {
        let others = proxies::other_queries(self.request.url).into_iter();
        let valid = others.filter(|url| {
            let request = Request {
                url,
                ..*self.request
            };
            self.is_valid(self.settings.clone(), &request)
        });
        let hints = valid.map(|url| {
            format!(
                "the signature would be valid if the target were `{url}`: a proxy rewrote the escapes \
                 of the query, as lighttpd does unless `url-normalize` is off"
            )
        });
        hints.collect()
    }

    fn about_certificate(&self) -> Option<String> {
        let url = self.request.headers.get(paypal::CERTIFICATE)?;
        let url = url.to_str().ok().filter(|url| paypal::is_paypals(url))?;
        Some(format!(
            "the signature was made with the certificate at {url}: is that certificate among the \
             secrets?"
        ))
    }

    /// Whether the signature is valid with these settings, even if the request is refused for
    /// another reason.
    fn is_valid(&self, settings: Settings, request: &Request<'_>) -> bool {
        let Some(verifier) = (self.build)(settings) else {
            return false;
        };
        matches!(
            verifier.verify(request, self.now),
            Ok(_)
                | Err(Rejection::TimestampTooOld { .. }
                    | Rejection::TimestampInFuture { .. }
                    | Rejection::MissingField { .. })
        )
    }
}
