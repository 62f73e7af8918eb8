//! A private key that stands in for a provider's, for tests and local work.
//!
//! Some providers sign with a private key of their own. A source takes the public part as its
//! secret, so a source for tests can have the public part of a key that the tester owns.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::invalid_key::InvalidKey;
use super::jws::JwsAlgorithm;
use super::pem;
use super::sign::SignError;

/// A private key that stands in for a provider's.
pub struct StandInKey {
    pair: Pair,
    /// The certificates of the key as DER, its own first.
    chain: Vec<Vec<u8>>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl StandInKey {
    /// Reads a private key in PEM (PKCS #8, RSA or P-256), with the certificates that follow it.
    pub fn read(text: &[u8]) -> Result<Self, InvalidKey> {
        let mut pair = None;
        let mut chain = Vec::new();
        for (label, der) in pem::sections(text)? {
            match label.as_str() {
                "PRIVATE KEY" => pair = Some(Pair::read(&der)?),
                "CERTIFICATE" => chain.push(der),
                _ => return Err(InvalidKey::NotPrivate(label)),
            }
        }
        let pair = pair.ok_or_else(|| InvalidKey::NotPrivate("CERTIFICATE".to_owned()))?;
        Ok(Self { pair, chain })
    }

    /// The signature with RSA (PKCS #1 v1.5) and SHA-256.
    pub(super) fn rsa_sha256(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        let Pair::Rsa(pair) = &self.pair else {
            return Err(SignError::OtherKey("an RSA key"));
        };
        let mut signature = vec![0; pair.public().modulus_len()];
        let made = pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed,
            &mut signature,
        );
        made.map_err(|_| SignError::OtherKey("an RSA key"))?;
        Ok(signature)
    }

    /// A JSON Web Signature in the compact form, with the key's certificates in its header if there
    /// are some, else with the name of the key.
    pub(super) fn jws(
        &self,
        algorithm: JwsAlgorithm,
        kid: &str,
        payload: &[u8],
    ) -> Result<String, SignError> {
        let name = algorithm.name();
        let header = match self.chain.is_empty() {
            true => serde_json::json!({ "alg": name, "kid": kid, "typ": "JWT" }),
            false => serde_json::json!({ "alg": name, "x5c": self.encoded_chain() }),
        };
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = match algorithm {
            JwsAlgorithm::Rs256 => self.rsa_sha256(signed.as_bytes())?,
            _ => self.p256(signed.as_bytes())?,
        };
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn p256(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        let other = || SignError::OtherKey("a key on P-256");
        let Pair::P256(pair) = &self.pair else {
            return Err(other());
        };
        let signature = pair
            .sign(&SystemRandom::new(), signed)
            .map_err(|_| other())?;
        Ok(signature.as_ref().to_vec())
    }

    fn encoded_chain(&self) -> Vec<String> {
        let encode = |der| base64::engine::general_purpose::STANDARD.encode(der);
        self.chain.iter().map(encode).collect()
    }
}

impl Pair {
    fn read(der: &[u8]) -> Result<Self, InvalidKey> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return Ok(Self::Rsa(Box::new(pair)));
        }
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, der, &SystemRandom::new());
        let damaged = |_| InvalidKey::Damaged("PRIVATE KEY".to_owned());
        Ok(Self::P256(Box::new(pair.map_err(damaged)?)))
    }
}
