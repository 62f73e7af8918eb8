//! Reads the signatures of a request, and writes them.

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::encoding::SignatureEncoding;
use crate::headers;
use crate::rejection::Rejection;

/// More signatures than any provider sends while it rotates its keys. The bound limits the work
/// that a stranger's request can cause.
const MAX_SIGNATURES: usize = 32;

/// The place of the signatures, and the form of the text there. Either `header` or `at` is set.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureForm {
    /// The name of the header, in lower case. Empty if `at` is set.
    #[serde(default)]
    pub header: String,
    /// The place of a signature that stands in no header: a JSON pointer into the body, `form:NAME`
    /// or `query:NAME`.
    pub at: Option<String>,
    /// The layout of the text there.
    #[serde(default)]
    pub form: Layout,
    /// For `pairs`, `versions` and `triples`: the name of the signatures that count. Others are
    /// ignored.
    pub name: Option<String>,
    /// For `pairs`: the character between pairs. Default `,`.
    pub separator: Option<char>,
    /// For `pairs`: the character between a name and its value. Default `=`.
    pub equals: Option<char>,
    /// For `bare`: the text before the signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// Whether the prefix may be absent.
    #[serde(default)]
    pub prefix_optional: bool,
    /// For `bare`: whether there may be several signatures, in headers of the same name or with
    /// commas between them. One valid signature is enough.
    #[serde(default)]
    pub several: bool,
    /// The encoding of the signature's bytes.
    #[serde(default)]
    pub encoding: SignatureEncoding,
}

/// The layout of a signature header.
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
    /// The time, then signatures, with commas between them.
    TimeFirst,
    /// `key/version/signature` entries with commas between them.
    Triples,
}

impl Layout {
    /// Whether signatures have no name.
    pub(super) fn is_nameless(self) -> bool {
        matches!(self, Self::Bare | Self::TimeFirst)
    }

    /// Whether the header may hold the timestamp.
    pub(super) fn holds_time(self) -> bool {
        matches!(self, Self::Pairs | Self::TimeFirst)
    }
}

/// The signatures of a request, decoded.
#[derive(Debug, Default)]
pub(crate) struct Signatures<'r> {
    /// Name and bytes of each signature. A bare signature has an empty name.
    pub(super) found: Vec<(&'r str, Vec<u8>)>,
    /// The value of the timestamp's pair.
    pub(super) timestamp: Option<&'r str>,
    /// Why a signature could not be decoded.
    unreadable: Option<&'static str>,
}

/// The names in a signature header that count.
pub(crate) struct SignatureNames<'n> {
    /// The names of signatures.
    pub(crate) signatures: &'n [String],
    /// The name of the timestamp's pair, if the header holds the timestamp.
    pub(crate) timestamp: Option<&'n str>,
}

impl SignatureForm {
    /// The signatures and the timestamp in `header`, which is the header of this form.
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
                    self.add_all(&mut signatures, text.trim_matches(' '), names)?;
                }
            }
        } else {
            let text = headers::header(headers, header)?;
            self.add_all(&mut signatures, text, names)?;
        }
        self.any(signatures, names)
    }

    /// The signatures and the timestamp in a text that stands in no header.
    pub(super) fn read_text<'r>(
        &self,
        text: &'r str,
        names: &SignatureNames<'_>,
    ) -> Result<Signatures<'r>, Rejection> {
        let mut signatures = Signatures::default();
        self.add_all(&mut signatures, text, names)?;
        self.any(signatures, names)
    }

    fn any<'r>(
        &self,
        signatures: Signatures<'r>,
        names: &SignatureNames<'_>,
    ) -> Result<Signatures<'r>, Rejection> {
        match (signatures.found.is_empty(), signatures.unreadable) {
            (false, _) => Ok(signatures),
            (true, Some(why)) => Err(self.malformed(why)),
            (true, None) => Err(Rejection::NoKnownSignature {
                place: self.place().to_owned(),
                wanted: names.signatures.join("` or `"),
            }),
        }
    }

    /// The header or other place, for messages.
    pub(super) fn place(&self) -> &str {
        self.at.as_deref().unwrap_or(&self.header)
    }

    fn equals(&self) -> char {
        self.equals.unwrap_or('=')
    }

    /// The value of another pair of the text, such as the name of the algorithm.
    pub(super) fn pair<'r>(&self, text: &'r str, name: &str) -> Option<&'r str> {
        text.split(self.separator.unwrap_or(','))
            .filter_map(|pair| pair.trim_matches(' ').split_once(self.equals()))
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Adds the signatures in the text of a header.
    fn add_all<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        text: &'r str,
        names: &SignatureNames<'_>,
    ) -> Result<(), Rejection> {
        match self.form {
            Layout::Bare => self.add_signature(signatures, "", self.without_prefix(text)?),
            Layout::Pairs => text
                .split(self.separator.unwrap_or(','))
                .filter_map(|pair| pair.trim_matches(' ').split_once(self.equals()))
                .try_for_each(|(name, value)| self.add(signatures, name, value, names)),
            // Two spaces in a row end the list in one official library. Here they do not.
            Layout::Versions => text
                .split(' ')
                .filter_map(|word| word.split_once(','))
                .try_for_each(|(name, value)| self.add(signatures, name, value, names)),
            Layout::TimeFirst => {
                let (time, rest) = text.split_once(',').unwrap_or((text, ""));
                self.add_timestamp(signatures, time.trim_matches(' '))?;
                rest.split(',')
                    .map(|one| one.trim_matches(' '))
                    .filter(|one| !one.is_empty())
                    .try_for_each(|one| self.add_signature(signatures, "", one))
            }
            Layout::Triples => text
                .split(',')
                .filter_map(|entry| entry.trim_matches(' ').split_once('/'))
                .filter_map(|(_key, rest)| rest.split_once('/'))
                .try_for_each(|(name, value)| self.add(signatures, name, value, names)),
        }
    }

    /// Adds an entry of the header, if its name counts.
    fn add<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        name: &'r str,
        value: &'r str,
        names: &SignatureNames<'_>,
    ) -> Result<(), Rejection> {
        if names.timestamp == Some(name) {
            self.add_timestamp(signatures, value)
        } else if names.signatures.iter().any(|known| known == name) {
            self.add_signature(signatures, name, value)
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

    /// Adds a signature. If one of several signatures is unreadable, another may still be valid;
    /// if all are unreadable, that is the reason to refuse.
    fn add_signature<'r>(
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

    /// Sets the timestamp. A header may repeat the same timestamp. Two timestamps that differ are
    /// refused, since official libraries disagree on which one counts.
    fn add_timestamp<'r>(
        &self,
        signatures: &mut Signatures<'r>,
        value: &'r str,
    ) -> Result<(), Rejection> {
        match signatures.timestamp.replace(value) {
            Some(other) if other != value => Err(Rejection::ConflictingTimestamps {
                place: self.place().to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// The header's value for one signature. `timestamp` is the name and text of its pair.
    pub(super) fn write(&self, name: &str, mac: &[u8], timestamp: Option<(&str, &str)>) -> String {
        let text = self.encoding.encode(mac);
        match self.form {
            Layout::Bare => format!("{}{text}", self.prefix.as_deref().unwrap_or_default()),
            Layout::Versions => format!("{name},{text}"),
            Layout::TimeFirst => {
                let time = timestamp.map(|(_, time)| time).unwrap_or_default();
                format!("{time},{text}")
            }
            Layout::Triples => format!("1/{name}/{text}"),
            Layout::Pairs => {
                let separator = self.separator.unwrap_or(',');
                let equals = self.equals();
                let time = timestamp.map(|(name, time)| format!("{name}{equals}{time}{separator}"));
                format!("{}{name}{equals}{text}", time.unwrap_or_default())
            }
        }
    }

    fn malformed(&self, why: &str) -> Rejection {
        Rejection::malformed_signature(self.place(), why)
    }
}
