//! Reads the data of a provider: `NAME.toml` beside this file.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::declarative::Template;

/// The data of one provider. Either `scheme` or `code` is there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Provider {
    /// The scheme, if the template can express it.
    pub(crate) scheme: Option<Template>,
    /// A description of the scheme, if it is code.
    pub(crate) code: Option<CodeSummary>,
    /// The facts that a person needs to set the provider up.
    pub(crate) page: PageFacts,
}

/// A description of a scheme that is code, for its page and for `tollgate verify`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeSummary {
    /// The provider's name.
    pub(crate) title: String,
    /// The header with the signature, in lower case. Absent if the body holds the signature.
    pub(crate) signature_header: Option<String>,
    /// How requests are signed; `none` if they are not.
    pub(crate) signature: String,
    /// Where the event's id stands.
    pub(crate) id: String,
    /// How duplicates are recognised.
    pub(crate) dedup: String,
    /// What somebody can do who has captured a request.
    pub(crate) replay: String,
    /// How long dedup keys are kept by default.
    pub(crate) keys: String,
    /// Whether the provider signs with a key that nobody else has.
    #[serde(default)]
    pub(crate) private_key: bool,
    /// Whether the URL is signed.
    #[serde(default)]
    pub(crate) signs_url: bool,
    /// The body of the answer to an accepted request.
    #[serde(default)]
    pub(crate) answer: String,
}

/// The facts that a person needs to set a provider up. `unconfirmed` names the facts that were
/// looked for in the provider's documents in November 2026 and not found there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageFacts {
    /// Where to enter the endpoint in the provider's dashboard.
    pub(crate) endpoint: String,
    /// Which secret the source needs, and where the provider shows it.
    pub(crate) secret: String,
    /// The file that holds the secret in the example, if the secret is a key in a file.
    pub(crate) file: Option<String>,
    /// Whether the source needs no secret, because the gateway knows or fetches the keys.
    #[serde(default)]
    pub(crate) fetched: bool,
    /// Further settings of the source, each with an example.
    #[serde(default)]
    pub(crate) params: BTreeMap<String, String>,
    /// What of a request is not signed, where a reader would expect it to be.
    pub(crate) unsigned: Option<String>,
    /// How long the provider waits for an answer, if its documents say so.
    pub(crate) timeout: Option<String>,
    /// For how long the provider resends an event.
    pub(crate) horizon: String,
    /// Facts that no document of the provider confirms.
    pub(crate) unconfirmed: Option<String>,
    /// Frequent mistakes and surprises.
    #[serde(default)]
    pub(crate) traps: Vec<String>,
}
