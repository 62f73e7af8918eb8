//! Counts the frames of an HTTP/2 connection that carry no request.
//!
//! A frame of nine bytes can cost as much work as a request: a PING or SETTINGS is answered, a
//! PRIORITY or WINDOW_UPDATE looked up. The headers of frames are read here without the frames.

use std::time::Instant;

/// The bytes before the first frame of a client.
const PREFACE: usize = 24;
/// The bytes of a frame's header.
const HEADER: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;

/// Frames without a request that a peer may send in a second, as a mean.
const PER_SECOND: f64 = 100.0;
/// The most frames without a request that a peer may send at once.
const AT_ONCE: f64 = 500.0;
/// Further frames that each request brings along: a window for the response and its connection,
/// PRIORITY, CONTINUATION, RST_STREAM.
const PER_REQUEST: f64 = 8.0;

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// The bytes until the next header of a frame.
    skip: usize,
    header: [u8; HEADER],
    /// How many bytes of the header have arrived.
    have: usize,
    /// Frames that the peer may send now.
    credit: f64,
    counted: Instant,
}

impl Frames {
    /// The frames of a connection on which nothing has been read yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            skip: PREFACE,
            header: [0; HEADER],
            have: 0,
            credit: AT_ONCE,
            counted: now,
        }
    }

    /// Takes in bytes of the peer that arrive now. Returns whether the peer keeps within bounds.
    pub(super) fn received(&mut self, mut bytes: &[u8], now: Instant) -> bool {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have < HEADER {
                return true;
            }
            self.have = 0;
            let [a, b, c, kind, ..] = self.header;
            self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
            if !self.admit(kind, now) {
                return false;
            }
        }
    }

    fn admit(&mut self, kind: u8, now: Instant) -> bool {
        match kind {
            // The h2 crate bounds small frames of data itself.
            DATA => true,
            HEADERS => {
                self.credit = (self.credit + PER_REQUEST).min(AT_ONCE);
                true
            }
            _ => {
                if self.credit < 1.0 {
                    let passed = now.duration_since(self.counted).as_secs_f64();
                    self.counted = now;
                    self.credit = (self.credit + passed * PER_SECOND).min(AT_ONCE);
                }
                self.credit -= 1.0;
                self.credit >= 0.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, length as u8, kind, 0, 0, 0, 0, 1];
        frame.resize(HEADER + length, 0xff);
        frame
    }

    #[test]
    fn frames_without_a_request_are_counted_however_they_are_cut() {
        let now = Instant::now();
        for cut in [1, 7, 9, 1000] {
            let mut frames = Frames::new(now);
            let mut bytes = vec![b'P'; PREFACE];
            for _ in 0..500 {
                bytes.extend(frame(PING, 8));
                bytes.extend(frame(DATA, 200));
            }
            let mut parts = bytes.chunks(cut);
            assert!(parts.all(|part| frames.received(part, now)), "{cut}");
            assert!(!frames.received(&frame(PING, 8), now), "{cut}");
        }
    }

    #[test]
    fn requests_and_time_allow_more() {
        let begun = Instant::now();
        let mut frames = Frames::new(begun);
        assert!(frames.received(&[b'P'; PREFACE], begun));
        for _ in 0..10_000 {
            assert!(frames.received(&frame(HEADERS, 20), begun));
            for _ in 0..8 {
                assert!(frames.received(&frame(PING, 8), begun));
            }
        }
        let mut now = begun;
        for _ in 0..100 {
            now += Duration::from_secs(1);
            for _ in 0..99 {
                assert!(frames.received(&frame(PING, 8), now));
            }
        }
        assert!((0..600).any(|_| !frames.received(&frame(PING, 8), now)));
    }
}
