//! The verification of schemes whose providers sign with keys of their own, against the bare
//! primitive: RSA of 2048 bits, or ECDSA on P-256 as often as the request has signatures.
//!
//! The requests are those that official libraries have judged (tests/oracles/vectors).

use std::hint::black_box;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::Value;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_scheme::{Request, Settings, Verifier};

use crate::options::Options;
use crate::report::Report;
use crate::stats::median;
use crate::verify::{BATCHES, PART, batch};

/// The schemes, each with the number of its signatures by ECDSA; 0 for one by RSA.
const SCHEMES: &[(&str, u32)] = &[
    ("amazon-sns", 0),
    ("apple", 3),
    ("conekta", 0),
    ("google-play", 0),
    ("paypal", 0),
    ("plaid", 1),
    ("wechat-pay", 0),
    ("wise", 0),
];

/// Measures every scheme with a public key, on one thread.
pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    for (name, signatures) in SCHEMES {
        let subject = Subject::new(name, *signatures)?;
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            let (primitive, verified) = subject.round();
            bare.push(primitive);
            whole.push(verified);
        }
        let ratio = median(&whole) / median(&bare);
        report.figure(PART, format!("{name}: the signatures alone"), "ns", bare);
        report.figure(PART, format!("{name}: verified and read"), "ns", whole);
        let label = format!("{name}: verified against the signatures");
        report.ratio(label, ratio, Some("at most 3"));
    }
    Ok(())
}

/// A scheme with a request that it accepts.
struct Subject {
    verifier: Verifier,
    headers: HeaderMap,
    body: Bytes,
    now: WallTime,
    primitive: Box<dyn Fn()>,
}

impl Subject {
    fn new(name: &str, signatures: u32) -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join(format!("../tests/oracles/vectors/{name}.json"));
        let file: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        let vector = &file["vectors"][0];
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let secrets = vector["secrets"].as_array().context("secrets")?.iter();
        let secrets = secrets.map(|secret| Ok(Secret::new(text(secret)?).into()));
        let params = vector["params"].as_object().into_iter().flatten();
        let params = params.map(|(name, value)| Ok((name.clone(), text(value)?)));
        let settings = Settings {
            secrets: secrets.collect::<Result<_>>()?,
            params: params.collect::<Result<_>>()?,
            ..Settings::default()
        };
        let mut headers = HeaderMap::new();
        for pair in vector["headers"].as_array().context("headers")? {
            let header: HeaderName = text(&pair[0])?.parse()?;
            headers.append(header, HeaderValue::from_str(&text(&pair[1])?)?);
        }
        let built = tollgate_scheme::build(name, settings);
        let subject = Self {
            verifier: built.map_err(|errors| anyhow!("{errors:?}"))?,
            headers,
            body: text(&vector["body"])?.into(),
            now: WallTime::from_secs(vector["now"].as_u64().context("a time")?),
            primitive: match signatures {
                0 => rsa()?,
                times => ecdsa(times)?,
            },
        };
        let accepted = subject.verifier.verify(&subject.request(), subject.now);
        accepted.with_context(|| format!("{name} refuses its first vector"))?;
        Ok(subject)
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &Method::POST,
            url: "/webhooks",
            headers: &self.headers,
            body: &self.body,
        }
    }

    /// Returns the nanoseconds of the signatures alone and of the whole verification: medians over
    /// the batches.
    fn round(&self) -> (f64, f64) {
        let request = self.request();
        let (mut bare, mut whole) = (Vec::new(), Vec::new());
        for _ in 0..BATCHES {
            bare.push(batch(|| (self.primitive)()));
            whole.push(batch(|| {
                _ = black_box(self.verifier.verify(black_box(&request), self.now));
            }));
        }
        (median(&bare), median(&whole))
    }
}

/// As many bytes as a notification has.
const MESSAGE: &[u8] = &[b'x'; 2048];

/// Returns a function that checks a signature by RSA.
fn rsa() -> Result<Box<dyn Fn()>> {
    let text: String = include_str!("../../crates/scheme/src/tests/signer.b64")
        .split_whitespace()
        .collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(text)?).map_err(|_| anyhow!("a key"))?;
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, MESSAGE, &mut signature)
        .map_err(|_| anyhow!("a signature"))?;
    let public = key.public().as_ref().to_vec();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    Ok(Box::new(move || {
        black_box(public.verify(MESSAGE, &signature)).unwrap_or_default();
    }))
}

/// Returns a function that checks this number of signatures by ECDSA.
fn ecdsa(times: u32) -> Result<Box<dyn Fn()>> {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| anyhow!("a key"))?;
    let key = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random);
    let key = key.map_err(|_| anyhow!("a key"))?;
    let signature = key.sign(&random, MESSAGE);
    let signature = signature.map_err(|_| anyhow!("a signature"))?;
    let public = key.public_key().as_ref().to_vec();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
    Ok(Box::new(move || {
        for _ in 0..times {
            black_box(public.verify(MESSAGE, signature.as_ref())).unwrap_or_default();
        }
    }))
}
