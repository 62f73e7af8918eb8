//! Patterns over event types and URLs, in which `*` stands for any characters.

use std::fmt;

/// A pattern over event types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(String);

impl EventPattern {
    /// A pattern in which `*` stands for any characters, dots too, or none; every other
    /// character stands for itself.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of this type is meant. Takes time in proportion to the product
    /// of both lengths at most.
    pub fn matches(&self, kind: &str) -> bool {
        let (pattern, kind) = (self.0.as_bytes(), kind.as_bytes());
        let (mut p, mut k) = (0, 0);
        // Where to go on if what follows the last star does not fit here: the star only
        // has to swallow one more byte, since an earlier star can gain nothing.
        let mut star: Option<(usize, usize)> = None;
        while k < kind.len() {
            if pattern.get(p) == Some(&b'*') {
                star = Some((p + 1, k));
                p += 1;
            } else if pattern.get(p) == Some(&kind[k]) {
                p += 1;
                k += 1;
            } else if let Some((after, swallowed)) = star {
                star = Some((after, swallowed + 1));
                p = after;
                k = swallowed + 1;
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|byte| *byte == b'*')
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[test]
    fn patterns_match_by_star_alone() {
        for (pattern, kind, matches) in [
            ("invoice.paid", "invoice.paid", true),
            ("invoice.paid", "invoice.paid2", false),
            ("invoice.*", "invoice.paid", true),
            ("invoice.*", "invoice.payment.failed", true),
            ("invoice.*", "invoice.", true),
            ("invoice.*", "invoice", false),
            ("*", "", true),
            ("*", "anything", true),
            ("*.deleted", "customer.subscription.deleted", true),
            ("*.deleted", "deleted", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("invoice.?", "invoice.x", false),
            ("Invoice.*", "invoice.paid", false),
            ("*é*", "caféteria", true),
        ] {
            assert_eq!(
                EventPattern::new(pattern).matches(kind),
                matches,
                "{pattern} on {kind}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// The obvious recursive definition, as an oracle.
        #[test]
        fn patterns_match_as_defined(pattern in "[ab*]{0,8}", kind in "[ab]{0,10}") {
            fn oracle(pattern: &[u8], kind: &[u8]) -> bool {
                match (pattern, kind) {
                    ([], []) => true,
                    ([b'*', rest @ ..], _) => {
                        (0..=kind.len()).any(|swallowed| oracle(rest, &kind[swallowed..]))
                    }
                    ([a, pattern @ ..], [b, kind @ ..]) if a == b => oracle(pattern, kind),
                    _ => false,
                }
            }
            prop_assert_eq!(
                EventPattern::new(pattern.clone()).matches(&kind),
                oracle(pattern.as_bytes(), kind.as_bytes())
            );
        }
    }
}
