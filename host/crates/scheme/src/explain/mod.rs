//! Says why a request would be refused, in words that help its operator.
//!
//! A signature that does not hold tells nothing by itself. So the likely mistakes are tried
//! out: a secret that should have been decoded or should not, a body that something on the
//! way has written anew, a URL as it looks behind a proxy. The one under which the signature
//! would hold is the answer.

use bytes::Bytes;
use http::HeaderMap;

use super::declarative::Template;
use super::providers::{self, Provider, paypal};
use super::rejection::Rejection;
use super::request::Request;
use super::settings::Settings;
use super::verifier::Verifier;
use tollgate_base::secret::{Secret, equal};
use tollgate_base::time::WallTime;

mod reformat;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Makes a verifier of settings; `None` if they are of no use.
type Make<'m> = &'m dyn Fn(Settings) -> Option<Verifier>;

/// What to tell the operator about a refused request beside the rejection itself; empty where
/// nothing is known. For the operator alone: a sender must not learn from it.
///
/// `make` builds the scheme in question, so that it can be tried with other settings.
pub fn explain(
    make: Make<'_>,
    settings: &Settings,
    request: &Request<'_>,
    now: WallTime,
    rejection: &Rejection,
) -> Vec<String> {
    match rejection {
        Rejection::MissingHeader { .. } | Rejection::NoKnownSignature { .. } => {
            foreign(request.headers)
        }
        Rejection::TimestampTooOld { age, .. } => vec![format!(
            "the signature itself holds; a request that was captured earlier can be checked as \
             of then with `--now {}`; if it has just arrived, this machine's clock is fast, or \
             it waited on the way",
            (now - *age).as_secs()
        )],
        Rejection::TimestampInFuture { .. } => {
            vec!["the signature itself holds; this machine's clock is probably slow".to_owned()]
        }
        Rejection::ExpiredSecret { .. } => vec![
            "the signature itself holds: if the provider still signs with this secret, set its \
             `expires` to a later time until the provider has gone over to the new one"
                .to_owned(),
        ],
        Rejection::SignatureMismatch { .. }
        | Rejection::MalformedSignature { .. }
        | Rejection::Item { .. } => mismatch(make, settings, request, now),
        _ => Vec::new(),
    }
}

/// Other schemes whose signature header the request carries.
fn foreign(headers: &HeaderMap) -> Vec<String> {
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

/// Tries the likely mistakes, one at a time.
fn mismatch(
    make: Make<'_>,
    settings: &Settings,
    request: &Request<'_>,
    now: WallTime,
) -> Vec<String> {
    let holds = |settings: Settings, request: &Request<'_>| {
        make(settings).is_some_and(|verifier| signature_holds(&verifier, request, now))
    };
    let mut hints = Vec::new();
    for (at, given) in settings.secrets.iter().enumerate() {
        for (other, why) in other_secrets(&given.secret) {
            let secrets = vec![other.into()];
            if holds(
                Settings {
                    secrets,
                    ..settings.clone()
                },
                request,
            ) {
                hints.push(format!("it would hold if secret {} were {why}", at + 1));
            }
        }
    }
    for (body, why) in other_bodies(request.body) {
        if holds(
            settings.clone(),
            &Request {
                body: &body,
                ..*request
            },
        ) {
            hints.push(format!("it would hold {why}"));
        }
    }
    for url in settings.url.iter().flat_map(|url| other_urls(url)) {
        let hint = format!("it would hold if `url` were `{url}`");
        if holds(
            Settings {
                url: Some(url),
                ..settings.clone()
            },
            request,
        ) {
            hints.push(hint);
        }
    }
    let url = request
        .headers
        .get(paypal::CERTIFICATE)
        .and_then(|url| url.to_str().ok());
    if let Some(url) = url.filter(|url| paypal::is_paypals(url)) {
        hints.push(format!(
            "it was made with the certificate at {url}: is that among the secrets?"
        ));
    }
    if hints.is_empty() {
        hints.push(
            "either the secret is another endpoint's (test and live mode have secrets of their \
             own), or the body is not what the provider sent"
                .to_owned(),
        );
    }
    hints
}

/// Whether the signature holds, whatever else is wrong with the request.
fn signature_holds(verifier: &Verifier, request: &Request<'_>, now: WallTime) -> bool {
    matches!(
        verifier.verify(request, now),
        Ok(_)
            | Err(Rejection::TimestampTooOld { .. }
                | Rejection::TimestampInFuture { .. }
                | Rejection::MissingField { .. })
    )
}

/// The secret as it might have been meant, each with what was done to it.
fn other_secrets(secret: &Secret) -> Vec<(Secret, &'static str)> {
    let text = secret.expose();
    let trimmed = text.trim_ascii();
    let bare = ["whsec_", "whpk_", "sha256="]
        .iter()
        .find_map(|prefix| trimmed.strip_prefix(prefix.as_bytes()))
        .unwrap_or(trimmed);
    let mut others = Vec::new();
    let mut add = |bytes: Vec<u8>, why| {
        let other = Secret::new(bytes);
        if !other.is_empty() && !equal(other.expose(), text) {
            others.push((other, why));
        }
    };
    add(trimmed.to_vec(), "without the white space around it");
    add(bare.to_vec(), "without its prefix");
    if let Ok(decoded) = STANDARD.decode(bare) {
        add(
            decoded,
            "decoded from base64, which this scheme does not do",
        );
    }
    if let Ok(decoded) = hex::decode(bare) {
        add(
            decoded,
            "decoded from hexadecimal, which this scheme does not do",
        );
    }
    // For schemes that decode: the text taken as it is.
    let as_it_is = "taken as it is, while this scheme decodes it";
    add(STANDARD.encode(text).into_bytes(), as_it_is);
    add(
        STANDARD.encode(bare).into_bytes(),
        "taken as it is without its prefix, while this scheme decodes it",
    );
    add(hex::encode(text).into_bytes(), as_it_is);
    others
}

/// The body as it might have been sent, each with what was done to it.
fn other_bodies(body: &Bytes) -> Vec<(Bytes, &'static str)> {
    let mut others: Vec<(Bytes, &'static str)> = Vec::new();
    let mut add = |bytes: Vec<u8>, why| {
        if bytes != body[..] {
            others.push((bytes.into(), why));
        }
    };
    let rewritten = "over the same JSON with other white space: something on the way parsed the \
                     body and wrote it anew; hand on its raw bytes";
    for style in reformat::STYLES {
        add(reformat::reformat(body, style), rewritten);
    }
    let trimmed = body.trim_ascii_end();
    add(
        trimmed.to_vec(),
        "without the white space at the body's end",
    );
    add(
        [trimmed, b"\n"].concat(),
        "with a line's end after the body",
    );
    let unix: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\r').collect();
    add(unix, "with plain line ends: something made LF into CR LF");
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        add(rest.to_vec(), "without the byte order mark before the body");
    }
    others
}

/// The URL as it may look elsewhere.
fn other_urls(url: &str) -> Vec<String> {
    let mut others = Vec::new();
    if let Some(rest) = url.strip_prefix("https://") {
        others.push(format!("http://{rest}"));
    } else if let Some(rest) = url.strip_prefix("http://") {
        others.push(format!("https://{rest}"));
    }
    match url.strip_suffix('/') {
        Some(rest) => others.push(rest.to_owned()),
        None => others.push(format!("{url}/")),
    }
    others
}
