//! Readers for numbers, durations, sizes and rates, each within bounds.

use std::fmt::Display;
use std::time::Duration;

use tollgate_base::quantity::{parse_duration, parse_rate, parse_size, show_duration, show_size};
use tollgate_base::rate::Rate;

use super::context::Context;
use super::fields::{Fields, quoted};
use super::node::expected;
use crate::manifest::defaults::{Bounded, RATE_COUNT};
use crate::manifest::text::tree::{Node, Value};

const DURATION_HELP: &str = "write whole numbers with units, such as \"250ms\", \"5m\" or \
     \"1h30m\" (units: d, h, m, s, ms)";
const RATE_HELP: &str = "write a whole number and a time, such as \"100/s\" (times: s, m, h)";
const SIZE_HELP: &str = "write a whole number with a unit, such as \"64MiB\" (units: B, KB, MB, \
     GB, KiB, MiB, GiB), or a number of bytes without quotes";

impl Fields<'_> {
    /// A duration within bounds, or the default.
    pub(crate) fn duration(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        bounds: &Bounded<Duration>,
    ) -> Duration {
        self.optional_duration(cx, key, (bounds.min, bounds.max))
            .unwrap_or(bounds.default)
    }

    /// A duration within bounds. `None` if the key is missing.
    pub(crate) fn optional_duration(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        bounds: (Duration, Duration),
    ) -> Option<Duration> {
        let node = self.get(key)?;
        cx.diagnostics.allow_quote(node);
        let read = match &node.value {
            Value::String(text) => parse_duration(text),
            Value::Integer(Some(number)) => {
                let help = format!("write a unit: `{key} = \"{number}s\"` for seconds");
                expected(cx, node, &quoted(key), "a duration", help);
                return None;
            }
            _ => {
                expected(cx, node, &quoted(key), "a duration", DURATION_HELP);
                return None;
            }
        };
        let Some(duration) = read else {
            let message = format!("`{key}` is not a duration");
            cx.diagnostics
                .wrong_value(&node.span, message, DURATION_HELP);
            return None;
        };
        within(cx, node, key, Some(duration), bounds, |value| {
            format!("\"{}\"", show_duration(value))
        })
    }

    /// A size in bytes within bounds, or the default.
    pub(crate) fn size(&self, cx: &mut Context<'_>, key: &str, bounds: &Bounded<usize>) -> usize {
        self.optional_size(cx, key, bounds)
            .unwrap_or(bounds.default)
    }

    /// A size in bytes within bounds. `None` if the key is missing.
    pub(crate) fn optional_size(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        bounds: &Bounded<usize>,
    ) -> Option<usize> {
        let node = self.get(key)?;
        cx.diagnostics.allow_quote(node);
        let read = match &node.value {
            Value::String(text) => parse_size(text),
            // A number that is negative or too large is out of bounds, and not of a wrong type.
            Value::Integer(number) => Some(number.map_or(u64::MAX, |n| n.try_into().unwrap_or(0))),
            _ => {
                expected(cx, node, &quoted(key), "a size in bytes", SIZE_HELP);
                return None;
            }
        };
        let Some(size) = read else {
            let message = format!("`{key}` is not a size");
            cx.diagnostics.wrong_value(&node.span, message, SIZE_HELP);
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

    /// A whole number within bounds, or the default.
    pub(crate) fn count<T>(&self, cx: &mut Context<'_>, key: &str, bounds: &Bounded<T>) -> T
    where
        T: TryFrom<i64> + PartialOrd + Display + Copy,
    {
        let Some(node) = self.get(key) else {
            return bounds.default;
        };
        cx.diagnostics.allow_quote(node);
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

    /// A number within bounds, whole or not, or the default.
    pub(crate) fn number(
        &self,
        cx: &mut Context<'_>,
        key: &str,
        default: f64,
        bounds: (f64, f64),
    ) -> f64 {
        let Some(node) = self.get(key) else {
            return default;
        };
        cx.diagnostics.allow_quote(node);
        let number = match node.value {
            // A float holds every integer up to 2⁵³, and the bounds are far below that.
            Value::Integer(number) => number.map(|number| number as f64),
            Value::Float(number) => number,
            _ => {
                expected(cx, node, &quoted(key), "a number", ());
                return default;
            }
        };
        within(cx, node, key, number, bounds, |value| value.to_string()).unwrap_or(default)
    }

    /// A rate. `None` if the key is missing.
    pub(crate) fn rate(&self, cx: &mut Context<'_>, key: &str) -> Option<Rate> {
        let (text, node) = self.text(cx, key)?;
        let Some((count, per)) = parse_rate(text) else {
            let message = format!("`{key}` is not a rate");
            cx.diagnostics.wrong_value(&node.span, message, RATE_HELP);
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
}

/// The value, if there is one within the bounds.
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
        cx.diagnostics.wrong_value(&node.span, message, ());
    }
    inside
}
