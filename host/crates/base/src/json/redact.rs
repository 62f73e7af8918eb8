//! Removes values from a JSON text. All other bytes stay.

use std::borrow::Cow;

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
    replace(text, pointers, |_, _| Some(REDACTED.into()))
}

/// The text with other bytes in the place of the values at the pointers. `with` gets the index that
/// [`PointerSet::add`] returned and the bytes of the value; a value for which it returns `None`
/// stays. The rest of the text stays byte for byte.
///
/// Fails if `text` is not one whole JSON value.
pub fn replace<'w>(
    text: &[u8],
    pointers: &PointerSet,
    with: impl Fn(usize, &[u8]) -> Option<Cow<'w, [u8]>>,
) -> Result<Vec<u8>, NotJson> {
    let mut found = Vec::new();
    let mut scan = Scan::new(text);
    find(&mut scan, &pointers.root, &mut found, 0)?;
    scan.end()?;
    let mut replaced = Vec::with_capacity(text.len());
    let mut from = 0;
    for Found { slot, at, length } in found {
        if let Some(other) = with(slot, &text[at..at + length]) {
            replaced.extend_from_slice(&text[from..at]);
            replaced.extend_from_slice(&other);
            from = at + length;
        }
    }
    replaced.extend_from_slice(&text[from..]);
    Ok(replaced)
}

/// A value at a pointer.
struct Found {
    /// The index of the pointer.
    slot: usize,
    /// The index of the value's first byte.
    at: usize,
    length: usize,
}

/// Finds the values, in the order of the text.
fn find(
    scan: &mut Scan<'_>,
    node: &Node,
    found: &mut Vec<Found>,
    depth: usize,
) -> Result<(), Fault> {
    if let Some(slot) = node.slot {
        let (at, raw) = scan.value(depth)?;
        let length = raw.len();
        found.push(Found { slot, at, length });
        return Ok(());
    }
    match scan.peek() {
        Some(b'{') => scan.object(depth, |scan, key| match node.named(&key) {
            Some(child) => find(scan, child, found, depth + 1),
            None => scan.skip(depth + 1),
        }),
        Some(b'[') => scan.array(depth, |scan, at| match node.item(at) {
            Some(child) => find(scan, child, found, depth + 1),
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
    fn values_are_replaced_and_the_rest_stays_byte_for_byte() {
        let pointers = PointerSet::new(&["/b/c", "/a"]).unwrap();
        let text = r#"{ "a": 1.00, "b" : {"c":"\u00e9", "d":2}, "a":3 }"#;
        let replaced = replace(text.as_bytes(), &pointers, |slot, raw| match slot {
            0 => Some(format!("[{}]", raw.len()).into_bytes().into()),
            _ => (raw == b"3").then(|| b"4"[..].into()),
        });
        let wanted = r#"{ "a": 1.00, "b" : {"c":[8], "d":2}, "a":4 }"#;
        assert_eq!(String::from_utf8(replaced.unwrap()).unwrap(), wanted);
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
