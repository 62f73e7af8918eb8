//! Tests of the rules about heads.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// How a connection's bytes are judged, if they come in these parts: how many bytes come before the
/// head that breaks a rule, and the rule.
fn judge<'b>(
    parts: impl IntoIterator<Item = &'b [u8]>,
    rules: Strict,
) -> Result<(), (usize, Breach)> {
    let mut requests = Requests::new(rules);
    let (mut passed, mut began) = (0, 0);
    for part in parts {
        match requests.received(part) {
            Ok(()) => passed += part.len(),
            Err(broken) if broken.before > 0 => {
                return Err((passed + broken.before, broken.breach));
            }
            Err(broken) => {
                began = began.max(passed);
                return Err((began, broken.breach));
            }
        }
    }
    Ok(())
}

fn breach(text: &str, rules: Strict) -> Option<Breach> {
    judge([text.as_bytes()], rules)
        .err()
        .map(|(_, breach)| breach)
}

fn with(headers: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
}

fn judged(cases: impl IntoIterator<Item = (String, Option<Breach>)>) {
    for (head, expected) in cases {
        assert_eq!(breach(&head, Strict::ON), expected, "{head:?}");
    }
}

#[test]
fn usual_heads_pass() {
    judged([
        (with("Content-Length: 0\r\n"), None),
        (with("content-length:0\r\n"), None),
        (with("Content-Length: 0\r\nContent-Length:  0 \r\n"), None),
        (with("Transfer-Encoding: chunked\r\n"), None),
        (with("transfer-encoding:\tCHUNKED \r\n"), None),
        (with("X: \t a\tb\u{e9} \r\n"), None),
        (format!("\r\n\r\n{}", with("")), None),
        ("POST / HTTP/1.0\r\n\r\n".to_owned(), None),
    ]);
}

#[test]
fn the_body_is_delimited_in_one_way() {
    judged([
        (
            with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            Some(Breach::LengthAndEncoding),
        ),
        (
            with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
            Some(Breach::LengthAndEncoding),
        ),
        (
            with("Transfer-Encoding: gzip, chunked\r\n"),
            Some(Breach::OtherEncoding),
        ),
        (
            with("Transfer-Encoding: chunked, chunked\r\n"),
            Some(Breach::OtherEncoding),
        ),
        (
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            Some(Breach::OtherEncoding),
        ),
        (
            with("Transfer-Encoding: xchunked\r\n"),
            Some(Breach::OtherEncoding),
        ),
        (
            with("Transfer-Encoding: \"chunked\"\r\n"),
            Some(Breach::OtherEncoding),
        ),
        (with("Transfer-Encoding:\r\n"), Some(Breach::OtherEncoding)),
        (
            with(&format!("Transfer-Encoding:{}chunked\r\n", "a,".repeat(99))),
            Some(Breach::OtherEncoding),
        ),
    ]);
}

#[test]
fn lines_end_with_cr_lf() {
    judged([
        (
            "POST / HTTP/1.1\nHost: x\r\n\r\n".to_owned(),
            Some(Breach::BareLf),
        ),
        (with("A: b\nC: d\r\n"), Some(Breach::BareLf)),
        (with("\n"), Some(Breach::BareLf)),
        (with("A: b\r\n\n"), Some(Breach::BareLf)),
        ("\nPOST / HTTP/1.1\r\n".to_owned(), Some(Breach::BareLf)),
        (with("A: b\rc\r\n"), Some(Breach::BareCr)),
        (with("A: b\r\r\n"), Some(Breach::BareCr)),
        ("POST /\r HTTP/1.1\r\n".to_owned(), Some(Breach::BareCr)),
        (with("A: b\r\n c\r\n"), Some(Breach::Fold)),
        (with("A: b\r\n\tContent-Length: 5\r\n"), Some(Breach::Fold)),
        (
            "POST / HTTP/1.1\r\n Host: x\r\n".to_owned(),
            Some(Breach::Fold),
        ),
    ]);
}

#[test]
fn names_lengths_and_bytes_are_in_the_form_of_the_standard() {
    judged([
        (
            with("Content-Length : 5\r\n"),
            Some(Breach::SpaceBeforeColon),
        ),
        (
            with("Content-Length\t: 5\r\n"),
            Some(Breach::SpaceBeforeColon),
        ),
        (
            with("Content-Length: 5\r\nContent-Length: 6\r\n"),
            Some(Breach::Length),
        ),
        (with("Content-Length: 5, 5\r\n"), Some(Breach::Length)),
        (with("Content-Length: +5\r\n"), Some(Breach::Length)),
        (with("Content-Length: 5 5\r\n"), Some(Breach::Length)),
        (with("Content-Length: 0x5\r\n"), Some(Breach::Length)),
        (with("Content-Length:\r\n"), Some(Breach::Length)),
        (
            with("Content-Length: 18446744073709551616\r\n"),
            Some(Breach::Length),
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
            Some(Breach::OldEncoding),
        ),
        (
            "POST /\u{7f} HTTP/1.1\r\n".to_owned(),
            Some(Breach::ControlByte),
        ),
        (
            "POST /\0 HTTP/1.1\r\n".to_owned(),
            Some(Breach::ControlByte),
        ),
        ("POST\t/ HTTP/1.1\r\n".to_owned(), Some(Breach::ControlByte)),
        (with("A: b\0c\r\n"), Some(Breach::ControlByte)),
        ("POST / HTTP/1.2\r\n".to_owned(), Some(Breach::Malformed)),
        ("POST / HTTP/1.1 \r\n".to_owned(), Some(Breach::Malformed)),
        ("POST /\r\n".to_owned(), Some(Breach::Malformed)),
        (with("A\r\n"), Some(Breach::Malformed)),
        (with(": a\r\n"), Some(Breach::Malformed)),
        (with("A(b): c\r\n"), Some(Breach::Malformed)),
    ]);
}

#[test]
fn a_rule_can_be_off() {
    let both = with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    let other = with("Transfer-Encoding: gzip, chunked\r\n");
    let bare = with("A: b\nC: d\n\n");
    for (text, off) in [
        (
            both,
            Strict {
                length_and_encoding: false,
                ..Strict::ON
            },
        ),
        (
            other,
            Strict {
                other_encoding: false,
                ..Strict::ON
            },
        ),
        (
            bare,
            Strict {
                bare_lf: false,
                ..Strict::ON
            },
        ),
    ] {
        assert!(breach(&text, Strict::ON).is_some(), "{text:?}");
        assert_eq!(breach(&text, off), None, "{text:?}");
    }
    // hyper refuses an encoding without an end in any case.
    let endless = with("Transfer-Encoding: chunked, gzip\r\n");
    let off = Strict {
        other_encoding: false,
        ..Strict::ON
    };
    assert_eq!(breach(&endless, off), Some(Breach::OtherEncoding));
}

#[test]
fn heads_after_bodies_are_judged() {
    let bad = "POST / HTTP/1.1\nX";
    let with_body = |length: usize, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let chunked = |body: &str| with("Transfer-Encoding: chunked\r\n") + body;
    for good in [
        with(""),
        // What looks like a bad head is a body.
        with_body(17, "POST / HTTP/1.1\nX"),
        chunked("0\r\n\r\n"),
        chunked("2;a=\"b\"\r\n\n\n\r\n00A \r\n0123456789\r\n0;x\r\nTrailer: 1\r\nB:\r\n\r\n"),
        with("") + &with_body(3, "abc") + &chunked("1\r\nx\r\n0\r\n\r\n"),
    ] {
        let text = format!("{good}{bad}");
        let found = judge([text.as_bytes()], Strict::ON);
        assert_eq!(found, Err((good.len(), Breach::BareLf)), "{text:?}");
        assert_eq!(breach(&good, Strict::ON), None, "{good:?}");
    }
    // hyper refuses these bodies, so there is no next head.
    for body in [
        "\r\n",
        "x\r\n",
        "1\r\nxx",
        "1\nx\r\n",
        "1\r\nx\n",
        "0\r\n\rx",
        "fffffffffffffffff\r\n",
    ] {
        assert_eq!(
            breach(&format!("{}{bad}", chunked(body)), Strict::ON),
            None,
            "{body:?}"
        );
    }
}

/// A head or a body as senders and attackers write it, or a part of one.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => Just("POST / HTTP/1.1\r\nHost: x\r\n".to_owned()),
        2 => Just("\r\n".to_owned()),
        2 => Just("Content-Length: 3\r\n\r\nabc".to_owned()),
        2 => Just("Transfer-Encoding: chunked\r\n\r\n".to_owned()),
        1 => Just("Transfer-Encoding: gzip, chunked\r\n".to_owned()),
        1 => Just("Content-Length : 3\r\n".to_owned()),
        2 => Just("2\r\nab\r\n0\r\n\r\n".to_owned()),
        1 => "[ -~\r\n\t\0]{0,12}",
        1 => "[A-Za-z-]{1,20}: [ -~]{0,70}\r\n",
    ]
}

proptest! {
    /// A connection is judged alike however its bytes are cut.
    #[test]
    fn cuts_change_nothing(
        pieces in prop::collection::vec(piece(), 1..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        length_and_encoding in any::<bool>(),
        other_encoding in any::<bool>(),
        bare_lf in any::<bool>(),
    ) {
        let rules = Strict { length_and_encoding, other_encoding, bare_lf, ..Strict::ON };
        let text = pieces.concat();
        let bytes = text.as_bytes();
        let whole = judge([bytes], rules).map_err(|(_, breach)| breach);
        let each = judge(bytes.chunks(1), rules).map_err(|(_, breach)| breach);
        prop_assert_eq!(whole, each);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut parts, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            parts.push(&bytes[from..cut]);
            from = cut;
        }
        let cut = judge(parts, rules).map_err(|(_, breach)| breach);
        prop_assert_eq!(whole, cut);
    }
}

/// How many whole requests hyper serves of these bytes, as the gateway sets hyper up, and whether
/// hyper refuses what follows them.
fn served(bytes: &[u8]) -> (usize, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let whole = Arc::new(AtomicUsize::new(0));
    let service = |request: hyper::Request<Incoming>| {
        let whole = whole.clone();
        async move {
            if request.into_body().collect().await.is_ok() {
                whole.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()))
        }
    };
    let refused = runtime.block_on(async {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (mut read, mut write) = tokio::io::split(near);
        let server = http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(far), service_fn(service));
        let client = async {
            // The server may end the connection before it has read all.
            _ = write.write_all(bytes).await;
            _ = write.shutdown().await;
            _ = read.read_to_end(&mut Vec::new()).await;
        };
        tokio::join!(server, client).0.is_err()
    });
    (whole.load(Ordering::Relaxed), refused)
}

/// How many whole requests are in the bytes, in the view of the rules, and how many bytes hyper
/// gets.
fn followed(bytes: &[u8], rules: Strict) -> (usize, usize) {
    let mut requests = Requests::new(rules);
    let passed = match requests.received(bytes) {
        Ok(()) => bytes.len(),
        Err(broken) => broken.before,
    };
    // Byte by byte, a place at the start of a head is seen.
    let (mut requests, mut whole) = (Requests::new(rules), 0);
    for byte in bytes[..passed].chunks(1) {
        let was_within = !requests.is_between();
        requests.received(byte).unwrap();
        whole += usize::from(was_within && requests.is_between());
    }
    (whole, passed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is passed on to hyper, hyper sees the requests that were followed, and no other.
    #[test]
    fn hyper_sees_the_same_requests(
        pieces in prop::collection::vec(piece(), 1..12),
        length_and_encoding in any::<bool>(),
        other_encoding in any::<bool>(),
        bare_lf in any::<bool>(),
    ) {
        let rules = Strict { length_and_encoding, other_encoding, bare_lf, ..Strict::ON };
        let text = pieces.concat();
        let (whole, passed) = followed(text.as_bytes(), rules);
        let (served, refused) = served(&text.as_bytes()[..passed]);
        // hyper closes a connection after a request with both lengths.
        prop_assert!(served <= whole, "{text:?}: {served} instead of {whole}");
        if rules.length_and_encoding && !refused {
            prop_assert_eq!(served, whole, "{:?}", text);
        }
    }
}
