//! How the authority finds out that a domain leads to the gateway, and who asks for a certificate.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use tollgate_base::der::element;

use crate::harness::connect;

/// Asks for the answer by HTTP-01 (RFC 8555, section 8.3).
pub(super) fn by_http(
    address: Option<SocketAddr>,
    domain: &str,
    token: &str,
    authorization: &str,
) -> Result<(), String> {
    let address = address.ok_or("port 80 is closed")?;
    let ask = || {
        let mut stream = connect(address)?;
        let path = format!("/.well-known/acme-challenge/{token}");
        let close = "connection: close\r\n\r\n";
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {domain}\r\n{close}")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = ask().map_err(|error| error.to_string())?;
    let right = answer.starts_with("HTTP/1.1 200") && answer.ends_with(authorization);
    right.then_some(()).ok_or(answer)
}

/// Asks for the answer by TLS-ALPN-01 (RFC 8737, section 3).
pub(super) fn by_tls(address: SocketAddr, domain: &str, authorization: &str) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let name = ServerName::try_from(domain.to_owned()).unwrap();
    let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = connect(address).map_err(|error| error.to_string())?;
    while session.is_handshaking() {
        session
            .complete_io(&mut socket)
            .map_err(|error| error.to_string())?;
    }
    if session.alpn_protocol() != Some(b"acme-tls/1") {
        return Err("the server does not speak acme-tls/1".to_owned());
    }
    let certificate = &session.peer_certificates().unwrap()[0];
    // The extension acmeIdentifier, critical, with the digest.
    let proof = digest::digest(&digest::SHA256, authorization.as_bytes());
    let extension = [
        &b"\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x1f\x01\x01\xff\x04\x22\x04\x20"[..],
        proof.as_ref(),
    ]
    .concat();
    let right = holds(certificate, &extension) && holds(certificate, domain.as_bytes());
    right
        .then_some(())
        .ok_or("the certificate proves nothing".to_owned())
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|part| part == what)
}

/// Returns the key that asks for a certificate, if it has signed the request for these domains
/// (RFC 2986).
pub(super) fn key_of_request(request: &[u8], domains: &[String]) -> Option<Vec<u8>> {
    let (all, _) = element(request, 0x30)?;
    let (info, after) = element(all, 0x30)?;
    let signed = &all[..all.len() - after.len()];
    let (_, after) = element(after, 0x30)?;
    let (signature, _) = element(after, 0x03)?;
    let (_version, rest) = element(info, 0x02)?;
    let (_subject, rest) = element(rest, 0x30)?;
    let (key, _) = element(rest, 0x30)?;
    let (_algorithm, key) = element(key, 0x30)?;
    let point = element(key, 0x03)?.0.get(1..)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(signed, signature.get(1..)?)
        .ok()?;
    let names = domains.iter().all(|domain| holds(info, domain.as_bytes()));
    names.then(|| point.to_vec())
}

/// Trusts every certificate: that of a challenge is signed by itself.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = rustls::crypto::ring::default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
