//! Reading the keys of one table: each with its type, bounds and default.
//!
//! A reader that finds a mistake reports it and goes on with the default, so that the
//! mistakes behind it are found too. The result is thrown away then.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::defaults::{Bounded, RATE_COUNT};
use super::quantity::{parse_duration, parse_rate, parse_size, show_duration, show_size};
use super::raw::{Key, Node, Span, Table, Value};
use super::report::Report;
use super::substitute::{self, substitute};
use super::suggest::nearest;
use tollgate_base::rate::Rate;

/// What validation reads and writes besides the tree.
pub(super) struct Context<'a> {
    /// The manifest's folder, which its paths are relative to.
    pub(super) folder: &'a Path,
    /// The environment.
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) report: Report,
    pub(super) secret_files: Vec<PathBuf>,
}

/// The keys that a table may have.
pub(super) struct Keys {
    /// What the table is called in messages, such as "a handler".
    pub(super) of: &'static str,
    pub(super) known: &'static [&'static str],
    /// Keys that other versions have, and what to do without them.
    pub(super) unsupported: &'static [(&'static str, &'static str)],
    /// Keys that nobody has but many expect, and what to write instead.
    pub(super) instead: &'static [(&'static str, &'static str)],
}

/// A table whose keys have been checked.
pub(super) struct Fields<'t> {
    table: &'t Table,
    of: &'static str,
    /// Where to point when a key is missing.
    at: Span,
}

impl<'t> Fields<'t> {
    /// The table that is `node`, after reporting keys that it should not have; none if it
    /// is no table.
    pub(super) fn read(
        cx: &mut Context<'_>,
        node: &'t Node,
        at: &Span,
        keys: &Keys,
    ) -> Option<Self> {
        let fields = Self::open(cx, node, at, keys.of)?;
        for (key, _) in &fields.table.entries {
            if !keys.known.contains(&key.name.as_str()) {
                unknown_key(cx, key, keys);
            }
        }
        Some(fields)
    }

    /// Like [`Fields::read`], for a table whose other keys mean something.
    pub(super) fn open(
        cx: &mut Context<'_>,
        node: &'t Node,
        at: &Span,
        of: &'static str,
    ) -> Option<Self> {
        let Value::Table(table) = &node.value else {
            expected(cx, node, of, "a table", ());
            return None;
        };
        let at = at.clone();
        Some(Self { table, of, at })
    }

    /// Like [`Fields::read`], for a table that may be missing. One that is no table reads
    /// as empty.
    pub(super) fn section(cx: &mut Context<'_>, node: Option<&'t Node>, keys: &Keys) -> Self {
        static EMPTY: Table = Table {
            entries: Vec::new(),
        };
        let read = node.and_then(|node| {
            if !matches!(node.value, Value::Table(_)) {
                cx.report.plain(node);
            }
            Self::read(cx, node, &node.span, keys)
        });
        read.unwrap_or(Self {
            table: &EMPTY,
            of: keys.of,
            at: 0..0,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Node> {
        self.table.get(key).map(|(_, node)| node)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'t (Key, Node)> + use<'t> {
        self.table.entries.iter()
    }

    /// Like [`Fields::get`], and reports that the key is missing.
    pub(super) fn need(&self, cx: &mut Context<'_>, key: &str, help: &str) -> Option<&'t Node> {
        let node = self.get(key);
        if node.is_none() {
            let message = format!("{} needs `{key}`", self.of);
            cx.report.amiss(&self.at, message, help);
        }
        node
    }

    /// A string that is taken as it stands.
    pub(super) fn text(&self, cx: &mut Context<'_>, key: &str) -> Option<(&'t str, &'t Node)> {
        let node = self.get(key)?;
        Some((plain_text(cx, node, &quoted(key))?, node))
    }

    /// A string in which variables of the environment may stand.
    pub(super) fn substituted(
        &self,
        cx: &mut Context<'_>,
        key: &str,
    ) -> Option<(String, &'t Node)> {
        let node = self.get(key)?;
        // What comes from the environment may be secret; what is written here is not.
        cx.report.plain(node);
        let text = string(cx, node, &quoted(key))?;
        match substitute(text, cx.env) {
            Ok(done) => Some((done.text, node)),
            Err(errors) => {
                for error in errors {
                    cx.report.wrong(&node.span, error.to_string(), error.help());
                }
                None
            }
        }
    }

    /// A path, relative to the manifest's folder.
    pub(super) fn path(&self, cx: &mut Context<'_>, key: &str) -> Option<(PathBuf, &'t Node)> {
        let (text, node) = self.text(cx, key)?;
        let path = path(cx, text, node, &quoted(key))?;
        Some((cx.folder.join(path), node))
    }

    /// A duration within bounds.
    pub(super) fn duration(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        bounds: &Bounded<Duration>,
    ) -> Duration {
        self.duration_between(cx, key, bounds.min, bounds.max)
            .unwrap_or(bounds.default)
    }

    /// A duration from `min` to `max`, if there is one.
    pub(super) fn duration_between(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        min: Duration,
        max: Duration,
    ) -> Option<Duration> {
        let node = self.get(key)?;
        cx.report.plain(node);
        let read = match &node.value {
            Value::String(text) => parse_duration(text),
            Value::Integer(Some(number)) => {
                let help = format!("write its unit: `{key} = \"{number}s\"` for seconds");
                expected(cx, node, &quoted(key), "a duration", help);
                return None;
            }
            _ => {
                expected(cx, node, &quoted(key), "a duration", DURATION_HELP);
                return None;
            }
        };
        let Some(duration) = read else {
            cx.report.wrong(
                &node.span,
                format!("`{key}` is not a duration"),
                DURATION_HELP,
            );
            return None;
        };
        within(cx, node, key, Some(duration), (min, max), |value| {
            format!("\"{}\"", show_duration(value))
        })
    }

    /// A size in bytes within bounds.
    pub(super) fn size(&self, cx: &mut Context<'_>, key: &str, bounds: &Bounded<usize>) -> usize {
        self.size_given(cx, key, bounds).unwrap_or(bounds.default)
    }

    /// A size in bytes within bounds, if there is one.
    pub(super) fn size_given(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        bounds: &Bounded<usize>,
    ) -> Option<usize> {
        let node = self.get(key)?;
        cx.report.plain(node);
        let read = match &node.value {
            Value::String(text) => parse_size(text),
            // A negative or too large number is out of bounds, not of another type.
            Value::Integer(number) => Some(number.map_or(u64::MAX, |n| n.try_into().unwrap_or(0))),
            _ => {
                expected(cx, node, &quoted(key), "a size in bytes", SIZE_HELP);
                return None;
            }
        };
        let Some(size) = read else {
            let message = format!("`{key}` is not a size");
            cx.report.wrong(&node.span, message, SIZE_HELP);
            return None;
        };
        let negative = matches!(node.value, Value::Integer(Some(..0)));
        let size = if negative {
            None
        } else {
            usize::try_from(size).ok()
        };
        let bounds = (bounds.min, bounds.max);
        within(cx, node, key, size, bounds, |value| show_size(value as u64))
    }

    /// A whole number within bounds.
    pub(super) fn count<T>(&self, cx: &mut Context<'_>, key: &str, bounds: &Bounded<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + Display + Copy,
    {
        let Some(node) = self.get(key) else {
            return bounds.default;
        };
        cx.report.plain(node);
        let Value::Integer(number) = node.value else {
            expected(cx, node, &quoted(key), "a whole number", ());
            return bounds.default;
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        within(cx, node, key, number, (bounds.min, bounds.max), |value| {
            value.to_string()
        })
        .unwrap_or(bounds.default)
    }

    /// A number, whole or not, within bounds.
    pub(super) fn number(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        default: f64,
        bounds: (f64, f64),
    ) -> f64 {
        let Some(node) = self.get(key) else {
            return default;
        };
        cx.report.plain(node);
        let number = match node.value {
            // Bounds are far below 2⁵³, above which a float no longer holds every integer.
            Value::Integer(number) => number.map(|number| number as f64),
            Value::Float(number) => number,
            _ => {
                expected(cx, node, &quoted(key), "a number", ());
                return default;
            }
        };
        within(cx, node, key, number, bounds, |value| value.to_string()).unwrap_or(default)
    }

    /// So many in a time, if there is a limit.
    pub(super) fn rate(&self, cx: &mut Context<'_>, key: &str) -> Option<Rate> {
        let (text, node) = self.text(cx, key)?;
        let Some((count, per)) = parse_rate(text) else {
            let message = format!("`{key}` is not a rate");
            cx.report.wrong(&node.span, message, RATE_HELP);
            return None;
        };
        let count = within(
            cx,
            node,
            key,
            u32::try_from(count).ok(),
            RATE_COUNT,
            |value| format!("\"{value}/s\""),
        )?;
        Some(Rate { count, per })
    }

    /// Whether something is to be.
    pub(super) fn flag(&self, cx: &mut Context<'_>, key: &str, default: bool) -> bool {
        let Some(node) = self.get(key) else {
            return default;
        };
        cx.report.plain(node);
        let Value::Boolean(value) = node.value else {
            expected(cx, node, &quoted(key), "true or false", ());
            return default;
        };
        value
    }

    /// The items of an array.
    pub(super) fn array(&self, cx: &mut Context<'_>, key: &str, help: &str) -> Option<&'t [Node]> {
        let node = self.get(key)?;
        match &node.value {
            Value::Array(items) => Some(items),
            _ => {
                expected(cx, node, &quoted(key), "an array", help);
                None
            }
        }
    }
}

const DURATION_HELP: &str = "write whole numbers with units, such as \"250ms\", \"5m\" or \"1h30m\" (units: d, h, m, s, ms)";
const RATE_HELP: &str = "write a whole number and a time, such as \"100/s\" (times: s, m, h)";
const SIZE_HELP: &str = "write a whole number with a unit, such as \"64MiB\" (units: B, KB, MB, GB, KiB, MiB, GiB), or bytes without quotes";

fn quoted(key: &str) -> String {
    format!("`{key}`")
}

/// Reports a key that is not known here, with what was probably meant.
pub(super) fn unknown_key(cx: &mut Context<'_>, key: &Key, keys: &Keys) {
    let name = &key.name;
    let entry = |list: &'static [(&str, &'static str)]| {
        let entry = list.iter().find(|(known, _)| known == name);
        entry.map(|(_, help)| *help)
    };
    if let Some(without) = entry(keys.unsupported) {
        let message = format!("`{name}` is not supported by this version");
        return cx.report.amiss(&key.span, message, without);
    }
    let nearest = || nearest(name, keys.known.iter().copied());
    let help = match (entry(keys.instead), nearest()) {
        (Some(instead), _) => instead.to_owned(),
        (None, Some(meant)) => format!("did you mean `{meant}`?"),
        (None, None) => format!("known here: {}", listed(keys.known)),
    };
    let message = format!("`{name}` is not a key of {}", keys.of);
    cx.report.amiss(&key.span, message, help);
}

/// `a`, `b` and `c`.
pub(super) fn listed<T: Display>(names: &[T]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", most.join(", "))
        }
    }
}

/// Reports a value of another type than the one that is wanted.
pub(super) fn expected(
    cx: &mut Context<'_>,
    node: &Node,
    what: &str,
    wanted: &str,
    help: impl Into<super::report::Help>,
) {
    let message = format!("{what}: expected {wanted}, found {}", node.type_name());
    cx.report.wrong(&node.span, message, help);
}

/// The string that `node` is. Does not say that it may be shown.
pub(super) fn string<'t>(cx: &mut Context<'_>, node: &'t Node, what: &str) -> Option<&'t str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => {
            expected(cx, node, what, "a string", ());
            None
        }
    }
}

/// The string that `node` is, which is no secret and in which nothing is substituted.
pub(super) fn plain_text<'t>(cx: &mut Context<'_>, node: &'t Node, what: &str) -> Option<&'t str> {
    cx.report.plain(node);
    let text = string(cx, node, what)?;
    if substitute::mentions(text) {
        let message = format!("environment variables are not substituted in {what}");
        let help = "they are in secrets, header values, origins, addresses, and the urls of ledger and sources";
        cx.report.wrong(&node.span, message, help);
        return None;
    }
    Some(text)
}

/// A text as a path.
pub(super) fn path<'t>(
    cx: &mut Context<'_>,
    text: &'t str,
    node: &Node,
    what: &str,
) -> Option<&'t Path> {
    if text.is_empty() || text.contains('\0') {
        cx.report
            .wrong(&node.span, format!("{what} is not a path"), ());
        return None;
    }
    Some(Path::new(text))
}

/// The value if there is one and it lies within the bounds.
fn within<T: PartialOrd + Copy>(
    cx: &mut Context<'_>,
    node: &Node,
    key: &str,
    value: Option<T>,
    (min, max): (T, T),
    show: impl Fn(T) -> String,
) -> Option<T> {
    let inside = value.filter(|value| *value >= min && *value <= max);
    if inside.is_none() {
        let (min, max) = (show(min), show(max));
        let message = format!("`{key}` must be between {min} and {max}");
        cx.report.wrong(&node.span, message, ());
    }
    inside
}
