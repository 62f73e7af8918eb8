//! The differences between two runs.

use serde::Serialize;

/// How many characters of a body or a value are shown.
const SHOWN: usize = 400;

/// A difference between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// The part that differs: `outcome`, `request 1`, `event 1`, `scheduled 1` or `state KEY`.
    pub(crate) what: String,
    /// The part in the first run. `None` if the run has no such part.
    pub(crate) was: Option<String>,
    /// The part in the candidate's run. `None` if the run has no such part.
    pub(crate) is: Option<String>,
}

/// One effect of a run. The text for users may leave out a part of the effect.
#[derive(PartialEq)]
pub(super) struct Effect {
    pub(super) compared: String,
    pub(super) shown: String,
}

impl Effect {
    /// An effect whose text for users is complete, except for its length.
    pub(super) fn plain(text: String) -> Self {
        Self {
            shown: shorten(&text),
            compared: text,
        }
    }
}

/// Adds the differences between two lists of effects.
pub(super) fn compare_all(found: &mut Vec<Difference>, what: &str, was: &[Effect], is: &[Effect]) {
    for n in 0..was.len().max(is.len()) {
        compare(found, format!("{what} {}", n + 1), was.get(n), is.get(n));
    }
}

/// Adds the difference between two effects, if there is one.
pub(super) fn compare(
    found: &mut Vec<Difference>,
    what: String,
    was: Option<&Effect>,
    is: Option<&Effect>,
) {
    if was == is {
        return;
    }
    let shown = |effect: &Effect| effect.shown.clone();
    let (was, mut is) = (was.map(shown), is.map(shown));
    if was == is
        && let Some(is) = &mut is
    {
        is.push_str(" (the difference is not shown)");
    }
    found.push(Difference { what, was, is });
}

/// The first characters of a text.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
