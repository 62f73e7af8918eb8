//! A page for each provider: how to set it up, what tells its events apart, what it wants
//! to read, what goes wrong with it.
//!
//! Made of what the gateway itself runs on (the templates, the verifiers' answers and
//! warnings) and of `providers.toml`, which has what only people need. `tollgate schemes`
//! prints them; those under `docs/providers` are the same, which a unit test shows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde::Deserialize;

use super::catalog;
use super::declarative::{Dedup, DedupBy, Layout, Selectors, SignatureForm, Template};
use super::key::{Algorithm, KeyEncoding};

/// What `providers.toml` says of a provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    /// Its name, where no template has it.
    pub(super) title: Option<String>,
    /// Where the endpoint is entered.
    endpoint: String,
    /// What the secret is and where it stands.
    secret: String,
    /// Where the secret is kept in the example, if it is a key in a file.
    file: Option<String>,
    /// Whether it needs no secret, since its key is fetched.
    #[serde(default)]
    fetched: bool,
    /// Settings of the scheme's own, with an example each.
    #[serde(default)]
    params: BTreeMap<String, String>,
    /// For coded schemes: what is signed how.
    pub(super) signature: Option<String>,
    /// For coded schemes: the event's id.
    pub(super) id: Option<String>,
    /// For coded schemes: what tells duplicates.
    pub(super) dedup: Option<String>,
    /// How long it waits for an answer, where it says so.
    timeout: Option<String>,
    /// For how long it sends again.
    horizon: String,
    /// What of this no document of the provider's was found to say.
    unconfirmed: Option<String>,
    /// What goes wrong.
    #[serde(default)]
    traps: Vec<String>,
}

pub(super) static PROVIDERS: LazyLock<BTreeMap<String, Provider>> = LazyLock::new(|| {
    toml::from_str(include_str!("providers.toml"))
        .expect("the built-in pages are well-formed, which a test shows")
});

/// The longest line of prose in a page.
const COLUMNS: usize = 100;

/// A built-in scheme, described for people.
pub struct Page {
    name: &'static str,
    pub(super) provider: &'static Provider,
    pub(super) template: Option<&'static Template>,
}

/// Every built-in scheme, in alphabetical order.
pub fn pages() -> impl Iterator<Item = Page> {
    catalog::names().filter_map(page)
}

/// A built-in scheme's page.
pub fn page(name: &str) -> Option<Page> {
    let (name, provider) = PROVIDERS.get_key_value(name)?;
    Some(Page {
        name,
        provider,
        template: catalog::template(name),
    })
}

impl Page {
    /// The scheme's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The provider's name.
    pub fn title(&self) -> &'static str {
        let of_template = self.template.and_then(|template| template.title.as_deref());
        of_template
            .or(self.provider.title.as_deref())
            .unwrap_or(self.name)
    }

    /// What is signed how.
    pub fn signature(&self) -> String {
        match self.template {
            Some(template) => signature(template),
            None => self.provider.signature.clone().unwrap_or_default(),
        }
    }

    /// What tells an event from others.
    pub fn dedup(&self) -> String {
        match self.template {
            Some(template) => dedup(template),
            None => self.provider.dedup.clone().unwrap_or_default(),
        }
    }

    /// For how long the provider sends again.
    pub fn horizon(&self) -> &'static str {
        &self.provider.horizon
    }

    /// The source's section of a manifest.
    pub fn snippet(&self) -> String {
        let name = self.name;
        let variable = format!("{}_SECRET", name.to_uppercase().replace('-', "_"));
        let mut text =
            format!("[sources.{name}]\npath = \"/webhooks/{name}\"\nscheme = \"{name}\"\n");
        // Writing to a String cannot fail.
        _ = match &self.provider.file {
            _ if self.unsigned() || self.provider.fetched => Ok(()),
            Some(file) => writeln!(text, "secrets = [{{ file = \"{file}\" }}]"),
            None => writeln!(text, "secrets = [\"${{{variable}}}\"]"),
        };
        if self.signs_url() {
            _ = writeln!(text, "url = \"https://pay.example.com/webhooks/{name}\"");
        }
        for (key, value) in &self.provider.params {
            _ = writeln!(text, "{key} = \"{value}\"");
        }
        text
    }

    /// The file that the snippet takes the secret from, if it is a key in a file.
    pub fn secret_file(&self) -> Option<&'static str> {
        self.provider.file.as_deref()
    }

    fn unsigned(&self) -> bool {
        self.provider.signature.as_deref() == Some("none")
    }

    fn signs_url(&self) -> bool {
        self.template.map_or(self.name == "twilio", |template| {
            template.signed.contains("{url}")
        })
    }

    /// The whole page, in Markdown.
    pub fn markdown(&self) -> String {
        let provider = self.provider;
        let places =
            |places: Option<&Selectors>| places.map_or("none".to_owned(), Selectors::describe);
        let id = match self.template {
            Some(template) => places(template.id.as_ref()),
            None => provider.id.clone().unwrap_or_default(),
        };
        let mut text = format!("# {}: `scheme = \"{}\"`\n\n", self.title(), self.name);
        let rows = [
            ("Set it up", provider.endpoint.clone()),
            ("Secret", provider.secret.clone()),
            ("Signature", self.signature()),
            ("Event id", id),
            ("Duplicates are told by", self.dedup()),
            ("It wants to read", self.answers()),
            (
                "It waits",
                provider
                    .timeout
                    .clone()
                    .unwrap_or_else(|| "not said".to_owned()),
            ),
            ("It sends again for", provider.horizon.clone()),
        ];
        text.push_str("| | |\n|---|---|\n");
        for (what, value) in rows {
            // A bar would end the cell.
            _ = writeln!(text, "| {what} | {} |", value.replace('|', "\\|"));
        }
        _ = write!(text, "\n```toml\n{}```\n", self.snippet());
        if let Some(what) = &provider.unconfirmed {
            let sentence = format!("Not confirmed by a document of theirs: {what}.");
            _ = writeln!(text, "\n{}", wrapped("", &sentence));
        }
        if !provider.traps.is_empty() {
            text.push_str("\nKnown traps:\n\n");
        }
        for trap in &provider.traps {
            _ = writeln!(text, "{}", wrapped("- ", trap));
        }
        text
    }

    /// The answers, as the scheme gives them.
    pub(super) fn answers(&self) -> String {
        let answers = self.template.map(|template| &template.answers);
        let accepted = answers.and_then(|answers| answers.accepted.as_ref());
        let rejected = answers.and_then(|answers| answers.rejected.as_ref());
        let (status, body) = match accepted {
            Some(answer) => (answer.status, answer.body.as_str()),
            None if self.name == "adyen" => (200, "[accepted]"),
            None => (200, ""),
        };
        let body = if body.is_empty() {
            String::new()
        } else {
            format!(" with the body `{body}`")
        };
        let refused = rejected.map_or(400, |answer| answer.status);
        format!("{status}{body}; a refused request gets {refused}")
    }
}

/// The text behind `mark`, in lines of [`COLUMNS`] at most; all but the first are indented.
fn wrapped(mark: &str, text: &str) -> String {
    let mut lines = mark.to_owned();
    let mut column = mark.len();
    for word in text.split(' ') {
        let width = word.chars().count();
        if column + 1 + width > COLUMNS {
            _ = write!(lines, "\n{:1$}", "", mark.len());
            column = mark.len();
        } else if column > mark.len() {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += width;
    }
    lines
}

/// The header, the algorithm and the signed bytes.
fn signature(template: &Template) -> String {
    let SignatureForm {
        header,
        form,
        name,
        prefix,
        encoding,
        ..
    } = &template.signature;
    let headers = match template.families.as_slice() {
        [] => format!("`{header}`"),
        families => families
            .iter()
            .map(|family| format!("`{}`", header.replace('*', family)))
            .collect::<Vec<_>>()
            .join(" or "),
    };
    let how = match template.algorithm {
        Algorithm::HmacSha1 => "HMAC-SHA1",
        Algorithm::HmacSha256 => "HMAC-SHA256",
        Algorithm::HmacSha512 => "HMAC-SHA512",
        Algorithm::Ed25519 => "Ed25519",
        Algorithm::RsaPkcs1Sha256 => "RSA (PKCS #1 v1.5, SHA-256)",
        Algorithm::StaticEqual => return format!("{headers}: the secret itself"),
    };
    let name = name.as_deref().unwrap_or_default();
    let entry = match form {
        Layout::Bare => prefix
            .as_ref()
            .map_or(String::new(), |prefix| format!(" after `{prefix}`")),
        Layout::Pairs => format!(", the pair `{name}`"),
        Layout::Versions => format!(", the version `{name}`"),
    };
    let key = match template.key_encoding {
        KeyEncoding::Utf8 => "the secret as it is",
        KeyEncoding::Hex => "the secret decoded from hexadecimal",
        KeyEncoding::Base64 => "the secret decoded from base64",
        KeyEncoding::Pem => "the public key",
    };
    let others: String = template
        .other_keys
        .iter()
        .map(|other| {
            format!(
                "; under `{}…` {:?}, the version `{}`",
                other.prefix, other.algorithm, other.name
            )
        })
        .collect();
    let written = format!("{encoding:?}")
        .to_lowercase()
        .replace("hexorbase64", "hexadecimal or base64");
    format!(
        "{headers}{entry}: {how} over `{}`, {}, under {key}{others}",
        template.signed,
        if written == "hex" {
            "hexadecimal"
        } else {
            &written
        },
    )
}

fn dedup(template: &Template) -> String {
    let body = "the hash of the signed bytes, with the type";
    let id = template.id.as_ref();
    let in_header = |places: &Selectors| places.iter().any(|place| place.contains("header:"));
    let signed = |places: &Selectors| {
        places.iter().all(|place| {
            place
                .strip_prefix("header:")
                .is_none_or(|name| template.signed.contains(&format!("{{header:{name}}}")))
        })
    };
    match (&template.dedup, id) {
        (Some(Dedup::By(DedupBy::Body)), _) => body.to_owned(),
        (Some(Dedup::By(DedupBy::IdOrBody)), _) => format!("the id; without one, {body}"),
        (Some(Dedup::Fields(fields)), _) => format!("`{}` together", fields.join("`, `")),
        (Some(Dedup::Without(without)), _) => {
            let left_out = without.body_without.join("`, `");
            let given = without.if_there.as_ref();
            let given = given.map(|given| format!(" where there is a `{given}`"));
            let given = given.unwrap_or_default();
            format!("{body}; `{left_out}` does not count{given}")
        }
        (_, Some(places)) if signed(places) => "the id".to_owned(),
        (_, Some(places)) if in_header(places) => {
            format!("{body}: the id is not signed, so it is recorded but is no key")
        }
        _ => body.to_owned(),
    }
}

/// The page that leads to the others, in Markdown.
pub fn page_index() -> String {
    let mut text = INDEX.to_owned();
    for page in pages() {
        _ = writeln!(
            text,
            "| [{}]({}.md) | `{}` | {} | {} |",
            page.title(),
            page.name,
            page.name,
            page.dedup(),
            page.horizon()
        );
    }
    text.push_str(FETCHED_KEYS);
    text
}

/// What PayPal and Plaid have in common, below the list.
const FETCHED_KEYS: &str = include_str!("fetched_keys.md");

const INDEX: &str = "# Providers\n\n\
    A page for each scheme that is built in: where the endpoint is set up, which secret it is, what\n\
    is signed, what tells duplicates, what the provider reads back, and what goes wrong with it.\n\
    `tollgate schemes` lists them, `tollgate schemes NAME` prints one. They are made of the data that\n\
    the gateway runs on; `PAGES=write cargo test --lib pages` writes them anew. Where a dashboard\n\
    has its settings, and how long a provider waits and sends again, was looked up in November\n\
    2026, and is the provider's to change; a page says what nothing was found to confirm.\n\n\
    | Provider | `scheme` | Duplicates are told by | It sends again for |\n\
    |---|---|---|---|\n";
