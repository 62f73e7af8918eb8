//! Secrets in the memory of a process that builds and drops verifiers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::ZeroizeOnDrop;

use super::*;

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

/// Does not compile for a type that has `==`: then two implementations would fit.
trait HasNoEq<A> {
    fn check() {}
}

impl<T> HasNoEq<()> for T {}

impl<T: PartialEq> HasNoEq<u8> for T {}

const _: fn() = <SourceSecret as HasNoEq<_>>::check;
const _: fn() = <Settings as HasNoEq<_>>::check;

#[test]
fn debug_output_of_settings_holds_no_secret() {
    let settings = Settings {
        secrets: vec![Secret::new("hunter2").into()],
        ..Settings::default()
    };
    let shown = format!("{settings:#?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains("104, 117"), "nor its bytes: {shown}");
}
