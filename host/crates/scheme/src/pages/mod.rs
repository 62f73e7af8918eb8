//! A page for each provider: how to set the provider up, how duplicates are recognised, which
//! answer the provider expects, and known traps.
//!
//! The pages are made of the data that the gateway runs on (`providers/`), so they cannot
//! contradict the code. `tollgate schemes` prints them. The files in `docs/providers` are the
//! same pages; a unit test compares them.

mod describe;
mod identity;
mod replay;

use std::fmt::Write as _;

pub use identity::page_identity;

use super::declarative::Selectors;
use super::providers::{self, Provider};

/// The longest line of prose in a page.
const COLUMNS: usize = 100;

/// A built-in scheme, described for people.
pub struct Page {
    name: &'static str,
    provider: &'static Provider,
}

/// The pages of all built-in schemes, in alphabetical order.
pub fn pages() -> impl Iterator<Item = Page> {
    providers::all().map(|(name, provider)| Page { name, provider })
}

/// The page of one built-in scheme.
pub fn page(name: &str) -> Option<Page> {
    pages().find(|page| page.name == name)
}

impl Page {
    /// The scheme's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The provider's name.
    pub fn title(&self) -> &'static str {
        let scheme = self.provider.scheme.as_ref();
        let code = self.provider.code.as_ref();
        scheme
            .and_then(|scheme| scheme.title.as_deref())
            .or(code.map(|code| code.title.as_str()))
            .unwrap_or(self.name)
    }

    /// Where the provider's interface asks for the endpoint's URL.
    pub fn endpoint(&self) -> &'static str {
        &self.provider.page.endpoint
    }

    /// The secret, and where the provider shows it.
    pub fn secret(&self) -> &'static str {
        &self.provider.page.secret
    }

    /// The path of the source in [`snippet`](Self::snippet).
    pub fn path(&self) -> String {
        format!("/webhooks/{}", self.name)
    }

    /// The environment variable that [`snippet`](Self::snippet) takes the secret from, if it takes
    /// one.
    pub fn secret_variable(&self) -> Option<String> {
        let page = &self.provider.page;
        let takes_none = self.is_unsigned() || page.fetched || page.file.is_some();
        (!takes_none).then(|| format!("{}_SECRET", self.name.to_uppercase().replace('-', "_")))
    }

    /// How requests are signed.
    fn signature(&self) -> String {
        let code = self.provider.code.iter().map(|code| code.signature.clone());
        let scheme = self.provider.scheme.iter().map(describe::signature);
        code.chain(scheme).collect()
    }

    /// Where the event's id stands.
    fn id(&self) -> String {
        let code = self.provider.code.iter().map(|code| code.id.clone());
        let scheme = self.provider.scheme.iter().map(|scheme| {
            let id = scheme.id.as_ref();
            id.map_or("none".to_owned(), Selectors::describe)
        });
        code.chain(scheme).collect()
    }

    /// How duplicates are recognised.
    pub fn dedup(&self) -> String {
        let code = self.provider.code.iter().map(|code| code.dedup.clone());
        let scheme = self.provider.scheme.iter().map(describe::dedup);
        code.chain(scheme).collect()
    }

    /// For how long the provider resends an event.
    pub fn horizon(&self) -> &'static str {
        &self.provider.page.horizon
    }

    /// The file that the snippet takes the secret from, if the secret is a key in a file.
    pub fn secret_file(&self) -> Option<&'static str> {
        self.provider.page.file.as_deref()
    }

    /// The source's section of a manifest.
    pub fn snippet(&self) -> String {
        let (name, page) = (self.name, &self.provider.page);
        let path = self.path();
        let mut text = format!("[sources.{name}]\npath = \"{path}\"\nscheme = \"{name}\"\n");
        // Writing to a String cannot fail.
        _ = match (&page.file, self.secret_variable()) {
            (_, Some(variable)) => writeln!(text, "secrets = [\"${{{variable}}}\"]"),
            (Some(file), None) if !self.is_unsigned() && !page.fetched => {
                writeln!(text, "secrets = [{{ file = \"{file}\" }}]")
            }
            (_, None) => Ok(()),
        };
        if self.signs_url() {
            _ = writeln!(text, "url = \"https://pay.example.com{path}\"");
        }
        for (key, value) in &page.params {
            _ = writeln!(text, "{key} = \"{value}\"");
        }
        text
    }

    fn is_unsigned(&self) -> bool {
        let code = self.provider.code.as_ref();
        code.is_some_and(|code| code.signature == "none")
    }

    /// Whether the provider signs with a key that nobody else has.
    fn has_private_key(&self) -> bool {
        let code = self.provider.code.as_ref();
        let scheme = self.provider.scheme.as_ref();
        code.is_some_and(|code| code.private_key)
            || scheme.is_some_and(|scheme| scheme.algorithm.is_public())
    }

    fn signs_url(&self) -> bool {
        let code = self.provider.code.as_ref();
        let scheme = self.provider.scheme.as_ref();
        code.is_some_and(|code| code.signs_url)
            || scheme.is_some_and(|scheme| scheme.signed.contains("{url}"))
    }

    /// The whole page, in Markdown.
    pub fn markdown(&self) -> String {
        let page = &self.provider.page;
        let timeout = page.timeout.as_deref().unwrap_or("not documented");
        let rows = [
            ("Set it up", page.endpoint.clone()),
            ("Secret", page.secret.clone()),
            ("Signature", self.signature()),
            ("Event id", self.id()),
            ("Duplicates are recognised by", self.dedup()),
            ("Answer", self.answers()),
            ("Timeout", timeout.to_owned()),
            ("Resends for", page.horizon.clone()),
        ];
        let mut text = format!("# {}: `scheme = \"{}\"`\n\n", self.title(), self.name);
        text.push_str("| | |\n|---|---|\n");
        for (label, value) in rows {
            // A bar would end the cell.
            _ = writeln!(text, "| {label} | {} |", value.replace('|', "\\|"));
        }
        if let Some(unsigned) = &page.unsigned {
            let warning = format!("**Not signed:** {unsigned}.");
            _ = writeln!(text, "\n{}", wrapped("", &warning));
        }
        _ = write!(text, "\n```toml\n{}```\n", self.snippet());
        if self.has_private_key() {
            let sentence = "`tollgate sign` cannot sign for this scheme: only the provider has the \
                            private key.";
            _ = writeln!(text, "\n{}", wrapped("", sentence));
        }
        if let Some(facts) = &page.unconfirmed {
            let sentence = format!("Not confirmed by the provider's documents: {facts}.");
            _ = writeln!(text, "\n{}", wrapped("", &sentence));
        }
        if !page.traps.is_empty() {
            text.push_str("\nKnown traps:\n\n");
        }
        for trap in &page.traps {
            _ = writeln!(text, "{}", wrapped("- ", trap));
        }
        text
    }

    /// The status and body of the gateway's answers.
    pub(super) fn answers(&self) -> String {
        let answers = self.provider.scheme.as_ref().map(|scheme| &scheme.answers);
        let accepted = answers.and_then(|answers| answers.accepted.as_ref());
        let rejected = answers.and_then(|answers| answers.rejected.as_ref());
        let code = self.provider.code.as_ref();
        let (status, body) = match (accepted, code) {
            (Some(answer), _) => (answer.status, answer.body.as_str()),
            (None, Some(code)) => (200, code.answer.as_str()),
            (None, None) => (200, ""),
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

/// The text after `mark`, in lines of at most [`COLUMNS`]; lines after the first are indented.
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

/// The page that lists all others, in Markdown.
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

const INDEX: &str = include_str!("index.md");

/// The text below the list: keys that requests name and that the gateway fetches.
const FETCHED_KEYS: &str = include_str!("fetched_keys.md");
