//! Removes the white space between the parts of a JSON text. All other bytes stay.

/// The text without white space outside strings. A text that is no JSON loses its white space too.
pub fn minified(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        } else {
            in_string = byte == b'"';
        }
        out.push(byte);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_white_space_between_parts_goes() {
        let text = "{ \"a b\" :\t[1.0 , \"\\\" \\\\\" , \"c\\/d \u{2028}\" ]\r\n}\n";
        let expected = "{\"a b\":[1.0,\"\\\" \\\\\",\"c\\/d \u{2028}\"]}";
        assert_eq!(minified(text.as_bytes()), expected.as_bytes());
    }

    proptest! {
        #[test]
        fn the_value_is_the_same(words in prop::collection::vec("[ -~]{0,9}", 0..6)) {
            let value = Value::from(words);
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(minified(&pretty), value.to_string().into_bytes());
        }
    }
}
