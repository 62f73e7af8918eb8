//! The keys of a source: for each secret, a key for each signature and algorithm of the template.

use std::collections::BTreeMap;

use super::check::Mistakes;
use super::request_values::{RequestValues, describe, place};
use super::signed::Source;
use super::template::Template;
use crate::invalid_key::InvalidKey;
use crate::key::{self, Algorithm, Key, KeyEncoding};
use crate::rejection::Rejection;
use crate::settings::Setting;
use crate::settings_reader::SettingsReader;
use tollgate_base::json::PointerSet;
use tollgate_base::secret::Secret;

/// The setting of a source that allows some of the algorithms that a request may name.
const ALGORITHMS: &str = "algorithms";
/// The setting of a source that chooses one of the algorithms, if no request names any.
const ALGORITHM: &str = "algorithm";

/// The keys of a secret.
pub(super) struct SecretKeys {
    /// The name that signatures of this secret have; empty if signatures have no name.
    pub(super) name: String,
    /// The decoded secret, if a text holds it.
    secret: Option<Secret>,
    keys: Vec<ChosenKey>,
}

/// A key with what chooses it.
struct ChosenKey {
    /// The number of the signature in the template.
    signature: usize,
    /// The name of the algorithm in a request.
    algorithm: Option<String>,
    key: Key,
}

/// The place where a request names its algorithm.
#[derive(Clone, Debug)]
pub(super) enum AlgorithmPlace {
    /// A pair beside the signature.
    Pair(String),
    /// Another place.
    At(Source),
}

impl AlgorithmPlace {
    /// The place of a template, if it has one.
    pub(super) fn of(
        template: &Template,
        pointers: &mut PointerSet,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let at = template.algorithm_at.as_ref()?;
        match at.strip_prefix("pair:") {
            Some(name) => Some(Self::Pair(name.to_owned())),
            None => mistakes
                .keep("algorithm_at", place(at, "", pointers))
                .map(Self::At),
        }
    }

    /// The place in words.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Pair(name) => format!("the pair `{name}`"),
            Self::At(place) => describe(place),
        }
    }

    /// The name in a request. `pair` finds a pair beside the signature.
    pub(super) fn name(
        &self,
        values: &RequestValues<'_>,
        pair: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, Rejection> {
        match self {
            Self::Pair(name) => Ok(pair(name)),
            Self::At(place) => {
                let found = values.one(place)?;
                Ok(found.map(|name| String::from_utf8_lossy(&name).into_owned()))
            }
        }
    }
}

impl SecretKeys {
    /// The keys of a secret, decoded in the first form whose prefix the secret has.
    pub(super) fn new(
        template: &Template,
        allowed: &Allowed,
        secret: &Secret,
    ) -> Result<Self, InvalidKey> {
        let text = secret.expose();
        let mut others = template.other_keys.iter();
        let other = others.find(|other| text.starts_with(other.prefix.as_bytes()));
        let (prefix, algorithm, encoding, name) = match other {
            Some(other) => (
                Some(&other.prefix),
                other.algorithm,
                other.encoding,
                Some(&other.name),
            ),
            None => (
                template.key_prefix.as_ref(),
                allowed.unnamed,
                template.key_encoding,
                template.signature.name.as_ref(),
            ),
        };
        let bare = prefix.and_then(|prefix| text.strip_prefix(prefix.as_bytes()));
        let bare = Secret::new(bare.unwrap_or(text));
        let secret = key::decode(&bare, encoding, algorithm)?;
        Ok(Self {
            name: name.cloned().unwrap_or_default(),
            keys: keys(template, allowed, (algorithm, encoding), &bare, &secret)?,
            secret: template.signs_secret().then_some(secret),
        })
    }

    /// The decoded secret, for a text that holds it.
    pub(super) fn secret(&self) -> &[u8] {
        self.secret.as_ref().map_or(b"", Secret::expose)
    }

    /// Whether a request may name this algorithm.
    pub(super) fn knows(&self, algorithm: &str) -> bool {
        let mut names = self.keys.iter().filter_map(|key| key.algorithm.as_ref());
        names.any(|name| name.eq_ignore_ascii_case(algorithm))
    }

    /// Whether whoever verifies with these keys can sign with them too.
    pub(super) fn is_shared(&self) -> bool {
        self.keys.iter().all(|key| key.key.is_shared())
    }

    /// The keys for a signature whose request names an algorithm, or none.
    pub(super) fn of<'k>(
        &'k self,
        signature: usize,
        algorithm: Option<&'k str>,
    ) -> impl Iterator<Item = &'k Key> {
        let keys = self.keys.iter().filter(move |key| {
            let named = match (&key.algorithm, algorithm) {
                (Some(own), Some(asked)) => own.eq_ignore_ascii_case(asked),
                (own, asked) => own.is_none() && asked.is_none(),
            };
            named && key.signature == signature
        });
        keys.map(|key| &key.key)
    }
}

fn keys(
    template: &Template,
    allowed: &Allowed,
    (algorithm, encoding): (Algorithm, KeyEncoding),
    text: &Secret,
    decoded: &Secret,
) -> Result<Vec<ChosenKey>, InvalidKey> {
    let others = template
        .other_signatures
        .iter()
        .map(|other| other.algorithm);
    let signatures = std::iter::once(None).chain(others).enumerate();
    let mut keys = Vec::new();
    for (signature, own) in signatures {
        let mut add = |algorithm: Algorithm, name: Option<&String>| {
            let mut add = |key: &Secret| {
                keys.push(ChosenKey {
                    signature,
                    algorithm: name.cloned(),
                    key: Key::new(algorithm, key)?,
                });
                Ok(())
            };
            match (algorithm.is_public(), encoding) {
                // A public key depends on its algorithm, a shared secret does not.
                (true, _) => add(&key::decode(text, encoding, algorithm)?),
                (false, KeyEncoding::HexOrUtf8) => add(decoded).and_then(|()| add(text)),
                (false, _) => add(decoded),
            }
        };
        // A source that allows other algorithms alone takes none without a name.
        let unnamed = own.unwrap_or(algorithm);
        if allowed.named.is_empty() || allowed.named.values().any(|one| *one == unnamed) {
            add(unnamed, None)?;
        }
        for (name, algorithm) in &allowed.named {
            add(*algorithm, Some(name))?;
        }
    }
    Ok(keys)
}

/// The algorithms that count for a source.
pub(super) struct Allowed {
    /// The algorithm of a request that names none.
    unnamed: Algorithm,
    /// The algorithms that a request may name.
    named: BTreeMap<String, Algorithm>,
}

impl Allowed {
    /// The algorithms of a template that a source allows.
    pub(super) fn of(template: &Template, reader: &mut SettingsReader<'_>) -> Self {
        let mut named = template.algorithms.clone();
        let mut unnamed = template.algorithm;
        let is_named = template.algorithm_at.is_some();
        let setting = if is_named { ALGORITHMS } else { ALGORITHM };
        let text = match named.is_empty() {
            true => None,
            false => reader.optional_param(setting),
        };
        if let Some(text) = text {
            let wanted: Vec<&str> = match is_named {
                true => text.split(',').map(str::trim).collect(),
                false => vec![text.trim()],
            };
            let is_known = |name: &&str| named.keys().any(|own| own.eq_ignore_ascii_case(name));
            if !wanted.iter().all(is_known) {
                let names: Vec<String> = named.keys().map(|name| format!("`{name}`")).collect();
                let message = format!("`{setting}` may name {}", names.join(", "));
                reader.mistake(Setting::Param(setting.to_owned()), message);
            }
            named.retain(|name, _| wanted.iter().any(|one| one.eq_ignore_ascii_case(name)));
            if let (false, Some(chosen)) = (is_named, named.values().next()) {
                unnamed = *chosen;
            }
        }
        if !is_named {
            named.clear();
        }
        Self { unnamed, named }
    }
}
