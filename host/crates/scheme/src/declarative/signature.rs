//! Where a request carries its signatures, and how they are written.

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::encoding::SignatureEncoding;
use crate::headers;
use crate::rejection::Rejection;

/// More signatures than any provider sends while it rotates its keys; bounds the work that
/// a stranger's request can cause.
const MAX_SIGNATURES: usize = 32;

/// The header with the signatures.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureForm {
    /// Its name, in lower case.
    pub header: String,
    /// How it is laid out.
    #[serde(default)]
    pub form: Layout,
    /// For `pairs` and `versions`: the name of the signatures that count. Others are ignored.
    pub name: Option<String>,
    /// For `pairs`: what stands between them. Default `,`.
    pub separator: Option<char>,
    /// For `bare`: what stands before the signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// Whether that prefix may be absent.
    #[serde(default)]
    pub prefix_optional: bool,
    /// For `bare`: whether there may be several, in headers of the same name or with commas
    /// between them; any may hold.
    #[serde(default)]
    pub several: bool,
    /// How the signature's bytes are written.
    #[serde(default)]
    pub encoding: SignatureEncoding,
}

/// How a signature header is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One signature, perhaps after a fixed prefix.
    #[default]
    Bare,
    /// `key=value` pairs.
    Pairs,
    /// `version,signature` words with spaces between them.
    Versions,
}

/// The signatures of a request, decoded.
#[derive(Debug, Default)]
pub(crate) struct Signatures<'r> {
    /// Name and bytes; the name is empty for a bare signature.
    pub(super) found: Vec<(&'r str, Vec<u8>)>,
    /// The value of the pair that holds the timestamp.
    pub(super) timestamp: Option<&'r str>,
    /// Why one of them could not be decoded.
    unreadable: Option<&'static str>,
}

/// The names in a signature header that count.
pub(crate) struct SignatureNames<'n> {
    /// Those of signatures.
    pub(crate) signatures: &'n [String],
    /// That of the timestamp, where it stands there.
    pub(crate) timestamp: Option<&'n str>,
}

impl SignatureForm {
    /// Reads the signatures and the timestamp that `header`, which is this form's, holds.
    pub(crate) fn read<'r>(
        &self,
        headers: &'r HeaderMap,
        header: &HeaderName,
        names: &SignatureNames<'_>,
    ) -> Result<Signatures<'r>, Rejection> {
        let mut signatures = Signatures::default();
        if self.several && headers.contains_key(header) {
            for value in headers.get_all(header) {
                let unreadable = |_| Rejection::UnreadableHeader {
                    header: self.header.clone(),
                };
                let value = value.to_str().map_err(unreadable)?;
                for text in value.split(',') {
                    self.note_all(&mut signatures, text.trim_matches(' '), names)?;
                }
            }
        } else {
            let text = headers::header(headers, header)?;
            self.note_all(&mut signatures, text, names)?;
        }
        match (signatures.found.is_empty(), signatures.unreadable) {
            (false, _) => Ok(signatures),
            (true, Some(why)) => Err(self.malformed(why)),
            (true, None) => Err(Rejection::NoKnownSignature {
                place: self.header.clone(),
                wanted: names.signatures.join("` or `"),
            }),
        }
    }

    /// Notes what a header's text holds; a bare signature has an empty name.
    fn note_all<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        text: &'r str,
        names: &SignatureNames<'_>,
    ) -> Result<(), Rejection> {
        match self.form {
            Layout::Bare => self.push(signatures, "", self.without_prefix(text)?),
            Layout::Pairs => text
                .split(self.separator.unwrap_or(','))
                .filter_map(|pair| pair.trim_matches(' ').split_once('='))
                .try_for_each(|(name, value)| self.note(signatures, name, value, names)),
            // Spaces in a row end the list in one official library; here they are as one.
            Layout::Versions => text
                .split(' ')
                .filter_map(|word| word.split_once(','))
                .try_for_each(|(name, value)| self.note(signatures, name, value, names)),
        }
    }

    fn note<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        name: &'r str,
        value: &'r str,
        names: &SignatureNames<'_>,
    ) -> Result<(), Rejection> {
        if names.timestamp == Some(name) {
            self.note_timestamp(signatures, value)
        } else if names.signatures.iter().any(|known| known == name) {
            self.push(signatures, name, value)
        } else {
            Ok(())
        }
    }

    fn without_prefix<'r>(&self, text: &'r str) -> Result<&'r str, Rejection> {
        let Some(prefix) = &self.prefix else {
            return Ok(text);
        };
        match text.strip_prefix(prefix.as_str()) {
            Some(rest) => Ok(rest),
            None if self.prefix_optional => Ok(text),
            None => Err(self.malformed(&format!("it does not begin with `{prefix}`"))),
        }
    }

    /// Adds a signature. An unreadable one among several is passed over, since another may
    /// hold; alone, it is the reason to refuse.
    fn push<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        name: &'r str,
        text: &str,
    ) -> Result<(), Rejection> {
        if signatures.found.len() == MAX_SIGNATURES {
            return Err(self.malformed(&format!("it holds more than {MAX_SIGNATURES}")));
        }
        match self.encoding.decode(text) {
            Ok(bytes) => signatures.found.push((name, bytes)),
            Err(why) => signatures.unreadable = Some(why),
        }
        Ok(())
    }

    /// The same timestamp twice is one; two that differ are refused, since official
    /// libraries disagree on which of them counts.
    fn note_timestamp<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        value: &'r str,
    ) -> Result<(), Rejection> {
        match signatures.timestamp.replace(value) {
            Some(other) if other != value => Err(Rejection::ConflictingTimestamps {
                place: self.header.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The header's value for one signature, with the timestamp's pair where there is one.
    pub(super) fn write(&self, name: &str, tag: &[u8], timestamp: Option<(&str, &str)>) -> String {
        let text = self.encoding.encode(tag);
        match self.form {
            Layout::Bare => format!("{}{text}", self.prefix.as_deref().unwrap_or_default()),
            Layout::Versions => format!("{name},{text}"),
            Layout::Pairs => {
                let separator = self.separator.unwrap_or(',');
                let time = timestamp.map(|(name, time)| format!("{name}={time}{separator}"));
                format!("{}{name}={text}", time.unwrap_or_default())
            }
        }
    }

    fn malformed(&self, why: &str) -> Rejection {
        Rejection::MalformedSignature {
            place: self.header.clone(),
            why: why.to_owned(),
        }
    }
}
