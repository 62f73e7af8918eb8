//! `acme` of `tls`: a certificate that an authority issues by itself.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::RootCertStore;
use tollgate_base::secret::Secret;

use crate::manifest::defaults::ACME_DIRECTORY;
use crate::manifest::table::{Context, Fields, TableSchema, plain_text, secret};
use crate::manifest::text::tree::Node;
use crate::settings::{Acme, Challenge, ExternalAccount};

pub(super) const ACME: TableSchema = TableSchema {
    name: "`acme`",
    keys: &[
        "domains",
        "contact",
        "directory",
        "root",
        "challenge",
        "external_account",
        "terms_agreed",
    ],
    unsupported: &[],
    instead: &[("email", "write contact = [\"ops@example.com\"]")],
};

pub(super) const EXTERNAL_ACCOUNT: TableSchema = TableSchema {
    name: "`external_account`",
    keys: &["id", "key"],
    unsupported: &[],
    instead: &[],
};

/// The settings in the table. `roots` reads the certificates in a file. `has_redirect` says whether
/// a listener answers HTTP-01.
pub(super) fn acme(
    cx: &mut Context<'_>,
    node: &Node,
    has_redirect: bool,
    roots: impl FnOnce(&mut Context<'_>, &Fields<'_>) -> Option<Arc<RootCertStore>>,
) -> Option<Acme> {
    let fields = Fields::read(cx, node, &node.span, &ACME)?;
    let domains = domains(cx, &fields);
    agreed(cx, node, &fields);
    Some(Acme {
        domains,
        contact: contact(cx, &fields),
        directory: directory(cx, &fields),
        roots: roots(cx, &fields),
        challenge: challenge(cx, &fields, has_redirect),
        external_account: external_account(cx, &fields),
    })
}

/// The domains, sorted, so that their order does not matter.
fn domains(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<String> {
    const HELP: &str = "write domains = [\"hooks.example.com\"]";
    let before = cx.diagnostics.mistake_count();
    let nodes = fields
        .need(cx, "domains", HELP)
        .and(fields.array(cx, "domains", HELP));
    let mut domains = Vec::new();
    for node in nodes.unwrap_or_default() {
        let Some(text) = plain_text(cx, node, "a domain") else {
            continue;
        };
        let label = |label: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            !label.is_empty() && label.len() < 64 && label.bytes().all(inner)
        };
        let is_domain = text.contains('.')
            && text.split('.').all(label)
            && text.parse::<std::net::IpAddr>().is_err();
        if text.starts_with("*.") {
            let message = "a wildcard needs the challenge DNS-01, which is not supported";
            let help = "name each host, or take a certificate from files";
            cx.diagnostics.wrong_value(&node.span, message, help);
        } else if !is_domain {
            let message = format!("`{text}` is not the DNS name of a host");
            cx.diagnostics.wrong_value(&node.span, message, HELP);
        } else {
            domains.push(text.to_ascii_lowercase());
        }
    }
    domains.sort();
    domains.dedup();
    if domains.is_empty()
        && let Some(node) = fields.get("domains")
        && cx.diagnostics.mistake_count() == before
    {
        cx.diagnostics
            .wrong_value(&node.span, "`domains` is empty", HELP);
    }
    domains
}

fn agreed(cx: &mut Context<'_>, node: &Node, fields: &Fields<'_>) {
    if !fields.flag(cx, "terms_agreed", false) {
        let at = fields.get("terms_agreed").unwrap_or(node);
        let message = "an authority issues certificates to those alone who agree to its terms";
        let help = "read the terms of the authority, and write terms_agreed = true";
        cx.diagnostics.wrong_context(&at.span, message, help);
    }
}

fn contact(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<String> {
    const HELP: &str = "write contact = [\"ops@example.com\"]";
    let nodes = fields.array(cx, "contact", HELP).unwrap_or_default();
    let mut contact = Vec::new();
    for node in nodes {
        let Some(text) = plain_text(cx, node, "a contact") else {
            continue;
        };
        let address = text.strip_prefix("mailto:").unwrap_or(text);
        if address.contains('@') && !address.contains([' ', ',', '?']) {
            contact.push(format!("mailto:{address}"));
        } else {
            let message = format!("`{text}` is not an e-mail address");
            cx.diagnostics.wrong_value(&node.span, message, HELP);
        }
    }
    contact
}

fn directory(cx: &mut Context<'_>, fields: &Fields<'_>) -> String {
    let Some((text, node)) = fields.text(cx, "directory") else {
        return ACME_DIRECTORY.to_owned();
    };
    let read = text.parse::<http::Uri>().ok();
    if read.is_none_or(|uri| uri.scheme_str() != Some("https")) {
        let message = "`directory` is not an https URL";
        let help = format!("write the URL of the authority, such as \"{ACME_DIRECTORY}\"");
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    text.to_owned()
}

fn challenge(cx: &mut Context<'_>, fields: &Fields<'_>, has_redirect: bool) -> Challenge {
    const CHALLENGES: &[(&str, Challenge)] = &[
        ("tls-alpn-01", Challenge::TlsAlpn01),
        ("http-01", Challenge::Http01),
    ];
    let challenge = fields.variant(cx, "challenge", CHALLENGES, None);
    if let Some(node) = fields.get("challenge")
        && challenge == Some(Challenge::Http01)
        && !has_redirect
    {
        let message = "the challenge http-01 needs `redirect` in `[server]`, which answers it";
        let help = "write redirect = \"0.0.0.0:80\", or challenge = \"tls-alpn-01\"";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    challenge.unwrap_or(Challenge::TlsAlpn01)
}

fn external_account(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<ExternalAccount> {
    const HELP: &str = "write external_account = { id = \"…\", key = \"${NAME}\" }";
    let node = fields.get("external_account")?;
    let fields = Fields::read(cx, node, &node.span, &EXTERNAL_ACCOUNT)?;
    fields.need(cx, "id", HELP);
    let key = fields.need(cx, "key", HELP);
    let (id, _) = fields.text(cx, "id")?;
    let key = key?;
    let read = secret(cx, key, "`key`")?;
    read.warn_if_literal(cx, &key.span);
    let text = read.secret.expose().trim_ascii();
    match URL_SAFE_NO_PAD.decode(text.strip_suffix(b"=").unwrap_or(text)) {
        Ok(bytes) => Some(ExternalAccount {
            id: id.to_owned(),
            key: Secret::new(bytes),
        }),
        Err(_) => {
            let message = "`key` is not base64url, the form in which authorities give such keys";
            cx.diagnostics.wrong_value(&key.span, message, HELP);
            None
        }
    }
}
