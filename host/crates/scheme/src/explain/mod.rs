//! Tells an operator the likely reason of a rejection.
//!
//! An invalid signature says nothing about its cause. So the likely mistakes are tried, one at a
//! time: a secret that must be decoded or must not, a body that a proxy has rewritten, the URL on
//! the other side of a proxy. If the signature is valid with one of them, that mistake is the
//! reason.

mod guesses;
mod proxies;
mod reformat;
mod rewritten;

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
        | Rejection::MalformedBody { .. }
        | Rejection::ConflictingTimestamps { .. }
        | Rejection::RepeatedHeader { .. }
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

/// The parts of a header's value before and after each comma.
fn parts_of(value: &str) -> Vec<String> {
    /// More commas than any header with signatures has.
    const COMMAS: usize = 32;
    let commas = value.match_indices(',').take(COMMAS);
    commas
        .flat_map(|(at, _)| [&value[..at], &value[at + 1..]])
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect()
}

/// The most bodies that are tried. Each costs a verification.
const MOST_BODIES: usize = 10_000;

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
        hints.extend(self.about_joined_headers());
        hints.extend(self.about_simulator());
        hints.extend(self.about_certificate());
        hints.extend(self.about_compression());
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
        let mut hints: Vec<String> = valid
            .map(|(_, change)| format!("the signature would be valid {change}"))
            .collect();
        hints.dedup();
        hints.extend(hints.is_empty().then(|| self.about_json()).flatten());
        let length = proxies::about_length(self.request.headers, self.request.body.len());
        hints.extend(length);
        hints
    }

    /// A hint if the body is JSON that a program has written anew.
    fn about_json(&self) -> Option<String> {
        let others = guesses::bodies_written_anew(self.request.body);
        let mut others = others.take(MOST_BODIES);
        let found = others.find(|body| {
            let request = Request {
                body,
                ..*self.request
            };
            self.is_valid(self.settings.clone(), &request)
        });
        found.map(|_| {
            "the signature would be valid over the same JSON with other escapes, other white space and \
             other zeros in its numbers: a program parsed the body and wrote it again; pass the raw \
             bytes on"
                .to_owned()
        })
    }

    /// A hint if one part of a header that was joined from several lines is valid, or one of
    /// several lines.
    fn about_joined_headers(&self) -> Option<String> {
        let names = self.request.headers.keys();
        let mut candidates = names.flat_map(|name| {
            let lines: Vec<&str> = (self.request.headers.get_all(name).iter())
                .filter_map(|value| value.to_str().ok())
                .collect();
            let joined = lines.join(",");
            parts_of(&joined)
                .into_iter()
                .map(move |part| (name.clone(), part))
        });
        let (name, _) = candidates.find(|(name, part)| {
            let mut headers = self.request.headers.clone();
            let Ok(value) = http::HeaderValue::try_from(part.as_str()) else {
                return false;
            };
            headers.insert(name, value);
            let request = Request {
                headers: &headers,
                ..*self.request
            };
            self.is_valid(self.settings.clone(), &request)
        })?;
        Some(format!(
            "the signature would be valid with a part of `{name}` alone: the header came in several \
             lines, or a proxy has joined two lines, of which one is not the provider's"
        ))
    }

    fn about_simulator(&self) -> Option<String> {
        const SIMULATOR: &str = "WEBHOOK_ID";
        let mut settings = self.settings.clone();
        let id = settings.params.get_mut("webhook_id")?;
        SIMULATOR.clone_into(id);
        self.is_valid(settings, self.request).then(|| {
            format!(
                "the signature would be valid with `webhook_id = \"{SIMULATOR}\"`: PayPal's simulator \
                 signs for that id, so the request is a test of the simulator"
            )
        })
    }

    fn about_compression(&self) -> Option<String> {
        let encoded = (self.request.headers)
            .get(http::header::CONTENT_ENCODING)
            .is_some_and(|value| value != "identity");
        // How gzip and zstd begin.
        let magic: [&[u8]; 2] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd"];
        let compressed = magic
            .iter()
            .any(|magic| self.request.body.starts_with(magic));
        (encoded || compressed).then(|| {
            "the body is compressed, or its headers say so: a signature covers the bytes that the \
             provider sent; let no proxy compress or decompress them"
                .to_owned()
        })
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
        let mut others = proxies::other_queries(self.request.url);
        if let Some((path, query)) = self.request.url.split_once('?') {
            let queries = rewritten::other_queries(query).into_iter();
            others.extend(queries.map(|query| format!("{path}?{query}")));
        }
        others.sort();
        others.dedup();
        let valid = others.into_iter().filter(|url| {
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
