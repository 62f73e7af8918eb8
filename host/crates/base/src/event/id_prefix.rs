//! The beginning of an event's id, as people type it.

use super::id::EventId;

/// The fewest hex digits of a beginning.
const FEWEST: usize = 4;
/// The hex digits of a whole id.
const WHOLE: usize = 32;

/// The first and the last id with a beginning, or `None` if the text is no beginning of an id:
/// hexadecimal digits, four at least. Hyphens mean nothing.
pub fn ids_beginning(text: &str) -> Option<(EventId, EventId)> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != '-')
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| (FEWEST..=WHOLE).contains(&digits.len()))?;
    let filled = |by: u8| {
        let mut bytes = [0; WHOLE / 2];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digit = |at: usize| digits.get(at).copied().unwrap_or(by);
            *byte = digit(2 * at) << 4 | digit(2 * at + 1);
        }
        EventId::from_bytes(bytes)
    };
    Some((filled(0), filled(0xf)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn range(text: &str) -> (String, String) {
        let (first, last) = ids_beginning(text).unwrap();
        (first.to_string(), last.to_string())
    }

    #[test]
    fn a_beginning_stands_for_a_range_of_ids() {
        let (first, last) = range("019ad2f1-8C");
        assert_eq!(first, "019ad2f1-8c00-0000-0000-000000000000");
        assert_eq!(last, "019ad2f1-8cff-ffff-ffff-ffffffffffff");
        let (first, last) = range("019a");
        assert_eq!(first, "019a0000-0000-0000-0000-000000000000");
        assert_eq!(last, "019affff-ffff-ffff-ffff-ffffffffffff");
        let whole = "019ad2f1-8c3b-7000-8000-0123456789ab";
        assert_eq!(range(whole), (whole.to_owned(), whole.to_owned()));
    }

    #[test]
    fn what_is_no_beginning_is_told() {
        let long = "0".repeat(33);
        for text in ["", "019", "0-1-9", "evt_1", "019g", "été0", &long] {
            assert_eq!(ids_beginning(text), None, "{text}");
        }
    }
}
