//! Reads the URL of the issuer's certificate from a certificate: the extension AuthorityInfoAccess
//! (RFC 5280, section 4.2.2.1).
//!
//! The URL is as untrusted as the certificate. The caller must check the host, and the certificate
//! found there counts only if it leads to a root.

use tollgate_base::der::element;

/// The object identifiers with their tags and lengths: id-pe-authorityInfoAccess …
const ACCESS: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x01";
/// … and id-ad-caIssuers.
const ISSUERS: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02";
const SEQUENCE: u8 = 0x30;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
/// `[3]` of a TBSCertificate.
const EXTENSIONS: u8 = 0xa3;
/// `[6]` of a GeneralName: a URI.
const URI: u8 = 0x86;

/// The first URL of the issuer's certificate in a certificate (DER).
pub(super) fn url(der: &[u8]) -> Option<&str> {
    let (mut rest, _) = element(extension(der, ACCESS)?, SEQUENCE)?;
    while !rest.is_empty() {
        let (description, after) = element(rest, SEQUENCE)?;
        rest = after;
        let location = description.strip_prefix(ISSUERS);
        if let Some((url, _)) = location.and_then(|location| element(location, URI)) {
            return std::str::from_utf8(url).ok();
        }
    }
    None
}

/// The value of an extension of a certificate. `id` is the extension's object identifier with its
/// tag and length.
pub(super) fn extension<'d>(der: &'d [u8], id: &[u8]) -> Option<&'d [u8]> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    while *rest.first()? != EXTENSIONS {
        (_, rest) = element(rest, *rest.first()?)?;
    }
    let (extensions, _) = element(rest, EXTENSIONS)?;
    let (mut rest, _) = element(extensions, SEQUENCE)?;
    while !rest.is_empty() {
        let (extension, after) = element(rest, SEQUENCE)?;
        rest = after;
        if let Some(value) = extension.strip_prefix(id) {
            // A boolean before the value says whether the extension is critical.
            let value = element(value, BOOLEAN).map_or(value, |(_, value)| value);
            return element(value, OCTET_STRING).map(|(value, _)| value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    use super::*;

    const OCSP: &[u8] = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01";

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let length = u8::try_from(contents.len()).unwrap();
        assert!(length < 128);
        [&[tag, length], contents.as_slice()].concat()
    }

    fn at(method: &[u8], url: &str) -> Vec<u8> {
        der(SEQUENCE, &[method, &der(URI, &[url.as_bytes()])])
    }

    fn certificate(access: &[&[u8]]) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let id = [1, 3, 6, 1, 5, 5, 7, 1, 1];
        let value = der(SEQUENCE, access);
        params.custom_extensions = vec![CustomExtension::from_oid_content(&id, value)];
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_issuers_url_is_found_among_others() {
        let issuer = at(ISSUERS, "http://ca.example/a.crt");
        let status = at(OCSP, "http://ocsp.example");
        for access in [&[&status[..], &issuer][..], &[&issuer, &status]] {
            let certificate = certificate(access);
            assert_eq!(url(&certificate), Some("http://ca.example/a.crt"));
        }
        assert_eq!(url(&certificate(&[&status])), None);
        assert_eq!(url(&certificate(&[])), None);
        let plain = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let plain = plain.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(url(plain.der()), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_nothing_panics(at_byte: usize, byte: u8, end: usize) {
            let mut text = certificate(&[&at(ISSUERS, "http://ca.example/a.crt")]);
            let length = text.len();
            text[at_byte % length] = byte;
            _ = url(&text);
            _ = url(&text[..end % length]);
        }
    }
}
