//! Numbers as texts with so many decimals, without a float on the way: an amount is signed as it
//! is formatted.

/// The digits that a number may have on either side of its point.
const MAX_DIGITS: usize = 64;

/// The decimals of a currency by ISO 4217, where it is not two.
const CURRENCIES: &[(u8, &[&str])] = &[
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
    (4, &["CLF", "UYW"]),
];

/// The number of decimals of a currency.
pub(super) fn of_currency(code: &str) -> u8 {
    let is_code = |known: &&str| known.eq_ignore_ascii_case(code);
    let found = CURRENCIES
        .iter()
        .find(|(_, codes)| codes.iter().any(is_code));
    found.map_or(2, |(places, _)| *places)
}

/// The number, rounded half away from zero to so many decimals. `None` if the text is no decimal
/// number as JSON writes numbers, or has too many digits.
pub(super) fn rounded(number: &str, places: u8) -> Option<String> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = [whole, fraction]
        .iter()
        .all(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let has_point = number.contains('.');
    if !all_digits || whole.is_empty() || has_point && fraction.is_empty() {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let (digits, point) = with_point_inside(digits, point)?;
    let kept = point + usize::from(places);
    let mut shown: Vec<u8> = digits.iter().copied().take(kept).collect();
    shown.resize(kept, b'0');
    if digits.get(kept).is_some_and(|digit| *digit >= b'5') {
        add_one(&mut shown);
    }
    let point = shown.len() - usize::from(places);
    let (whole, fraction) = shown.split_at(point);
    let whole = std::str::from_utf8(whole).ok()?.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = std::str::from_utf8(fraction).ok()?;
    let is_zero = whole == "0" && fraction.bytes().all(|digit| digit == b'0');
    let sign = if negative && !is_zero { "-" } else { "" };
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{fraction}"))
}

/// The digits with zeros around them, so that the point stands among them.
fn with_point_inside(mut digits: Vec<u8>, point: i32) -> Option<(Vec<u8>, usize)> {
    let distance = usize::try_from(point.unsigned_abs()).ok()?;
    if digits.len() > MAX_DIGITS || distance > MAX_DIGITS {
        return None;
    }
    if point < 0 {
        digits.splice(0..0, std::iter::repeat_n(b'0', distance));
        return Some((digits, 0));
    }
    if digits.len() < distance {
        digits.resize(distance, b'0');
    }
    Some((digits, distance))
}

fn add_one(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_formatted_digit_by_digit() {
        for (number, places, expected) in [
            ("1.0", 2, "1.00"),
            ("12.5", 3, "12.500"),
            ("100", 2, "100.00"),
            ("100", 0, "100"),
            ("0.005", 2, "0.01"),
            ("0.004", 2, "0.00"),
            ("-0.004", 2, "0.00"),
            ("-1.005", 2, "-1.01"),
            ("9.999", 2, "10.00"),
            ("99.5", 0, "100"),
            ("1e3", 2, "1000.00"),
            ("1.25e-1", 2, "0.13"),
            ("007.10", 2, "7.10"),
            // A double would give 1.00 and 9007199254740992.00.
            ("1.005", 2, "1.01"),
            ("9007199254740993", 2, "9007199254740993.00"),
        ] {
            assert_eq!(
                rounded(number, places).as_deref(),
                Some(expected),
                "{number}"
            );
        }
        for wrong in [
            "",
            ".5",
            "5.",
            "1_0",
            "+1",
            "1e",
            "0x1",
            "1e999999999",
            "ten",
            "1.-5",
        ] {
            assert_eq!(rounded(wrong, 2), None, "{wrong}");
        }
    }

    #[test]
    fn currencies_have_their_decimals() {
        let places = ["SAR", "kwd", "JPY", "CLF", ""].map(of_currency);
        assert_eq!(places, [2, 3, 0, 4, 2]);
    }

    proptest! {
        #[test]
        fn the_result_is_the_nearest_of_whole_steps(whole in 0_u64..1_000_000_000, parts in 0_u64..10_000) {
            // In steps of a ten-thousandth.
            let number = format!("{whole}.{parts:04}");
            let exact = whole * 10_000 + parts;
            let nearest = (exact + 50) / 100;
            let expected = format!("{}.{:02}", nearest / 100, nearest % 100);
            prop_assert_eq!(rounded(&number, 2), Some(expected));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE_ ]{0,24}", places in 0_u8..10) {
            if let Some(number) = rounded(&text, places) {
                prop_assert_eq!(rounded(&number, places), Some(number));
            }
        }
    }
}
