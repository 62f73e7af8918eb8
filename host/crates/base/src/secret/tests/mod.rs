//! Tests of the debug output and the comparison of secrets.

mod source;

use super::*;

#[test]
fn what_is_equal_is_the_same_to_the_last_byte() {
    assert!(equal(b"", b""));
    assert!(equal(b"abc", b"abc"));
    for other in [&b"abd"[..], b"bbc", b"ab", b"abcd", b""] {
        assert!(!equal(b"abc", other), "{other:?}");
    }
    let any = |others: &[&'static [u8]]| equal_to_any(b"abc", others.iter().copied());
    assert!(any(&[b"x", b"abc", b"y"]));
    assert!(!any(&[b"x", b"y"]));
    assert!(!any(&[]));
}

#[test]
fn debug_output_holds_no_secret() {
    let shown = format!("{:?}", Secret::new("hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("104, 117"), "nor its bytes: {shown}");
}
