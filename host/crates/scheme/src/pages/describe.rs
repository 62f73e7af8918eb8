//! Describes a template in words.

use crate::declarative::{Dedup, DedupBy, Layout, Selectors, SignedForms, Template};
use crate::encoding::SignatureEncoding;
use crate::key::{Algorithm, KeyEncoding};

/// The header, the algorithm, the signed bytes and the key.
pub(super) fn signature(template: &Template) -> String {
    let headers = places(template);
    if template.algorithm.sends_secret() {
        return format!("{headers}: {}", algorithm(template.algorithm));
    }
    let others: String = template
        .other_keys
        .iter()
        .map(|other| {
            let algorithm = algorithm(other.algorithm);
            format!(
                "; under `{}…` {algorithm}, the version `{}`",
                other.prefix, other.name
            )
        })
        .collect();
    let key = match template.algorithm.hash() {
        Some(_) => "with the secret in it".to_owned(),
        None => format!("under {}", key(template.key_encoding)),
    };
    format!(
        "{headers}{}: {} over {}, {}, {key}{others}{}",
        entry(template),
        algorithms(template),
        texts(&template.signed),
        encoding(template.signature.encoding),
        other_texts(template),
    )
}

/// The signatures over other texts.
fn other_texts(template: &Template) -> String {
    let others = template.other_signatures.iter();
    let others = others.filter_map(|other| {
        let place = other.signature.at.as_deref();
        let place = place.unwrap_or(&other.signature.header);
        Some((place, other.signed.as_ref()?))
    });
    others
        .map(|(place, signed)| format!("; `{place}`: the same over {}", texts(signed)))
        .collect()
}

/// The headers or fields with the signatures.
fn places(template: &Template) -> String {
    let others = template.other_signatures.iter();
    let others = others.filter(|other| other.signed.is_none());
    let forms = std::iter::once(&template.signature).chain(others.map(|other| &other.signature));
    let headers = template.signature_headers();
    let fields = forms.filter_map(|form| form.at.as_deref());
    let places = headers.iter().map(String::as_str).chain(fields);
    let places: Vec<_> = places.map(|place| format!("`{place}`")).collect();
    places.join(" or ")
}

/// The signed texts.
fn texts(signed: &SignedForms) -> String {
    // A line's end is shown as it is written in a template.
    let shown = |text: &String| format!("`{}`", text.replace('\n', "\\n"));
    let texts: Vec<_> = signed.0.iter().map(shown).collect();
    texts.join(" or ")
}

/// The algorithms that a request may have.
fn algorithms(template: &Template) -> String {
    let named = template.algorithms.iter();
    let named: Vec<_> = named
        .map(|(name, named)| format!("{} (`{name}`)", algorithm(*named)))
        .collect();
    match named.is_empty() {
        true => algorithm(template.algorithm).to_owned(),
        false => named.join(" or "),
    }
}

/// The part of the header that holds the signature.
fn entry(template: &Template) -> String {
    let form = &template.signature;
    let name = form.name.as_deref().unwrap_or_default();
    match (form.form, &form.prefix) {
        (Layout::Bare, Some(prefix)) => format!(" after `{prefix}`"),
        (Layout::Bare, None) => String::new(),
        (Layout::Pairs, _) => format!(", the pair `{name}`"),
        (Layout::Versions, _) => format!(", the version `{name}`"),
        (Layout::TimeFirst, _) => " after the time".to_owned(),
        (Layout::Triples, _) => format!(", the entry `…/{name}/…`"),
    }
}

fn algorithm(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacSha1 => "HMAC-SHA1",
        Algorithm::HmacSha256 => "HMAC-SHA256",
        Algorithm::HmacSha384 => "HMAC-SHA384",
        Algorithm::HmacSha512 => "HMAC-SHA512",
        Algorithm::Md5 => "MD5",
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha384 => "SHA-384",
        Algorithm::Sha512 => "SHA-512",
        Algorithm::RsaPkcs1Sha1 => "RSA (PKCS #1 v1.5, SHA-1)",
        Algorithm::Ed25519 => "Ed25519",
        Algorithm::RsaPkcs1Sha256 => "RSA (PKCS #1 v1.5, SHA-256)",
        Algorithm::StaticEqual => "the secret itself",
        Algorithm::StaticSha256 => "the SHA-256 of the secret",
    }
}

fn encoding(encoding: SignatureEncoding) -> &'static str {
    match encoding {
        SignatureEncoding::Hex => "hexadecimal",
        SignatureEncoding::HexUpper => "hexadecimal in upper case",
        SignatureEncoding::HexAnyCase => "hexadecimal in either case",
        SignatureEncoding::Base64 => "base64",
        SignatureEncoding::Base64url => "base64url",
        SignatureEncoding::PercentBase64 => "percent-encoded base64",
        SignatureEncoding::HexOrBase64 => "hexadecimal or base64",
        SignatureEncoding::Text => "as it is",
    }
}

fn key(encoding: KeyEncoding) -> &'static str {
    match encoding {
        KeyEncoding::Utf8 => "the secret as it is",
        KeyEncoding::Hex => "the secret decoded from hexadecimal",
        KeyEncoding::HexOrUtf8 => "the secret as it is or decoded from hexadecimal",
        KeyEncoding::Base64 => "the secret decoded from base64",
        KeyEncoding::Pem | KeyEncoding::Der => "the public key",
    }
}

/// The fields of a `dedup`, in words.
fn fields(template: &Template, named: &[String]) -> String {
    let words = named.iter().map(|field| match field.as_str() {
        "signed" => "the hash of the signed text".to_owned(),
        field => format!("`{field}`"),
    });
    let words = words.collect::<Vec<_>>().join(" and ");
    let unsigned = unsigned_fields(template);
    if unsigned.is_empty() {
        return words;
    }
    let resends = template.resends_for.as_deref().unwrap_or("35d");
    format!(
        "{words}; `{}` is not signed; without it, or without any signed value, the hash \
         of the whole body, for {resends}",
        unsigned.join("`, `")
    )
}

/// The fields of a `dedup` that are not signed.
pub(super) fn unsigned_fields(template: &Template) -> Vec<&str> {
    let Some(Dedup::Fields(fields)) = &template.dedup else {
        return Vec::new();
    };
    let is_signed = |field: &str| {
        let place = match field.starts_with('/') {
            true => format!("{{json:{field}"),
            false => format!("{{{field}"),
        };
        let is_whole = ["signed", "body", "timestamp"].contains(&field);
        is_whole || template.signed.contains(&place)
    };
    let fields = fields.iter().map(String::as_str);
    fields.filter(|field| !is_signed(field)).collect()
}

/// The values by which a duplicate is recognised.
pub(super) fn dedup(template: &Template) -> String {
    let body = match template.signed.contains("{body") {
        true => "the hash of the signed bytes, with the type",
        false => "the hash of the whole body, with the type",
    };
    let in_header = |id: &Selectors| id.iter().any(|selector| selector.contains("header:"));
    let is_signed = |id: &Selectors| {
        id.iter().all(|selector| {
            let header = selector.strip_prefix("header:");
            header.is_none_or(|name| template.signed.contains(&format!("{{header:{name}}}")))
        })
    };
    let resends = template.resends_for.as_deref().unwrap_or("35d");
    match (&template.dedup, &template.id) {
        (Some(Dedup::By(DedupBy::Body)), _) => format!("{body}, for {resends}"),
        (Some(Dedup::By(DedupBy::IdOrBody)), _) => {
            format!("the id; without an id, {body}, for {resends}")
        }
        (Some(Dedup::By(DedupBy::IdAndBody)), Some(id)) if !in_header(id) => {
            format!("the id, which is not signed, together with {body}")
        }
        (Some(Dedup::By(DedupBy::IdAndBody)), _) => format!(
            "the id, which is not signed, together with {body}; equal bytes under another id are \
             marked for {resends}"
        ),
        (Some(Dedup::Fields(named)), _) => fields(template, named),
        (Some(Dedup::Without(without)), _) => {
            let left_out = match without.body_without.join("`, `") {
                none if none.is_empty() => String::new(),
                some => format!("; `{some}` does not count"),
            };
            match &without.if_there {
                Some(field) => format!(
                    "{body}{left_out}; without {} only for {resends}",
                    field.describe()
                ),
                None => format!("{body}{left_out}, for {resends}"),
            }
        }
        (_, Some(id)) if is_signed(id) => "the id".to_owned(),
        (_, Some(id)) if in_header(id) => {
            format!(
                "{body}, for {resends}: the id is recorded, but is no key, since it is not signed"
            )
        }
        _ => format!("{body}, for {resends}"),
    }
}
