//! The tables of keys on the pages of the documentation.

/// The pages with keys of the manifest.
const PAGES: [&str; 2] = [
    include_str!("../../../../../docs/manifest.md"),
    include_str!("../../../../../docs/tls.md"),
];

/// The rows about keys.
pub(super) struct Page(Vec<Row>);

/// A row about a key.
pub(super) struct Row {
    /// What stands before the table: a heading, or the bold beginning of a paragraph.
    at: &'static str,
    key: &'static str,
    /// The type, as people read it.
    pub(super) kind: String,
    default: Option<&'static str>,
    meaning: &'static str,
}

impl Page {
    /// Reads the pages.
    pub(super) fn read() -> Self {
        Self(PAGES.iter().flat_map(|page| rows(page)).collect())
    }

    /// The row of a key in the tables at one of these places.
    pub(super) fn row(&self, at: &[&str], key: &str) -> Option<&Row> {
        let mut rows = self.0.iter();
        rows.find(|row| row.key == key && at.contains(&row.at))
    }

    /// Every key with its place.
    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.0.iter().map(|row| (row.at, row.key))
    }
}

impl Row {
    /// The meaning and the default, as a text without links.
    pub(super) fn description(&self) -> String {
        let meaning = without_links(self.meaning);
        match self.default.filter(|default| !default.is_empty()) {
            Some(default) => format!("{meaning}. Default: {}", without_links(default)),
            None => meaning,
        }
    }

    /// Whether a table must have the key.
    pub(super) fn is_required(&self) -> bool {
        let always = [", required", ", needed", "; required"];
        always.iter().any(|word| self.kind.ends_with(word))
    }
}

/// The rows of a page, in its order.
fn rows(page: &'static str) -> Vec<Row> {
    let (mut at, mut columns) = ("", None);
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(place) = place(line) {
            at = place;
        }
        if line.starts_with("|-") {
            continue;
        }
        let Some(cells) = cells(line) else {
            columns = None;
            continue;
        };
        let Some(has_default) = columns else {
            columns = match cells.first() {
                Some(&("Key" | "Rule")) => Some(cells.contains(&"Default")),
                // A table about something else: its rows are skipped.
                _ => None,
            };
            continue;
        };
        let (kind, default, meaning) = match cells.as_slice() {
            [_, kind, default, meaning] if has_default => (*kind, Some(*default), *meaning),
            [_, kind, meaning] => (*kind, None, *meaning),
            [_, meaning] => ("true or false", None, *meaning),
            _ => continue,
        };
        for key in cells[0].split(", ") {
            let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`')) else {
                continue;
            };
            // `hosts."HOST"` is the table of hosts.
            let key = key.split('.').next().unwrap_or(key);
            let kind = kind.to_owned();
            rows.push(Row {
                at,
                key,
                kind,
                default,
                meaning,
            });
        }
    }
    rows
}

/// What a line says of the tables after it: the text of a heading, or of the bold beginning.
fn place(line: &'static str) -> Option<&'static str> {
    let heading = line.trim_start_matches('#');
    let text = match line.strip_prefix("**") {
        Some(bold) => bold.split_once("**")?.0,
        None if heading.len() < line.len() => heading.trim(),
        None => return None,
    };
    Some(text.trim_end_matches(':').trim_matches('`'))
}

/// The cells of a row of a table. A bar after a backslash is text.
fn cells(line: &'static str) -> Option<Vec<&'static str>> {
    let line = line.strip_prefix("| ")?.strip_suffix('|')?;
    let mut cells = Vec::new();
    let (mut from, mut before) = (0, ' ');
    for (at, c) in line.char_indices() {
        if c == '|' && before != '\\' {
            cells.push(line[from..at].trim());
            from = at + 1;
        }
        before = c;
    }
    cells.push(line[from..].trim());
    Some(cells)
}

/// The text of links without where they lead.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[') {
        let target = link.split_once("](").and_then(|(text, target)| {
            let (_, after) = target.split_once(')')?;
            Some((text, after))
        });
        plain.push_str(before);
        match target {
            Some((text, after)) if !text.contains(['[', '\n']) => {
                plain.push_str(text);
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = link;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lose_their_targets() {
        assert_eq!(
            without_links("see [below](#x), [a] and [b](c)."),
            "see below, [a] and b."
        );
    }

    #[test]
    fn a_row_has_its_place_and_its_default() {
        let page = Page::read();
        let row = page.row(&["[server]"], "body_limit").expect("a row");
        assert_eq!(row.kind, "size, 1 KiB to 64 MiB");
        assert!(row.description().ends_with("Default: `1MiB`"));
        assert!(
            page.row(&["[[routes]]"], "events")
                .expect("a row")
                .is_required()
        );
        assert!(
            page.row(&["[ledger]"], "url")
                .is_some_and(|row| !row.is_required())
        );
    }
}
