//! `${NAME}` and `${NAME:-default}` in strings of the manifest.
//!
//! `$${` stands for the two characters `${`. A `$` before anything else is itself.

use zeroize::Zeroizing;

use super::raw::Span;

/// A reference to a variable within a text; spans are bytes of that text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// `${NAME` or `${NAME:-`.
    pub(super) opening: Span,
    /// `}`. The default is what stands between.
    pub(super) closing: Span,
    name: Span,
    has_default: bool,
}

/// What became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Substituted {
    /// The text with its references replaced.
    pub(super) text: String,
    /// Whether a value comes from the environment or is at least asked for there.
    pub(super) refers: bool,
    /// Whether part of the result stands in the manifest itself, as literal or default.
    pub(super) literal: bool,
    /// Whether the text allows itself to be empty: by a default that is.
    pub(super) may_be_empty: bool,
}

/// Why a text could not be substituted. Names variables, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SubstituteError {
    #[error("the environment variable `{name}` is not set")]
    Unset { name: String },
    #[error("the environment variable `{name}` is empty")]
    Empty { name: String },
    #[error("`${{` begins no reference to an environment variable")]
    Malformed,
}

impl SubstituteError {
    /// What to do about it.
    pub(super) fn help(&self) -> String {
        match self {
            Self::Unset { name } => {
                format!("set it, or write `${{{name}:-default}}` where there is a default")
            }
            Self::Empty { name } => {
                format!("set it, or write `${{{name}:-}}` where it may be empty")
            }
            Self::Malformed => {
                "write `${NAME}` or `${NAME:-default}`; `$${` stands for `${` itself".to_owned()
            }
        }
    }
}

/// Whether the text holds `${`, as reference or escaped.
pub(super) fn mentions(text: &str) -> bool {
    text.contains("${")
}

/// The references in a text, in their order. What is malformed is no reference.
pub(super) fn references(text: &str) -> Vec<Reference> {
    pieces(text)
        .filter_map(|piece| match piece {
            Piece::Reference(reference) => Some(reference),
            _ => None,
        })
        .collect()
}

/// The text with `$${` turned into `${`, if there is no reference in it.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Literal(span) => plain.push_str(&text[span]),
            Piece::Escape => plain.push_str("${"),
            Piece::Reference(_) | Piece::Malformed => return None,
        }
    }
    Some(plain)
}

/// Replaces the references by what `env` says. A variable that is set but empty is taken
/// as unset where there is a default, as in a shell, and is an error where there is none.
pub(super) fn substitute(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Substituted, Vec<SubstituteError>> {
    let mut out = Substituted {
        text: String::new(),
        refers: false,
        literal: false,
        may_be_empty: false,
    };
    let mut errors = Vec::new();
    for piece in pieces(text) {
        let literal = match piece {
            Piece::Literal(span) => &text[span],
            Piece::Escape => "${",
            Piece::Malformed => {
                errors.push(SubstituteError::Malformed);
                continue;
            }
            Piece::Reference(reference) => {
                out.refers = true;
                match resolve(text, &reference, env) {
                    Ok(Resolved::Variable(value)) => {
                        out.text.push_str(&value);
                        continue;
                    }
                    Ok(Resolved::Default(default)) => {
                        out.may_be_empty |= default.is_empty();
                        default
                    }
                    Err(error) => {
                        errors.push(error);
                        continue;
                    }
                }
            }
        };
        out.literal |= !literal.is_empty();
        out.text.push_str(literal);
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}

enum Resolved<'t> {
    /// Wiped when it is dropped: it may be a secret.
    Variable(Zeroizing<String>),
    Default(&'t str),
}

fn resolve<'t>(
    text: &'t str,
    reference: &Reference,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Resolved<'t>, SubstituteError> {
    let name = text[reference.name.clone()].to_owned();
    let value = env(&name);
    let is_set = value.is_some();
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        return Ok(Resolved::Variable(Zeroizing::new(value)));
    }
    if reference.has_default {
        let default = &text[reference.opening.end..reference.closing.start];
        return Ok(Resolved::Default(default));
    }
    Err(match is_set {
        true => SubstituteError::Empty { name },
        false => SubstituteError::Unset { name },
    })
}

enum Piece {
    Literal(Span),
    Escape,
    Reference(Reference),
    Malformed,
}

/// Splits a text, from left to right.
fn pieces(text: &str) -> impl Iterator<Item = Piece> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        if rest.is_empty() {
            return None;
        }
        if rest.starts_with("$${") {
            at += 3;
            return Some(Piece::Escape);
        }
        if rest.starts_with("${") {
            return Some(match reference(text, at) {
                Some(reference) => {
                    at = reference.closing.end;
                    Piece::Reference(reference)
                }
                None => {
                    at += 2;
                    Piece::Malformed
                }
            });
        }
        let start = at;
        // Behind the first character, so that a lone `$` is passed over.
        let next = rest.char_indices().skip(1).find(|(index, _)| {
            let here = &rest[*index..];
            here.starts_with("${") || here.starts_with("$${")
        });
        at += next.map_or(rest.len(), |(index, _)| index);
        Some(Piece::Literal(start..at))
    })
}

/// The reference that begins at byte `at` of the text.
fn reference(text: &str, at: usize) -> Option<Reference> {
    let start = at + 2;
    let rest = &text[start..];
    let length = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    if length == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let name = start..start + length;
    let (has_default, value) = match &text[name.end..] {
        after if after.starts_with('}') => (false, name.end),
        after if after.starts_with(":-") => (true, name.end + 2),
        _ => return None,
    };
    let end = value + text[value..].find('}')?;
    Some(Reference {
        opening: at..value,
        closing: end..end + 1,
        name,
        has_default,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "A" => Some("1".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced() {
        for (text, result) in [
            ("", ""),
            ("plain $ $x {A}", "plain $ $x {A}"),
            ("${A}", "1"),
            ("x${A}y${A}", "x1y1"),
            ("${NONE:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${NONE:-}", ""),
            ("${A:-d}", "1"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$$", "$$"),
            ("é$é${A}é", "é$é1é"),
        ] {
            assert_eq!(substitute(text, &env).expect(text).text, result, "{text}");
        }
    }

    #[test]
    fn errors_name_every_variable() {
        let unset = |name: &str| SubstituteError::Unset { name: name.into() };
        let empty = SubstituteError::Empty {
            name: "EMPTY".into(),
        };
        assert_eq!(
            substitute("${B} ${EMPTY} ${C}", &env),
            Err(vec![unset("B"), empty, unset("C")])
        );
        for text in [
            "${", "${}", "${A", "${1}", "${A-x}", "${A:x}", "${a b}", "${A:-x",
        ] {
            let error = substitute(text, &env).expect_err(text);
            assert_eq!(error[0], SubstituteError::Malformed, "{text}");
        }
    }

    #[test]
    fn literals_are_told_from_references() {
        let of = |text: &str| {
            let it = substitute(text, &env).expect(text);
            (it.refers, it.literal, it.may_be_empty)
        };
        assert_eq!(of("x"), (false, true, false));
        assert_eq!(of("${A}"), (true, false, false));
        assert_eq!(of("${A:-x}"), (true, false, false));
        assert_eq!(of("${B:-x}"), (true, true, false));
        assert_eq!(of("${B:-}"), (true, false, true));
        assert_eq!(of("$${"), (false, true, false));
    }

    #[test]
    fn escapes_are_undone_where_nothing_is_replaced() {
        assert_eq!(unescape("a$${b}"), Some("a${b}".into()));
        assert_eq!(unescape("a$b"), Some("a$b".into()));
        assert_eq!(unescape("${A}"), None);
        assert_eq!(unescape("${"), None);
    }
}
