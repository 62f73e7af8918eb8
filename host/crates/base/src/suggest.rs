//! Finds the name that a person probably meant.

/// The name that is most similar to `written`. `None` if more than a third of the longer name
/// differs.
pub fn nearest<'c>(written: &str, names: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Names are short. A longer text is no misspelling of a name and would only cost time.
    const LONGEST: usize = 128;
    let written: Vec<char> = written.to_lowercase().chars().collect();
    if written.len() > LONGEST {
        return None;
    }
    names
        .into_iter()
        .filter_map(|name| {
            let letters: Vec<char> = name.chars().collect();
            let allowed = written.len().max(letters.len()).div_ceil(3);
            let steps = distance(&written, &letters);
            (steps <= allowed && steps < letters.len()).then_some((steps, name))
        })
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, name)| name)
}

/// The name that was meant, if `written` is no name and differs from a name in one or two letters.
pub fn misspelled<'c>(
    written: &str,
    names: impl IntoIterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    const MOST: usize = 2;
    if names.clone().into_iter().any(|name| name == written) {
        return None;
    }
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    nearest(written, names).filter(|name| distance(&letters(written), &letters(name)) <= MOST)
}

/// The number of steps from `a` to `b`. A step adds, removes or replaces a letter, or swaps two
/// neighbours (the optimal string alignment distance).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_misspelled_by_a_letter_or_two() {
        let names = ["invoice.paid", "invoice.payment_failed", "payout.paid"];
        let meant = |written| misspelled(written, names);
        assert_eq!(meant("invoice.payd"), Some("invoice.paid"));
        assert_eq!(meant("invocie.paid"), Some("invoice.paid"));
        assert_eq!(meant("invoice.paid"), None);
        assert_eq!(meant("invoice.sent"), None);
        assert_eq!(meant("payout.failed"), None);
    }

    #[test]
    fn finds_misspellings_and_nothing_else() {
        let keys = ["timeout", "memory", "concurrency", "secrets", "path"];
        for (written, meant) in [
            ("timout", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("secret", Some("secrets")),
            ("paht", Some("path")),
            ("concurency", Some("concurrency")),
            ("order_by", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }

    #[test]
    fn counts_steps() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
        assert_eq!(distance(&chars("abc"), &chars("acb")), 1);
        assert_eq!(distance(&chars("kitten"), &chars("sitting")), 3);
    }
}
