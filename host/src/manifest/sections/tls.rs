//! `tls` of `[server]`: the certificates of the listener that providers post to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use tollgate_base::files::read_regular;
use zeroize::Zeroizing;

use super::acme::acme;
use crate::certificates::{Certificate, CertificateError};
use crate::manifest::defaults::CERTIFICATE_FILE;
use crate::manifest::table::{Context, Fields, TableSchema, plain_text};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::{CertificateFile, ClientAuthorities, ClientCertificate, Tls};

pub(super) const TLS: TableSchema = TableSchema {
    name: "`tls`",
    keys: &["cert", "key", "certificates", "acme", "client_ca"],
    unsupported: &[],
    instead: &[
        ("certificate", "write cert = \"PATH\""),
        ("ca", "write client_ca = \"PATH\""),
    ],
};

pub(super) const CERTIFICATE: TableSchema = TableSchema {
    name: "a certificate",
    keys: &["cert", "key"],
    unsupported: &[],
    instead: &[],
};

const FORMS: &str = "write cert = \"tls/cert.pem\" and key = \"tls/key.pem\"";

/// The certificates of the listener. `None` if there is no `tls`.
pub(crate) fn tls(cx: &mut Context<'_>, server: &Fields<'_>) -> Option<Tls> {
    let node = server.get("tls")?;
    let fields = Fields::read(cx, node, &node.span, &TLS)?;
    let one = fields.get("cert").or(fields.get("key"));
    let list = fields.get("certificates");
    let certificates = match (one, list) {
        (Some(_), Some(list)) => {
            let message = "`tls` cannot have both `certificates` and `cert`";
            let help = "write the certificate as one more item of `certificates`";
            cx.diagnostics.wrong_value(&list.span, message, help);
            Vec::new()
        }
        (Some(_), None) => certificate(cx, &fields).into_iter().collect(),
        (None, Some(_)) => certificates(cx, &fields),
        (None, None) if fields.get("acme").is_some() => Vec::new(),
        (None, None) => {
            let message = "`tls` has no certificate";
            cx.diagnostics.wrong_context(&node.span, message, FORMS);
            Vec::new()
        }
    };
    let has_redirect = server.get("redirect").is_some();
    let acme = fields.get("acme").and_then(|node| {
        acme(cx, node, has_redirect, |cx, fields| {
            authorities(cx, fields, "root").map(|of| of.roots)
        })
    });
    Some(Tls {
        certificates,
        acme: acme.map(Arc::new),
        client_ca: authorities(cx, &fields, "client_ca"),
    })
}

/// Whether the listener asks peers for certificates, perhaps with a mistake in how.
pub(crate) fn asks_for_certificates(node: Option<&Node>) -> bool {
    match node.map(|node| &node.value) {
        Some(Value::Table(table)) => table.get("client_ca").is_some(),
        _ => false,
    }
}

/// The items of `certificates`. Two for the same name are a mistake if no peer could ever see the
/// second one.
fn certificates(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<CertificateFile> {
    const HELP: &str = "write certificates = [{ cert = \"PATH\", key = \"PATH\" }]";
    let mut read: Vec<CertificateFile> = Vec::new();
    for node in fields.array(cx, "certificates", HELP).unwrap_or_default() {
        let Some(fields) = Fields::read(cx, node, &node.span, &CERTIFICATE) else {
            continue;
        };
        let Some(one) = certificate(cx, &fields) else {
            continue;
        };
        if let Some((other, name)) = read.iter().find_map(|other| overlap(other, &one)) {
            let message = format!(
                "{} is for `{name}`, and so is {} with a key of the same kind",
                one.path.display(),
                other.display()
            );
            let help = "remove one of them: no peer would ever get the second";
            cx.diagnostics.wrong_value(&node.span, message, help);
        }
        read.push(one);
    }
    if let Some(node) = fields.get("certificates")
        && matches!(&node.value, Value::Array(items) if items.is_empty())
    {
        let message = "`certificates` is empty";
        cx.diagnostics.wrong_value(&node.span, message, HELP);
    }
    read
}

/// A name that both certificates are for, with the file of the first, if their keys are of the same
/// kind.
fn overlap<'c>(
    one: &'c CertificateFile,
    other: &'c CertificateFile,
) -> Option<(&'c Path, &'c String)> {
    let (path, one, other) = (&one.path, &one.certificate, &other.certificate);
    let same_kind = one.kind() == other.kind();
    let mut names = one.dns_names().iter();
    let name = names.find(|name| same_kind && other.dns_names().contains(name))?;
    Some((path, name))
}

/// The certificate in the files that `cert` and `key` name.
fn certificate(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<CertificateFile> {
    let cert = fields.need(cx, "cert", FORMS);
    let key = fields.need(cx, "key", FORMS);
    let (cert_path, _) = fields.path(cx, "cert")?;
    let (key_path, _) = fields.path(cx, "key")?;
    // Both files are read, so that both are reported.
    let chain = read(cx, &cert_path, cert?);
    let secret = read(cx, &key_path, key?);
    match Certificate::read(&chain?, &secret?) {
        Ok(certificate) => Some(CertificateFile {
            path: cert_path,
            certificate: Arc::new(certificate),
        }),
        Err(error) => {
            let (path, at) = match error.is_of_key() {
                true => (&key_path, key?),
                false => (&cert_path, cert?),
            };
            let message = format!("{} {error}", path.display());
            cx.diagnostics.wrong_value(&at.span, message, help(&error));
            None
        }
    }
}

/// What to do about a certificate that cannot be used.
fn help(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::NotPem(_) | CertificateError::Empty | CertificateError::NoKey(_) => {
            "name the files that the authority or its client wrote, such as fullchain.pem and \
             privkey.pem"
        }
        CertificateError::Damaged { .. } => "fetch the file again",
        CertificateError::TooLong { .. } => {
            "spread the names over several certificates, and leave the certificates out that do \
             not belong to the chain"
        }
        CertificateError::Unusable(_) => "get a certificate without what the message names",
        CertificateError::NoName => {
            "get a certificate with the host's name in subjectAltName; a common name alone counts \
             no more"
        }
        CertificateError::AuthorityFirst | CertificateError::Order { .. } => {
            "reorder the file, or leave the certificates out that do not belong to the chain"
        }
        CertificateError::WeakKey { .. } | CertificateError::KeyKind => {
            "make a new key, for example with `openssl ecparam -genkey -name prime256v1 -noout`, \
             and get a certificate for it"
        }
        CertificateError::EncryptedKey => {
            "write the key without a password, readable for the gateway alone (mode 0600)"
        }
        CertificateError::OtherKey => {
            "name the key that the certificate was issued for: both files change together when a \
             certificate is renewed"
        }
    }
}

/// The certificates of authorities in the file that a key names.
fn authorities(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Option<ClientAuthorities> {
    let (path, node) = fields.path(cx, key)?;
    let bytes = read(cx, &path, node)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let mut roots = RootCertStore::empty();
    let problem = match certificates {
        Err(error) => Some(format!("is damaged PEM: {error}")),
        Ok(certificates) if certificates.is_empty() => Some("has no certificate".to_owned()),
        Ok(certificates) => {
            let mut added = certificates.into_iter().map(|der| roots.add(der));
            added
                .find_map(Result::err)
                .map(|error| format!("has a certificate that cannot be used: {error}"))
        }
    };
    if let Some(problem) = problem {
        let message = format!("{} {problem}", path.display());
        let help = "name a PEM file with the certificates of the authorities";
        cx.diagnostics.wrong_value(&node.span, message, help);
        return None;
    }
    Some(ClientAuthorities {
        roots: Arc::new(roots),
        digest: Sha256::digest(&*bytes).into(),
    })
}

/// `client_certificate` of a source: which certificate a peer must show. `asked` says whether the
/// listener asks for certificates.
pub(super) fn client_certificate(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    asked: bool,
) -> Option<ClientCertificate> {
    const HELP: &str = "write \"required\", or a list of names such as [\"psp.example.com\"]";
    let node = fields.get("client_certificate")?;
    cx.diagnostics.allow_quote(node);
    if !asked {
        let message = "`client_certificate` needs `client_ca` in `tls` of `[server]`";
        let help = "write tls = { …, client_ca = \"PATH\" }, with the authorities of the senders";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    match &node.value {
        Value::String(word) if word == "required" => Some(ClientCertificate::Any),
        Value::Array(items) if !items.is_empty() => {
            let names = items.iter().map(|item| plain_text(cx, item, "a name"));
            let names: Option<Vec<_>> = names.map(|name| Some(name?.to_owned())).collect();
            names.map(ClientCertificate::Of)
        }
        _ => {
            let message = "`client_certificate` has no such value";
            cx.diagnostics.wrong_value(&node.span, message, HELP);
            None
        }
    }
}

/// Reads a file, which is watched from now on, even if it cannot be read: that may change.
fn read(cx: &mut Context<'_>, path: &PathBuf, node: &Node) -> Option<Zeroizing<Vec<u8>>> {
    if !cx.secret_files.contains(path) {
        cx.secret_files.push(path.clone());
    }
    match read_regular(path, CERTIFICATE_FILE) {
        Ok(bytes) => Some(Zeroizing::new(bytes)),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            cx.diagnostics.wrong_value(&node.span, message, ());
            None
        }
    }
}
