//! RSA key pairs for tests. The libraries that sign and verify here make none.

use std::convert::Infallible;

use crypto_bigint::rand_core::{TryCryptoRng, TryRng};
use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Resize as _};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The size of each prime: the key has twice as many bits.
const PRIME_BITS: u32 = 1024;
/// The public exponent that everybody uses.
const EXPONENT: u64 = 65_537;
/// `rsaEncryption` with its empty parameters, as DER.
const ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// A key pair as DER.
pub(crate) struct RsaKey {
    /// The private key (PKCS #8).
    pub(crate) private: Vec<u8>,
    /// The public key (SubjectPublicKeyInfo).
    pub(crate) public: Vec<u8>,
}

/// A new key pair of 2048 bits (RFC 8017, sections 3.2 and A.1.2).
pub(crate) fn generate() -> RsaKey {
    loop {
        let (one, other) = (prime(), prime());
        let (p, q) = if one > other {
            (one, other)
        } else {
            (other, one)
        };
        if p != q
            && let Some(key) = of_primes(&p, &q)
        {
            return key;
        }
    }
}

/// The key pair of two primes, the greater one first. `None` if the exponent does not fit them.
fn of_primes(p: &BoxedUint, q: &BoxedUint) -> Option<RsaKey> {
    let one = BoxedUint::one_with_precision(PRIME_BITS);
    let (p1, q1) = (p.wrapping_sub(&one), q.wrapping_sub(&one));
    let n = p.concatenating_mul(q);
    let phi = NonZero::new(p1.concatenating_mul(&q1)).into_option()?;
    let e = BoxedUint::from(EXPONENT).resize(2 * PRIME_BITS);
    let d = e.invert_mod(&phi).into_option()?;
    let below = |prime: BoxedUint| {
        let modulus = NonZero::new(prime.resize(2 * PRIME_BITS)).into_option()?;
        Some(d.rem(&modulus))
    };
    let (dp, dq) = (below(p1)?, below(q1)?);
    let inverse = q.invert_mod(&NonZero::new(p.clone()).into_option()?);
    let inverse = inverse.into_option()?;
    let zero = BoxedUint::zero_with_precision(64);
    let numbers = [&zero, &n, &e, &d, p, q, &dp, &dq, &inverse].map(integer);
    let key = element(0x30, &numbers.concat());
    let private = [integer(&zero), ALGORITHM.to_vec(), element(0x04, &key)].concat();
    let public = element(0x30, &[integer(&n), integer(&e)].concat());
    let bits = element(0x03, &[&[0], &public[..]].concat());
    Some(RsaKey {
        private: element(0x30, &private),
        public: element(0x30, &[ALGORITHM, &bits].concat()),
    })
}

/// A random prime with its two highest bits set, so that a product of two has all its bits.
fn prime() -> BoxedUint {
    let sieve = SmallFactorsSieveFactory::new(Flavor::Any, PRIME_BITS, SetBits::TwoMsb);
    let sieve = sieve.expect("a prime may have 1024 bits");
    let found = sieve_and_find(&mut Random, sieve, |_, number: &BoxedUint| {
        is_prime(Flavor::Any, number)
    });
    let found = found.expect("the system has random bytes");
    found.expect("there is always another prime")
}

/// A DER INTEGER.
fn integer(number: &BoxedUint) -> Vec<u8> {
    let bytes = number.to_be_bytes_trimmed_vartime();
    // The first bit is the sign.
    let sign: &[u8] = match bytes.first() {
        Some(1..=0x7f) => &[],
        _ => &[0],
    };
    element(0x02, &[sign, &bytes].concat())
}

/// A DER element with these contents.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    let length = &length[zeros..];
    let header = match length {
        [] => vec![tag, 0],
        [short @ 0..0x80] => vec![tag, *short],
        long => {
            let count = u8::try_from(long.len()).unwrap_or_default();
            [&[tag, 0x80 | count], long].concat()
        }
    };
    [&header, contents].concat()
}

/// The system's random bytes.
struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let filled = SystemRandom::new().fill(bytes);
        filled.expect("the system has random bytes");
        Ok(())
    }
}

impl TryCryptoRng for Random {}
