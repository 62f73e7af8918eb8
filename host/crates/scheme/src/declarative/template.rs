//! What the TOML says of a scheme.

use serde::Deserialize;

use super::field::Selectors;
use super::signature::SignatureForm;
use crate::key::{Algorithm, KeyEncoding};
use tollgate_base::time::WallTime;

/// A scheme, described. Keys that have a default may be left out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The provider's name for people.
    pub title: Option<String>,
    /// How signatures are made.
    pub algorithm: Algorithm,
    /// How the secret is written. Default `utf8`.
    #[serde(default)]
    pub key_encoding: KeyEncoding,
    /// What stands before the key in the secret, such as `whsec_`, and is no part of it.
    pub key_prefix: Option<String>,
    /// Further kinds of secrets, told by their prefix.
    #[serde(default)]
    pub other_keys: Vec<OtherKey>,
    /// Prefixes of header names: where this is set, a `*` in a header's name stands for
    /// each in turn, and the first with which the signature header is there counts.
    #[serde(default)]
    pub families: Vec<String>,
    /// The header with the signature.
    pub signature: SignatureForm,
    /// The signed timestamp; without one nothing but the dedup key stops a replay.
    pub timestamp: Option<TimestampForm>,
    /// The bytes that are signed: text with `{body}`, `{timestamp}`, `{url}` and
    /// `{header:NAME}` in it. Default `{body}`.
    #[serde(default = "just_body")]
    pub signed: String,
    /// Where the body is a form with JSON in one of its fields: that field's name. Bodies
    /// of another content type are read as JSON.
    pub form_json: Option<String>,
    /// A JSON pointer to the array whose items are the events, each with places of its own.
    pub events: Option<String>,
    /// The event's id.
    pub id: Option<Selectors>,
    /// The event's type.
    pub kind: Selectors,
    /// When it happened.
    pub created: Option<Selectors>,
    /// The object that it is about.
    pub subject: Option<Selectors>,
    /// The connected account or merchant.
    pub account: Option<Selectors>,
    /// What tells events apart. Default: the id where it is signed, else the body's hash.
    pub dedup: Option<Dedup>,
    /// More headers to record.
    #[serde(default)]
    pub record: Vec<String>,
    /// What the provider wants to read back.
    #[serde(default)]
    pub answers: Answers,
}

impl Template {
    /// The names that the signature header has, one for each family.
    pub(crate) fn signature_headers(&self) -> Vec<String> {
        let header = &self.signature.header;
        match self.families.as_slice() {
            [] => vec![header.clone()],
            families => families
                .iter()
                .map(|family| header.replace('*', family))
                .collect(),
        }
    }
}

fn just_body() -> String {
    "{body}".to_owned()
}

/// A further kind of secret, told by its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherKey {
    /// What the secret begins with; no part of the key.
    pub prefix: String,
    /// How signatures under it are made.
    pub algorithm: Algorithm,
    /// How it is written.
    #[serde(default)]
    pub encoding: KeyEncoding,
    /// The name of its signatures, as in [`SignatureForm::name`].
    pub name: String,
}

/// Where the timestamp stands, and how far it may lie from now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampForm {
    /// A header of its own …
    pub header: Option<String>,
    /// … or the name of its pair in the signature header.
    pub pair: Option<String>,
    /// What it counts. Default seconds.
    #[serde(default)]
    pub unit: TimeUnit,
    /// How far it may lie back or ahead, such as `5m`. Default five minutes.
    pub tolerance: Option<String>,
    /// How far it may lie ahead, where that differs.
    pub future: Option<String>,
}

/// What a timestamp counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Seconds since the Unix epoch.
    #[default]
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
}

impl TimeUnit {
    /// A time as it is signed.
    pub(super) fn write(self, now: WallTime) -> String {
        match self {
            Self::Seconds => now.as_secs().to_string(),
            Self::Milliseconds => now.as_millis().to_string(),
        }
    }
}

/// What tells events apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Dedup {
    /// `"id"`, `"id-or-body"` or `"body"`.
    By(DedupBy),
    /// The values at these places together.
    Fields(Vec<String>),
    /// As `"body"`, but for values that differ when an event is sent again.
    Without(BodyWithout),
}

/// What of a body is left out of the hash that tells events apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyWithout {
    /// JSON pointers (in a batch: into the item) to values such as the time of sending.
    pub body_without: Vec<String>,
    /// A JSON pointer to what tells events apart instead, such as the time at which it
    /// happened: an event that lacks it is told by its whole body.
    pub if_there: Option<String>,
}

/// What tells events apart, when it is one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DedupBy {
    /// The signed id, which every event must have.
    Id,
    /// The signed id of an event that has one, else as `body`.
    IdOrBody,
    /// The hash of the event's bytes, with its type.
    Body,
}

/// What the provider wants to read back.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// To an event that has been recorded. Default 200 without a body.
    pub accepted: Option<AnswerForm>,
    /// To one that had been recorded before. Default: as `accepted`.
    pub duplicate: Option<AnswerForm>,
    /// To a request that was refused. Default 400 without a body.
    pub rejected: Option<AnswerForm>,
}

/// An answer, described.
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
