//! Draws ids and other values: the same seed and name give the same value.

use fastrand::Rng;

use crate::node::Node;
use crate::template::TemplateError;

/// A generator of values for one name.
pub(crate) struct Drawing(Rng);

const DIGITS: &[u8] = b"0123456789";
const HEX: &[u8] = b"0123456789abcdef";
const UPPER_HEX: &[u8] = b"0123456789ABCDEF";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

impl Drawing {
    /// The generator for this name, and for the `turn`th value of it.
    pub(crate) fn new(seed: u64, name: &str, turn: u64) -> Self {
        // FNV-1a, so that values do not depend on the order in which names are asked for.
        let parts = [
            &seed.to_le_bytes()[..],
            &turn.to_le_bytes(),
            name.as_bytes(),
        ];
        let bytes = parts.iter().copied().flatten();
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(Rng::with_seed(hash))
    }

    /// A value as the pattern describes it: a text with `{hex:24}` and the like, one of several
    /// texts, or a number `{"from": 1, "to": 9}`.
    pub(crate) fn draw(&mut self, pattern: &Node) -> Result<Node, TemplateError> {
        match pattern {
            Node::Text(text) => self.text(text).map(Node::Text),
            Node::Array(choices) if !choices.is_empty() => {
                let chosen = choices[self.0.usize(..choices.len())].clone();
                self.draw(&chosen)
            }
            Node::Object(range) => {
                let bound = |at: usize| range.get(at)?.1.as_text()?.parse::<u64>().ok();
                let bounds = bound(0).zip(bound(1)).filter(|(from, to)| from <= to);
                let (from, to) = bounds.ok_or_else(|| TemplateError::pattern(pattern))?;
                Ok(Node::number(self.0.u64(from..=to)))
            }
            Node::Raw(_) => Ok(pattern.clone()),
            Node::Array(_) => Err(TemplateError::pattern(pattern)),
        }
    }

    fn text(&mut self, pattern: &str) -> Result<String, TemplateError> {
        let unknown = || TemplateError::pattern(&Node::Text(pattern.to_owned()));
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            let (what, after) = after.split_once('}').ok_or_else(unknown)?;
            text.push_str(before);
            rest = after;
            if what == "uuid" {
                text.push_str(&self.uuid());
                continue;
            }
            let (kind, length) = what.split_once(':').ok_or_else(unknown)?;
            let letters = match kind {
                "digits" => DIGITS,
                "hex" => HEX,
                "HEX" => UPPER_HEX,
                "lower" => LOWER,
                "UPPER" => UPPER,
                "mixed" => MIXED,
                _ => return Err(unknown()),
            };
            let length: usize = length.parse().map_err(|_| unknown())?;
            text.extend((0..length).map(|at| self.letter(letters, at == 0)));
        }
        text.push_str(rest);
        Ok(text)
    }

    /// One of the letters. A number has no leading zero.
    fn letter(&mut self, letters: &[u8], first: bool) -> char {
        let least = usize::from(first && letters == DIGITS);
        char::from(letters[self.0.usize(least..letters.len())])
    }

    /// A random UUID (version 4).
    fn uuid(&mut self) -> String {
        let drawn = self.0.u128(..);
        let fixed = (drawn & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{fixed:032x}");
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ];
        parts.join("-")
    }
}
