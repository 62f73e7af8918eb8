//! What one certificate says about itself.

use std::net::IpAddr;

use tollgate_base::der::element;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]` and `[3]` of a TBSCertificate.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `[2]`, `[6]` and `[7]` of a GeneralName.
const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
const ADDRESS: u8 = 0x87;
/// Object identifiers with their tags and lengths: id-ce-subjectAltName, id-ce-basicConstraints,
/// id-at-commonName and rsaEncryption.
const ALTERNATIVE_NAMES: &[u8] = b"\x06\x03\x55\x1d\x11";
const BASIC_CONSTRAINTS: &[u8] = b"\x06\x03\x55\x1d\x13";
const COMMON_NAME: &[u8] = b"\x06\x03\x55\x04\x03";
const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";

/// What a certificate says about itself. Nothing here is checked.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) names: Names,
    pub(crate) not_before: WallTime,
    pub(crate) not_after: WallTime,
    /// The names of issuer and subject, as they are encoded.
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
    pub(super) is_authority: bool,
    /// The bits of an RSA key; `None` for another kind.
    pub(super) rsa_bits: Option<usize>,
}

/// The names of a certificate's owner.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// DNS names in lower case, perhaps with a wildcard such as `*.example.com`.
    pub(crate) dns: Vec<String>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) uris: Vec<String>,
    /// The common name of the subject.
    pub(crate) common: Option<String>,
}

impl Names {
    /// Whether the owner has this name: a DNS name or a URI of subjectAltName. The common name of
    /// the subject counts for certificates alone that have neither (RFC 9525, section 2): a
    /// certificate authority may check it less.
    pub(crate) fn has(&self, name: &str) -> bool {
        let dns = self.dns.iter().any(|dns| dns.eq_ignore_ascii_case(name));
        let uri = || self.uris.iter().any(|uri| uri == name);
        let alone = self.dns.is_empty() && self.uris.is_empty();
        dns || uri() || (alone && self.common.as_deref() == Some(name))
    }
}

impl Facts {
    /// Reads a certificate (RFC 5280, section 4.1). `None` if it is damaged.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let (certificate, end) = element(der, SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        if let Some((_, after)) = element(rest, VERSION) {
            rest = after;
        }
        let mut next = |tag| {
            let (contents, after) = element(rest, tag)?;
            rest = after;
            Some(contents)
        };
        let (_serial, _algorithm) = (next(INTEGER)?, next(SEQUENCE)?);
        let issuer = next(SEQUENCE)?;
        let (not_before, not_after) = validity(next(SEQUENCE)?)?;
        let subject = next(SEQUENCE)?;
        let rsa_bits = rsa_bits(next(SEQUENCE)?)?;
        // Two unique identifiers may come before the extensions, and nobody writes them.
        let extensions = match next(EXTENSIONS) {
            Some(extensions) => element(extensions, SEQUENCE)?.0,
            None => &[],
        };
        let names = extension(extensions, ALTERNATIVE_NAMES)?;
        let constraints = extension(extensions, BASIC_CONSTRAINTS)?;
        end.is_empty().then_some(Self {
            names: Names {
                common: common_name(subject),
                ..alternative_names(names)?
            },
            not_before,
            not_after,
            issuer: issuer.to_vec(),
            subject: subject.to_vec(),
            is_authority: is_authority(constraints)?,
            rsa_bits,
        })
    }
}

/// The elements of a sequence, with their tags.
struct Elements<'d>(&'d [u8]);

impl<'d> Iterator for Elements<'d> {
    /// `None` within is a damaged element.
    type Item = Option<(u8, &'d [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let tag = *self.0.first()?;
        let Some((contents, after)) = element(self.0, tag) else {
            self.0 = &[];
            return Some(None);
        };
        self.0 = after;
        Some(Some((tag, contents)))
    }
}

/// The value of an extension; empty if the certificate has none of this kind.
fn extension<'d>(extensions: &'d [u8], id: &[u8]) -> Option<&'d [u8]> {
    for extension in Elements(extensions) {
        let (_, extension) = extension?;
        if let Some(value) = extension.strip_prefix(id) {
            // A boolean before the value says whether the extension is critical.
            let value = element(value, BOOLEAN).map_or(value, |(_, value)| value);
            let (value, _) = element(value, OCTET_STRING)?;
            return Some(element(value, SEQUENCE)?.0);
        }
    }
    Some(&[])
}

/// The GeneralNames of subjectAltName.
fn alternative_names(names: &[u8]) -> Option<Names> {
    let mut read = Names::default();
    for name in Elements(names) {
        let text = |bytes| str::from_utf8(bytes).ok();
        match name? {
            (DNS_NAME, name) => read.dns.push(text(name)?.to_ascii_lowercase()),
            (URI, uri) => read.uris.push(text(uri)?.to_owned()),
            (ADDRESS, bytes) => read.addresses.push(address(bytes)?),
            _ => {}
        }
    }
    Some(read)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// The last common name of a subject, if it is text.
fn common_name(subject: &[u8]) -> Option<String> {
    let sets = Elements(subject).flatten();
    let attributes = sets.flat_map(|(_, set)| Elements(set).flatten());
    let common = attributes.filter_map(|(_, attribute)| attribute.strip_prefix(COMMON_NAME));
    let (_, text) = Elements(common.last()?).next()??;
    str::from_utf8(text).ok().map(str::to_owned)
}

fn is_authority(constraints: &[u8]) -> Option<bool> {
    match element(constraints, BOOLEAN) {
        Some((value, _)) => Some(value != [0]),
        None => Some(false),
    }
}

fn validity(times: &[u8]) -> Option<(WallTime, WallTime)> {
    let mut times = Elements(times).map(|time| {
        let (tag, text) = time?;
        let text = str::from_utf8(text).ok()?;
        let digits = text.strip_suffix('Z')?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = digits.split_at_checked(2)?;
                // RFC 5280, section 4.1.2.5.1.
                let century = if year < "50" { "20" } else { "19" };
                (format!("{century}{year}"), rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = digits.split_at_checked(4)?;
                (year.to_owned(), rest)
            }
            _ => return None,
        };
        let part = |at: usize| rest.get(at..at + 2);
        let (month, day) = (part(0)?, part(2)?);
        let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
        rfc3339::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
    });
    Some((times.next()??, times.next()??))
}

/// The bits of the modulus, if the SubjectPublicKeyInfo is one of RSA.
fn rsa_bits(info: &[u8]) -> Option<Option<usize>> {
    let (algorithm, key) = element(info, SEQUENCE)?;
    if !algorithm.starts_with(RSA) {
        return Some(None);
    }
    // The first byte counts the bits that do not count.
    let (_, key) = element(key, BIT_STRING)?.0.split_first()?;
    let (modulus, _) = element(element(key, SEQUENCE)?.0, INTEGER)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?.leading_zeros() as usize;
    Some(Some((modulus.len() - zeros) * 8 - first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType, date_time_ymd,
    };

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 12, 31);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn day(text: &str) -> WallTime {
        rfc3339::parse(&format!("{text}T00:00:00Z")).unwrap()
    }

    #[test]
    fn names_and_times_are_read() {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "psp");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.subject_alt_names = vec![
                SanType::DnsName("A.Example".try_into().unwrap()),
                SanType::URI("spiffe://example/psp".try_into().unwrap()),
                SanType::IpAddress("2001:db8::1".parse().unwrap()),
                SanType::Rfc822Name("a@b.example".try_into().unwrap()),
                SanType::IpAddress("192.0.2.1".parse().unwrap()),
            ];
        });
        let facts = Facts::read(&der).unwrap();
        assert_eq!(facts.names.dns, ["a.example"]);
        assert_eq!(facts.names.uris, ["spiffe://example/psp"]);
        let addresses = ["2001:db8::1", "192.0.2.1"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(facts.names.addresses, addresses);
        assert_eq!(facts.names.common.as_deref(), Some("psp"));
        assert_eq!(facts.not_before, day("2024-02-29"));
        assert_eq!(facts.not_after, day("2051-12-31"));
        assert_eq!(facts.issuer, facts.subject);
        assert!(facts.is_authority && facts.rsa_bits.is_none());
        let bare = Facts::read(&certificate(|_| {})).unwrap();
        assert_eq!(bare.names.dns, [""; 0]);
        assert!(!bare.is_authority);
    }

    #[test]
    fn a_common_name_counts_for_a_certificate_without_other_names_alone() {
        let names = |dns: &[&str], common: &str| Names {
            dns: dns.iter().map(|name| (*name).to_owned()).collect(),
            common: Some(common.to_owned()),
            ..Names::default()
        };
        assert!(names(&[], "psp").has("psp"));
        assert!(!names(&["a.example"], "psp").has("psp"));
        assert!(names(&["a.example"], "psp").has("A.example"));
        assert!(!names(&["*.example"], "psp").has("a.example"));
    }

    proptest! {
        #[test]
        fn damaged_certificates_are_read_without_a_panic(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut der = certificate(|params| {
                params.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
            });
            // A shorter text is always damaged.
            prop_assert!(Facts::read(&der[..cut.index(der.len())]).is_none());
            let at = at.index(der.len());
            der[at] = byte;
            let _ = Facts::read(&der);
        }
    }
}
