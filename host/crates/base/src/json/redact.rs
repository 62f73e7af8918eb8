//! Removes values from a JSON text. All other bytes stay.

use super::error::{Fault, NotJson};
use super::pointer::{Node, PointerSet};
use super::scan::Scan;

/// The text in the place of a removed value.
const REDACTED: &[u8] = b"null";

/// The text with `null` in the place of each value at a pointer. If an object names a key several
/// times, each of its values is removed, not only the value that counts.
///
/// Fails if `text` is not one whole JSON value.
pub fn redact(text: &[u8], pointers: &PointerSet) -> Result<Vec<u8>, NotJson> {
    let mut spans = Vec::new();
    let mut scan = Scan::new(text);
    find(&mut scan, &pointers.root, &mut spans, 0)?;
    scan.end()?;
    let mut redacted = Vec::with_capacity(text.len());
    let mut from = 0;
    for (at, length) in spans {
        redacted.extend_from_slice(&text[from..at]);
        redacted.extend_from_slice(REDACTED);
        from = at + length;
    }
    redacted.extend_from_slice(&text[from..]);
    Ok(redacted)
}

/// Finds the values: the index and the length of each, in the order of the text.
fn find(
    scan: &mut Scan<'_>,
    node: &Node,
    spans: &mut Vec<(usize, usize)>,
    depth: usize,
) -> Result<(), Fault> {
    if node.slot.is_some() {
        let (at, raw) = scan.value(depth)?;
        spans.push((at, raw.len()));
        return Ok(());
    }
    match scan.peek() {
        Some(b'{') => scan.object(depth, |scan, key| match node.named(&key) {
            Some(child) => find(scan, child, spans, depth + 1),
            None => scan.skip(depth + 1),
        }),
        Some(b'[') => scan.array(depth, |scan, at| match node.item(at) {
            Some(child) => find(scan, child, spans, depth + 1),
            None => scan.skip(depth + 1),
        }),
        _ => scan.skip(depth),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn redacted(text: &str, pointers: &[&str]) -> String {
        let pointers = PointerSet::new(pointers).unwrap();
        String::from_utf8(redact(text.as_bytes(), &pointers).unwrap()).unwrap()
    }

    #[test]
    fn values_are_taken_out_and_the_rest_stays() {
        let text = r#"{ "id": "evt_1" , "c": {"name":"Ada", "tags":[1, {"x":2}]} }"#;
        assert_eq!(
            redacted(text, &["/c/name", "/c/tags/1", "/nowhere"]),
            r#"{ "id": "evt_1" , "c": {"name":null, "tags":[1, null]} }"#
        );
        assert_eq!(
            redacted(text, &["/c", "/c/name"]),
            r#"{ "id": "evt_1" , "c": null }"#
        );
        assert_eq!(redacted(text, &[""]), "null");
        assert_eq!(redacted(text, &[]), text);
    }

    #[test]
    fn a_key_that_is_repeated_or_escaped_is_taken_out_everywhere() {
        assert_eq!(
            redacted(
                r#"{"a":"one","\u0061":"two","b":3,"a":{"x":"three"}}"#,
                &["/a"]
            ),
            r#"{"a":null,"\u0061":null,"b":3,"a":null}"#
        );
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for text in ["", "a=b", "{\"a\":1", "{\"a\":1}x"] {
            let pointers = PointerSet::new(&["/a"]).unwrap();
            assert!(redact(text.as_bytes(), &pointers).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_a_value_is_left_and_nothing_else_is_lost(
            keep in "[a-z]{1,8}",
            secret in "[A-Z]{6,12}",
            before in prop::collection::vec(any::<i32>(), 0..4),
            deep in 0..4_usize,
        ) {
            let mut value = json!({ "secret": secret.as_str(), "keep": keep, "n": before });
            let mut pointer = "/secret".to_owned();
            for level in 0..deep {
                value = json!({ "other": [level], "in": value });
                pointer.insert_str(0, "/in");
            }
            let text = value.to_string();
            let found = redacted(&text, &[&pointer]);
            prop_assert!(!found.contains(&secret));
            *value.pointer_mut(&pointer).unwrap() = Value::Null;
            prop_assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), value);
        }
    }
}
