//! The form of a scheme in TOML: `[schemes.NAME]` of a manifest, `[scheme]` of a built-in provider.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::challenge::ChallengeForm;
use super::field::Selectors;
use super::mode::LiveMode;
use super::signature::SignatureForm;
use super::token::JwsForm;
use crate::key::{Algorithm, KeyEncoding};
use tollgate_base::time::WallTime;

/// A scheme as data. A key with a default may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The provider's name for people.
    pub title: Option<String>,
    /// The JSON Web Signature of a request, in the place of `algorithm` and `signature`.
    pub jws: Option<JwsForm>,
    /// The algorithm of signatures.
    #[serde(default = "default_algorithm")]
    pub algorithm: Algorithm,
    /// The algorithms that a request may name, by their names in any case. A request that names
    /// none has a signature of `algorithm`. The setting `algorithms` of a source allows some alone.
    /// Without `algorithm_at` no request names any, and the setting `algorithm` chooses one.
    #[serde(default)]
    pub algorithms: BTreeMap<String, Algorithm>,
    /// The place where a request names its algorithm: a JSON pointer, `header:NAME`, `form:NAME`,
    /// `query:NAME`, or `pair:NAME` for a pair beside the signature.
    pub algorithm_at: Option<String>,
    /// How the secret is written. Default `utf8`.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// The text before the key in the secret, such as `whsec_`. It is no part of the key.
    pub key_prefix: Option<String>,
    /// Further kinds of secrets, recognised by their prefixes.
    #[serde(default)]
    pub other_keys: Vec<OtherKey>,
    /// Prefixes of header names. A `*` in a header's name stands for each prefix in turn. The
    /// first prefix with which the signature header is in the request counts.
    #[serde(default)]
    pub families: Vec<String>,
    /// The place of the signature.
    #[serde(default)]
    pub signature: SignatureForm,
    /// Further signatures that a request may have.
    #[serde(default)]
    pub other_signatures: Vec<OtherSignature>,
    /// Whether one valid signature is enough. If not, each signature that is there must be valid.
    #[serde(default)]
    pub any_signature: bool,
    /// The signed timestamp. Without a timestamp, only the dedup key stops a replay.
    pub timestamp: Option<TimestampForm>,
    /// The signed bytes: text with `{body}`, `{timestamp}` and other values in it. Of several texts
    /// any may be signed; a text that lacks a value does not count. Default `{body}`.
    #[serde(default)]
    pub signed: SignedForms,
    /// Texts with values, which `{part:NAME}` in `signed` names.
    #[serde(default)]
    pub parts: BTreeMap<String, String>,
    /// Whether nothing of the body is signed.
    #[serde(default)]
    pub unsigned_body: bool,
    /// Values that a request must have if the source has the setting.
    #[serde(default)]
    pub expect: Vec<Expectation>,
    /// Whether events come by GET too, with their fields in the query.
    #[serde(default)]
    pub by_get: bool,
    /// The form field that holds the JSON, if the body is a form. A body of another content type
    /// is read as JSON.
    pub form_json: Option<String>,
    /// The JSON pointer to the array of events, if the body is a batch. The selectors below then
    /// point into an item of that array.
    pub events: Option<String>,
    /// The event's id.
    pub id: Option<Selectors>,
    /// The event's type.
    pub kind: Selectors,
    /// The time at which the event happened.
    pub created: Option<Selectors>,
    /// The object that the event is about.
    pub subject: Option<Selectors>,
    /// The connected account or merchant.
    pub account: Option<Selectors>,
    /// The identity of an event. Default: the id if it is signed, else the hash of the body.
    pub dedup: Option<Dedup>,
    /// Signed values that no two events share, beside `dedup`. An event whose values were seen is a
    /// duplicate.
    #[serde(default)]
    pub once: Vec<String>,
    /// For how long the provider resends an event, such as `72h`. Default 35 days. Where a hash
    /// alone tells events apart, equal bytes are a duplicate for this long.
    pub resends_for: Option<String>,
    /// Where an event says whether it is of live mode or of test mode.
    pub livemode: Option<LiveMode>,
    /// Requests by which the provider checks that the endpoint is ours.
    #[serde(default)]
    pub challenges: Vec<ChallengeForm>,
    /// More headers to record.
    #[serde(default)]
    pub record: Vec<String>,
    /// The answers that the provider expects.
    #[serde(default)]
    pub answers: Answers,
}

impl Template {
    /// The names of the signature headers, for each family.
    pub(crate) fn signature_headers(&self) -> Vec<String> {
        let no_family = [String::new()];
        let families = match self.families.as_slice() {
            [] => no_family.as_slice(),
            families => families,
        };
        let others = self.other_signatures.iter().map(|other| &other.signature);
        let forms: Vec<_> = std::iter::once(&self.signature).chain(others).collect();
        let names = forms.iter().flat_map(|form| {
            let names = families
                .iter()
                .map(|family| form.header.replace('*', family));
            names.filter(|name| !name.is_empty())
        });
        let mut names: Vec<String> = names.collect();
        names.dedup();
        names
    }

    /// Whether the secret is among the signed bytes.
    pub(super) fn signs_secret(&self) -> bool {
        let parts = self.parts.values().map(String::as_str);
        self.all_signed()
            .chain(parts)
            .any(|text| text.contains("{secret"))
    }

    /// All texts that may be signed.
    pub(crate) fn all_signed(&self) -> impl Iterator<Item = &str> {
        let others = self
            .other_signatures
            .iter()
            .filter_map(|other| other.signed.as_ref());
        let forms = std::iter::once(&self.signed).chain(others);
        forms.flat_map(|forms| forms.0.iter().map(String::as_str))
    }
}

/// The algorithm of a template that has a token. Nothing is signed with it.
fn default_algorithm() -> Algorithm {
    Algorithm::HmacSha256
}

/// One text of signed bytes, or several of which any may be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedForms(pub Vec<String>);

impl Default for SignedForms {
    fn default() -> Self {
        Self(vec!["{body}".to_owned()])
    }
}

impl SignedForms {
    /// Whether any of the texts holds this text.
    pub fn contains(&self, text: &str) -> bool {
        self.0.iter().any(|form| form.contains(text))
    }
}

impl<'de> Deserialize<'de> for SignedForms {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Forms {
            One(String),
            AnyOf(Vec<String>),
        }
        Ok(Self(match Forms::deserialize(deserializer)? {
            Forms::One(form) => vec![form],
            Forms::AnyOf(forms) => forms,
        }))
    }
}

/// A further signature of a request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherSignature {
    /// The place of the signature.
    pub signature: SignatureForm,
    /// Its algorithm, if that differs.
    pub algorithm: Option<Algorithm>,
    /// The signed bytes, if they differ.
    pub signed: Option<SignedForms>,
    /// The values that no two events share, if they differ: see [`Template::once`].
    pub once: Option<Vec<String>>,
}

/// A value that a request must have, if the source has the setting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The place of the value: a JSON pointer, `header:NAME`, `form:NAME` or `query:NAME`.
    pub at: String,
    /// The setting of the source, with one value or several with commas between them.
    pub param: String,
}

/// A further kind of secret, recognised by its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherKey {
    /// The text at the start of the secret. It is no part of the key.
    pub prefix: String,
    /// The algorithm of signatures under the secret.
    pub algorithm: Algorithm,
    /// How the secret is written.
    #[serde(default)]
    pub encoding: KeyEncoding,
    /// The name of the signatures, as in [`SignatureForm::name`].
    pub name: String,
}

/// The signed timestamp, and how far it may lie from now. One of `header`, `pair` and `at` is set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampForm {
    /// The header with the timestamp.
    pub header: Option<String>,
    /// The name of the pair with the timestamp in the signature header.
    pub pair: Option<String>,
    /// The place of a timestamp that stands in no header: a JSON pointer into the body, `form:NAME`
    /// or `query:NAME`.
    pub at: Option<String>,
    /// The unit of the timestamp. Default seconds.
    #[serde(default)]
    pub unit: TimeUnit,
    /// How far the timestamp may lie in the past or future, such as `5m`. Default five minutes.
    /// With `none` the timestamp is checked only if the source has a tolerance.
    pub tolerance: Option<String>,
    /// How far the timestamp may lie in the future, if that differs.
    pub future: Option<String>,
}

/// The unit of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Seconds since the Unix epoch.
    #[default]
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
    /// Seconds or milliseconds, by the number of digits.
    Either,
}

impl TimeUnit {
    /// The time as it is signed.
    pub(super) fn write(self, now: WallTime) -> String {
        match self {
            Self::Seconds | Self::Either => now.as_secs().to_string(),
            Self::Milliseconds => now.as_millis().to_string(),
        }
    }
}

/// The identity of an event.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Dedup {
    /// `"id"`, `"id-or-body"`, `"id-and-body"` or `"body"`.
    By(DedupBy),
    /// The values of these selectors together.
    Fields(Vec<String>),
    /// As `"body"`, without the values that differ when an event is resent.
    Without(BodyWithout),
}

/// The values to leave out of the hash of a body.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyWithout {
    /// JSON pointers to values such as the time of sending. In a batch they point into the item.
    /// May be empty if `if_there` is set.
    pub body_without: Vec<String>,
    /// A value that tells events apart, such as the time at which the event happened. The whole
    /// body of an event without that value counts, while the provider resends.
    pub if_there: Option<Selectors>,
}

/// The identity of an event that is one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DedupBy {
    /// The signed id, which every event must have.
    Id,
    /// The signed id of an event that has an id, else as `body`.
    IdOrBody,
    /// An id that is not signed, with the hash of the event's bytes and its type. Equal bytes under
    /// another id are marked while the provider resends.
    IdAndBody,
    /// The hash of the event's bytes, with its type, while the provider resends.
    Body,
}

/// The answers that the provider expects.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// To a request whose events were recorded. Default 200 without a body.
    pub accepted: Option<AnswerForm>,
    /// To a request whose events were already recorded. Default: as `accepted`.
    pub duplicate: Option<AnswerForm>,
    /// To a request that was refused. Default 400 without a body.
    pub rejected: Option<AnswerForm>,
}

/// An answer as data.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerForm {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// The body's type. Default `text/plain`.
    pub content_type: Option<String>,
}
