//! Secrets, held so that they do not leak by accident: wiped from memory when dropped,
//! never printed, and compared by [`equal`] alone.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// Whether two secrets, MACs, tokens or values derived from keys are the same. Takes the
/// same time wherever they differ; only their lengths are no secret. Whatever is compared
/// with something that a stranger sent is compared by this.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    equal_to_any(one, std::iter::once(other))
}

/// Whether any of the others is the same; looks at all of them.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what others are to use instead"
)]
pub fn equal_to_any<'o>(one: &[u8], others: impl Iterator<Item = &'o [u8]>) -> bool {
    others
        .fold(Choice::from(0), |any, other| any | one.ct_eq(other))
        .into()
}

/// A secret's bytes. It has no `==`: compare secrets inside a MAC or by [`equal`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod source;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha1::Sha1;
    use sha2::{Sha256, Sha512};
    use zeroize::ZeroizeOnDrop;

    use super::*;
    use crate::scheme::{Settings, build};

    /// A larger mapping is no heap of these tests'; to read it would take long.
    const LARGEST: u64 = 64 << 20;

    /// Whether these bytes, each inverted so that this is no copy of them, stand anywhere
    /// in the memory of this process that can be written.
    fn in_memory(inverted: &[u8]) -> io::Result<bool> {
        let memory = File::open("/proc/self/mem")?;
        let maps = std::fs::read_to_string("/proc/self/maps")?;
        let inverted = &inverted[64..192];
        for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
            let range = line
                .split(' ')
                .next()
                .and_then(|range| range.split_once('-'));
            let number = |text| u64::from_str_radix(text, 16).ok();
            let Some((Some(from), Some(to))) = range.map(|(a, b)| (number(a), number(b))) else {
                continue;
            };
            let mut bytes = vec![0; (to - from).min(LARGEST) as usize];
            // A mapping may be gone by now.
            if memory.read_exact_at(&mut bytes, from).is_err() {
                continue;
            }
            let mut places = bytes.windows(inverted.len());
            let found = places.any(|place| place.iter().zip(inverted).all(|(a, b)| *a == !*b));
            // Nor may the copy that was searched stay, or the next search finds it.
            zeroize::Zeroize::zeroize(&mut bytes);
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Random bytes, inverted, of visible characters. Their ends are not searched for: that
    /// is where an allocator notes which blocks are free.
    fn inverted() -> Vec<u8> {
        (0..256).map(|_| !fastrand::u8(b'A'..=b'Z')).collect()
    }

    fn secret(inverted: &[u8]) -> Secret {
        let mut bytes = Vec::with_capacity(inverted.len());
        bytes.extend(inverted.iter().map(|byte| !byte));
        Secret::new(bytes)
    }

    #[test]
    fn a_dropped_secret_is_wiped_with_all_its_copies() {
        let inverted = inverted();
        // A scheme that keeps the secret itself, built as a source's is.
        let settings = Settings {
            secrets: vec![secret(&inverted).into()],
            ..Settings::default()
        };
        let verifier = build("flutterwave-v3", settings.clone()).expect("good settings");
        drop(settings);
        assert!(in_memory(&inverted).expect("memory"), "the search finds it");
        drop(verifier);
        assert!(!in_memory(&inverted).expect("memory"));
    }

    #[test]
    fn a_prepared_mac_holds_its_secret_no_more() {
        // As it is written, and decoded.
        for scheme in ["stripe", "adyen-platform", "standard-webhooks"] {
            let text: Vec<u8> = match scheme {
                "adyen-platform" => (0..512).map(|_| !fastrand::u8(b'A'..=b'F')).collect(),
                _ => inverted(),
            };
            let mut decoded = match scheme {
                "adyen-platform" => hex::decode(secret(&text).expose()).ok(),
                "standard-webhooks" => STANDARD.decode(secret(&text).expose()).ok(),
                _ => None,
            };
            // Inverted, so that it is no copy either.
            decoded.iter_mut().flatten().for_each(|byte| *byte = !*byte);
            let settings = Settings {
                secrets: vec![secret(&text).into()],
                ..Settings::default()
            };
            let verifier = build(scheme, settings).expect("good settings");
            for inverted in std::iter::once(&text).chain(decoded.as_ref()) {
                assert!(!in_memory(inverted).expect("memory"), "{scheme}");
            }
            drop(verifier);
        }
    }

    #[test]
    fn keyed_hashes_are_wiped() {
        // A prepared HMAC is two hashes that have taken in the key, and nothing else.
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Sha1>();
        wiped::<Sha256>();
        wiped::<Sha512>();
    }

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
        let secret = Secret::new("hunter2");
        let settings = Settings {
            secrets: vec![secret.clone().into()],
            ..Settings::default()
        };
        for shown in [format!("{secret:?}"), format!("{settings:#?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(!shown.contains("104, 117"), "nor its bytes: {shown}");
        }
    }
}
