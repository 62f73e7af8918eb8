//! The page that compares all schemes: what is signed, what tells events apart, and what somebody
//! can do who has captured a request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::replay::replay;
use super::{Page, pages};

/// The page, in Markdown. `judges` has for each scheme the libraries, with versions, that judged
/// its vectors.
pub fn page_identity(judges: &BTreeMap<String, String>) -> String {
    let mut text = IDENTITY.to_owned();
    for page in pages() {
        let judge = judges.get(page.name).map(String::as_str);
        let source = match judge.filter(|judge| !judge.is_empty()) {
            Some(judge) => format!("{judge}, run; the provider's documents"),
            None => "the provider's documents".to_owned(),
        };
        let cells = [
            format!("[{}]({}.md)", page.title(), page.name),
            page.signature(),
            page.dedup(),
            page.replay(),
            page.keys(),
            page.horizon().to_owned(),
            source,
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        // Writing to a String cannot fail.
        _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

const IDENTITY: &str = include_str!("identity.md");

impl Page {
    /// What somebody can do who has captured a request.
    fn replay(&self) -> String {
        let code = self.provider.code.iter().map(|code| code.replay.clone());
        let scheme = self.provider.scheme.iter().map(replay);
        code.chain(scheme).collect()
    }

    /// How long dedup keys are kept by default.
    fn keys(&self) -> String {
        let code = self.provider.code.iter().map(|code| code.keys.clone());
        let scheme = self.provider.scheme.iter().map(|template| {
            let tolerance = template
                .timestamp
                .as_ref()
                .map(|form| form.tolerance.as_deref());
            let keys = match tolerance {
                Some(Some("none")) => "for good, or 35 d with `tolerance`",
                Some(_) => "35 d",
                None => "for good",
            };
            keys.to_owned()
        });
        code.chain(scheme).collect()
    }
}
