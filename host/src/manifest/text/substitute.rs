//! Environment variables in strings of the manifest: `${NAME}` and `${NAME:-default}`.
//!
//! `$${` stands for the two characters `${`. A `$` before anything else is itself. A default is
//! taken as it is written, so a `${` in a default is a mistake.

use zeroize::Zeroizing;

use super::tree::Span;

/// A reference to a variable in a text. The spans are in bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// `${NAME` or `${NAME:-`.
    pub(crate) opening: Span,
    /// `}`. The default is between `opening` and `closing`.
    pub(crate) closing: Span,
    name: Span,
    has_default: bool,
}

impl Reference {
    /// The name of the variable. `text` is the text with the reference.
    pub(crate) fn name<'t>(&self, text: &'t str) -> &'t str {
        &text[self.name.clone()]
    }
}

/// A text with its variables replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Substituted {
    /// The text with values for the references.
    pub(crate) text: String,
    /// Whether the text contains a reference.
    pub(crate) refers: bool,
    /// Whether a part of the result is written in the manifest itself, as a literal or a default.
    pub(crate) literal: bool,
    /// Whether the text allows an empty result, by an empty default.
    pub(crate) may_be_empty: bool,
}

/// The reason why a variable cannot be replaced. Messages contain variable names but no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubstituteError {
    #[error("the environment variable `{name}` is not set")]
    Unset { name: String },
    #[error("the environment variable `{name}` is empty")]
    Empty { name: String },
    #[error("`${{` does not begin a reference to an environment variable")]
    Malformed,
    #[error("the default of the environment variable `{name}` contains `${{`")]
    Nested { name: String },
}

impl SubstituteError {
    /// The help for the user.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Unset { name } => {
                format!("set the variable, or write `${{{name}:-default}}` to give a default")
            }
            Self::Empty { name } => {
                format!("set the variable, or write `${{{name}:-}}` to allow an empty value")
            }
            Self::Malformed => {
                "write `${NAME}` or `${NAME:-default}`, or write `$${` for `${` itself".to_owned()
            }
            Self::Nested { name } => {
                format!("write a default without references, such as `${{{name}:-default}}`")
            }
        }
    }
}

/// Whether the text contains `${`, in a reference or escaped.
pub(crate) fn mentions(text: &str) -> bool {
    text.contains("${")
}

/// The references in a text, in order. A malformed reference is left out.
pub(crate) fn references(text: &str) -> Vec<Reference> {
    pieces(text)
        .filter_map(|piece| match piece {
            Piece::Reference(reference) => Some(reference),
            _ => None,
        })
        .collect()
}

/// The text with `${` for each `$${`. `None` if the text contains a reference.
pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Literal(span) => plain.push_str(&text[span]),
            Piece::Escape => plain.push_str("${"),
            Piece::Reference(_) | Piece::Malformed | Piece::Nested(_) => return None,
        }
    }
    Some(plain)
}

/// The text with the values of `env` for its references. As in a shell, an empty variable gets the
/// default. An empty variable without a default is an error.
pub(crate) fn substitute(
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
            Piece::Nested(name) => {
                let name = text[name].to_owned();
                errors.push(SubstituteError::Nested { name });
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
    /// The value of a variable. It may be a secret, so its memory is wiped on drop.
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
    /// A reference whose default contains `${`, with the span of the name.
    Nested(Span),
}

/// The pieces of a text, from left to right.
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
                Some(reference) if is_nested(text, &reference) => {
                    at = end_of_nested(text, at);
                    Piece::Nested(reference.name)
                }
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
        // The search begins after the first character, to skip a lone `$`.
        let next = rest.char_indices().skip(1).find(|(index, _)| {
            let here = &rest[*index..];
            here.starts_with("${") || here.starts_with("$${")
        });
        at += next.map_or(rest.len(), |(index, _)| index);
        Some(Piece::Literal(start..at))
    })
}

/// The reference at byte `at` of the text.
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

/// Whether the default of a reference contains `${`.
fn is_nested(text: &str, reference: &Reference) -> bool {
    mentions(&text[reference.opening.end..reference.closing.start])
}

/// The end of the braces that open at byte `at` of the text: where the brace that fits is, or at
/// the end of the text.
fn end_of_nested(text: &str, at: usize) -> usize {
    let mut depth = 0;
    for (index, byte) in text.bytes().enumerate().skip(at) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return index + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
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
    fn a_reference_in_a_default_is_an_error_whether_or_not_the_variable_is_set() {
        for name in ["A", "EMPTY", "NONE"] {
            let nested = SubstituteError::Nested { name: name.into() };
            for default in ["${B:-x}", "a${B}b", "${", "$${x}", "${C:-${B:-x}}"] {
                let text = format!("${{{name}:-{default}}}");
                let errors = substitute(&text, &env).expect_err(&text);
                assert_eq!(errors, std::slice::from_ref(&nested), "{text}");
                assert_eq!(unescape(&text), None, "{text}");
            }
        }
        let unset = SubstituteError::Unset { name: "B".into() };
        let nested = SubstituteError::Nested { name: "A".into() };
        let errors = substitute("${A:-${B}} and ${B}", &env).expect_err("two mistakes");
        assert_eq!(errors, [nested, unset], "the text after it is read on");
    }

    #[test]
    fn literals_are_told_from_references() {
        let of = |text: &str| {
            let done = substitute(text, &env).expect(text);
            (done.refers, done.literal, done.may_be_empty)
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
