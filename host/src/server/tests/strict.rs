//! Odd requests through sockets: what is refused, and what hyper does with it alone.

use super::*;

/// A setup with these rules.
async fn setup(strict: Strict) -> Setup {
    let limits = Limits { strict, ..limits() };
    Setup::with(fake(), limits).await
}

impl Setup {
    /// Waits until so many requests were refused for a reason. A connection that is refused is
    /// counted when it has ended.
    async fn counts(&self, code: &str, expected: u64) {
        let counted = async {
            while self.count(code) < expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let counted = timeout(PATIENCE, counted).await;
        counted.unwrap_or_else(|_| panic!("{code}: {:?}", self.codes()));
        assert_eq!(self.count(code), expected, "{:?}", self.codes());
    }
}

/// A signed POST with other headers instead of the host and the length, and with this body.
fn odd(line: &str, headers: &str, body: &str) -> Vec<u8> {
    let signature = signature(&event(1));
    format!("{line}\r\n{headers}{signature}\r\n{body}").into_bytes()
}

fn json() -> String {
    String::from_utf8(event(1)).unwrap()
}

fn chunked() -> String {
    let json = json();
    format!("{:x}\r\n{json}\r\n0\r\n\r\n", json.len())
}

const LINE: &str = "POST /hooks/stripe HTTP/1.1";
const HOST: &str = "host: x\r\n";
const TE: &str = "transfer-encoding: chunked\r\n";

fn length() -> String {
    format!("content-length: {}\r\n", json().len())
}

fn plain(headers: &str) -> Vec<u8> {
    odd(LINE, headers, &json())
}

fn chunks(headers: &str) -> Vec<u8> {
    odd(LINE, headers, &chunked())
}

fn line(line: &str) -> Vec<u8> {
    odd(line, &format!("{HOST}{}", length()), &json())
}

/// An odd request, its reason, and the status without the rules.
type Case = (&'static str, Vec<u8>, u16);

fn cases() -> Vec<Case> {
    [cases_of_rules(), cases_of_hyper()].concat()
}

/// Requests that a rule refuses.
fn cases_of_rules() -> Vec<Case> {
    let length = length();
    let bare = String::from_utf8(plain(&format!("{HOST}{length}"))).unwrap();
    let (head, body) = bare.split_once("\r\n\r\n").unwrap();
    let bare_lf = format!("{}\n\n{body}", head.replace("\r\n", "\n"));
    vec![
        (
            "length_and_encoding",
            chunks(&format!("{HOST}{length}{TE}")),
            200,
        ),
        (
            "length_and_encoding",
            chunks(&format!("{HOST}{TE}{length}")),
            200,
        ),
        (
            "other_encoding",
            chunks(&format!("{HOST}transfer-encoding: gzip, chunked\r\n")),
            200,
        ),
        ("other_encoding", chunks(&format!("{HOST}{TE}{TE}")), 200),
        (
            "other_encoding",
            chunks(&format!("{HOST}transfer-encoding: chunked, gzip\r\n")),
            400,
        ),
        ("bare_lf", bare_lf.into_bytes(), 200),
        ("host", plain(&length), 200),
        ("host", plain(&format!("{HOST}{HOST}{length}")), 200),
        ("host", plain(&format!("host: a b\r\n{length}")), 200),
        ("host", plain(&format!("host: x:99999\r\n{length}")), 200),
        ("host", line("POST http://u@x/hooks/stripe HTTP/1.1"), 200),
        ("host", line("POST ftp://x/hooks/stripe HTTP/1.1"), 200),
        ("malformed_head", line("POST /hooks/stripe#x HTTP/1.1"), 200),
        (
            "other_host",
            line("POST http://y/hooks/stripe HTTP/1.1"),
            200,
        ),
    ]
}

/// Requests that hyper mostly refuses by itself.
fn cases_of_hyper() -> Vec<Case> {
    let length = length();
    vec![
        (
            "old_encoding",
            odd(
                "POST /hooks/stripe HTTP/1.0",
                &format!("{HOST}{TE}"),
                &chunked(),
            ),
            400,
        ),
        ("fold", plain(&format!("{HOST}{length}x: a\r\n b\r\n")), 400),
        (
            "space_before_colon",
            plain(&format!("{HOST}content-length : 5\r\n")),
            400,
        ),
        (
            "content_length",
            plain(&format!("{HOST}{length}content-length: 5\r\n")),
            400,
        ),
        (
            "content_length",
            plain(&format!("{HOST}content-length: 5, 5\r\n")),
            400,
        ),
        ("control_byte", line("POST /hooks/\u{7f} HTTP/1.1"), 400),
        ("control_byte", line("POST /hooks/\u{1} HTTP/1.1"), 400),
        ("bare_cr", plain(&format!("{HOST}{length}x: a\rb\r\n")), 400),
        ("malformed_head", line("POST /hooks/stripe HTTP/3.9"), 400),
    ]
}

#[tokio::test]
async fn odd_requests_are_refused_and_counted_by_reason() {
    for (code, request, lenient) in cases() {
        let shown = String::from_utf8_lossy(&request).into_owned();
        let setup = setup(Strict::ON).await;
        let mut client = setup.server.connect().await;
        client.send(&request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 400, "{shown}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown}");
        assert_eq!(client.rest().await, b"", "{shown}");
        drop(client);
        setup.counts(code, 1).await;
        assert!(setup.fake.recorded.lock().is_empty(), "{shown}");

        let setup = self::setup(Strict::OFF).await;
        let answer = setup.exchange(&request).await;
        assert_eq!(answer.status, lenient, "{shown}");
        if lenient == 400 {
            setup.counts("malformed_head", 1).await;
        } else {
            assert!(setup.codes().is_empty(), "{shown}");
        }
    }
}

#[tokio::test]
async fn the_requests_before_an_odd_one_are_answered() {
    for (code, odd, _) in cases() {
        let setup = setup(Strict::ON).await;
        let mut client = setup.server.connect().await;
        // The bad head comes in one read with the good requests, and cut in the middle.
        let good = [signed(&event(1)), signed(&event(2))].concat();
        client
            .send([&good[..], &odd[..odd.len() / 2]].concat())
            .await;
        assert_eq!(client.answer().await.status, 200, "{code}");
        assert_eq!(client.answer().await.status, 200, "{code}");
        client.send(&odd[odd.len() / 2..]).await;
        assert_eq!(client.answer().await.status, 400, "{code}");
        drop(client);
        setup.counts(code, 1).await;
        assert_eq!(setup.fake.recorded.lock().len(), 2, "{code}");
    }
}

#[tokio::test]
async fn usual_requests_pass_however_they_are_cut() {
    let setup = setup(Strict::ON).await;
    let signature = signature(&event(1));
    let chunked = format!(
        "POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{signature}\r\n{}",
        chunked()
    );
    let whole = [
        &signed(&event(2))[..],
        chunked.as_bytes(),
        &signed(&event(3)),
    ]
    .concat();
    for step in [1, 2, 3, 7, 64, whole.len()] {
        let mut client = setup.server.connect().await;
        let sent = async {
            let (mut read, mut write) = client.0.split();
            let writing = async {
                for part in whole.chunks(step) {
                    write.write_all(part).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let reading = async {
                let mut answers = Vec::new();
                while answers
                    .windows(12)
                    .filter(|part| part == b"HTTP/1.1 200")
                    .count()
                    < 3
                {
                    let mut some = [0; 1024];
                    let read = read.read(&mut some).await.unwrap();
                    assert!(read > 0, "{}", String::from_utf8_lossy(&answers));
                    answers.extend(&some[..read]);
                }
            };
            tokio::join!(writing, reading)
        };
        timeout(PATIENCE, sent).await.expect("answers in time");
    }
    assert!(setup.codes().is_empty());
}

#[tokio::test]
async fn a_rule_can_be_switched_off() {
    for (code, request, lenient) in cases() {
        let mut strict = Strict::ON;
        match code {
            "length_and_encoding" => strict.length_and_encoding = false,
            "other_encoding" => strict.other_encoding = false,
            "bare_lf" => strict.bare_lf = false,
            "host" => strict.host = false,
            "other_host" => strict.other_host = false,
            _ => continue,
        }
        let setup = setup(strict).await;
        let shown = String::from_utf8_lossy(&request).into_owned();
        assert_eq!(setup.exchange(&request).await.status, lenient, "{shown}");
    }
}

/// What an HTTP/2 request with these headers gets: the first byte of its response's headers, or the
/// code of the reset.
async fn over_http2(setup: &Setup, headers: &[(&str, &str)]) -> Result<u8, u32> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
        frame.extend(payload);
        frame
    };
    let mut client = setup.server.connect().await;
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.send(frame(4, 0, 0, &[])).await;
    client.send(frame(1, 5, 1, &block)).await;
    let answered = async {
        loop {
            let mut head = [0; 9];
            client.0.read_exact(&mut head).await.unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            client.0.read_exact(&mut payload).await.unwrap();
            match head[3] {
                1 => return Ok(payload[0]),
                3 => return Err(u32::from_be_bytes(payload[..4].try_into().unwrap())),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, answered)
        .await
        .expect("an answer in time")
}

#[tokio::test]
async fn odd_requests_of_http2_are_refused() {
    // `:status 400` and `:status 404` in the static table of HPACK.
    const BAD_REQUEST: u8 = 0x8c;
    const NOT_FOUND: u8 = 0x8d;
    const PROTOCOL_ERROR: u32 = 1;
    let setup = setup(Strict::ON).await;
    let with = |more: &[(&'static str, &'static str)]| {
        let mut headers = vec![(":method", "POST"), (":scheme", "http"), (":path", "/x")];
        headers.extend(more);
        headers
    };
    for (more, expected) in [
        (&[(":authority", "x")][..], Ok(NOT_FOUND)),
        (&[(":authority", "x"), ("host", "X")], Ok(NOT_FOUND)),
        (&[("host", "x")], Ok(NOT_FOUND)),
        (&[(":authority", "x"), ("host", "y")], Ok(BAD_REQUEST)),
        (
            &[(":authority", "x"), ("host", "x"), ("host", "x")],
            Ok(BAD_REQUEST),
        ),
        (&[], Ok(BAD_REQUEST)),
        // h2 resets these streams by itself.
        (
            &[(":authority", "x"), ("connection", "close")],
            Err(PROTOCOL_ERROR),
        ),
        (
            &[(":authority", "x"), ("keep-alive", "5")],
            Err(PROTOCOL_ERROR),
        ),
        (
            &[(":authority", "x"), ("proxy-connection", "close")],
            Err(PROTOCOL_ERROR),
        ),
        (
            &[(":authority", "x"), ("transfer-encoding", "chunked")],
            Err(PROTOCOL_ERROR),
        ),
        (
            &[(":authority", "x"), ("upgrade", "h2c")],
            Err(PROTOCOL_ERROR),
        ),
        (&[(":authority", "x"), ("te", "gzip")], Err(PROTOCOL_ERROR)),
    ] {
        assert_eq!(over_http2(&setup, &with(more)).await, expected, "{more:?}");
    }
    setup.counts("other_host", 1).await;
    setup.counts("host", 2).await;
}
