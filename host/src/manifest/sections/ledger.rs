//! `[ledger]`: where the ledger is, and how long it keeps events.

use std::path::Path;
use std::time::Duration;

use super::rejections::rejections;
use super::retention;
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::{LedgerSettings, RejectionSettings};

pub(super) const LEDGER: TableSchema = TableSchema {
    name: "`[ledger]`",
    keys: &["url", "retention", "rejections"],
    unsupported: &[],
    instead: &[("path", "write url = \"sqlite:PATH\"")],
};

/// What `[ledger]` says.
pub(crate) struct LedgerSection {
    pub(crate) ledger: LedgerSettings,
    /// How long events are kept. `None` is for ever.
    pub(crate) events: Option<Duration>,
    pub(crate) rejections: RejectionSettings,
}

/// The ledger, and how long it keeps what.
pub(crate) fn ledger(cx: &mut Context<'_>, node: Option<&Node>) -> LedgerSection {
    let fields = Fields::section(cx, node, &LEDGER);
    LedgerSection {
        ledger: database(cx, &fields),
        events: retention::of_events(cx, &fields),
        rejections: rejections(cx, fields.get("rejections")),
    }
}

/// The ledger's file, whatever the rest of `[ledger]` has.
pub(crate) fn file(cx: &mut Context<'_>, node: Option<&Node>) -> LedgerSettings {
    let at = node.map_or(0..0, |node| node.span.clone());
    match node.and_then(|node| Fields::open(cx, node, &at, LEDGER.name)) {
        Some(fields) => database(cx, &fields),
        None => LedgerSettings {
            path: cx
                .folder
                .join(defaults::LEDGER_URL.trim_start_matches("sqlite:")),
        },
    }
}

fn database(cx: &mut Context<'_>, fields: &Fields<'_>) -> LedgerSettings {
    const SCHEME: &str = "sqlite:";
    let written = fields.substituted(cx, "url");
    let (url, at) = match &written {
        Some((url, node)) => (url.as_str(), Some(&node.span)),
        None => (defaults::LEDGER_URL, None),
    };
    let path = url.strip_prefix(SCHEME);
    if let Some(at) = at
        && let Some(message) = mistake(url, path)
    {
        let help = "write \"sqlite:PATH\", such as \"sqlite:data/tollgate.db\"";
        cx.diagnostics.wrong_value(at, message, help);
    }
    LedgerSettings {
        path: cx.folder.join(path.unwrap_or_default()),
    }
}

/// The mistake in the ledger's URL. `path` is the part after the scheme.
fn mistake(url: &str, path: Option<&str>) -> Option<&'static str> {
    let Some(path) = path else {
        let postgres = url.starts_with("postgres:") || url.starts_with("postgresql:");
        return Some(if postgres {
            "Postgres is not supported by this version"
        } else {
            "`url` has no known kind of ledger"
        });
    };
    let file = Path::new(path).file_name().is_some() && !path.ends_with('/');
    if path.starts_with("//") {
        Some("`url` has no path after `sqlite:`")
    } else if path.starts_with(':') {
        Some("the ledger must be a file, because memory is not durable")
    } else if !file || path.contains(['?', '\0']) {
        Some("`url` does not name a file")
    } else {
        None
    }
}
