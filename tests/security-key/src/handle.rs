//! The key handle: the bytes that the client stores and hands back for every signature.
//!
//! Real tokens seal the private key into it; this one writes it there in the clear.

use ring::{digest, signature as ring_signature, signature::KeyPair};

const MAGIC: &[u8; 8] = b"SIMKEY01";
const SEED: usize = 32;
const LENGTH: usize = MAGIC.len() + 1 + SEED + 32;

/// The two algorithms of OpenSSH's security keys, with the numbers of its `sk-api.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `sk-ecdsa-sha2-nistp256@openssh.com`
    EcdsaP256 = 0,
    /// `sk-ssh-ed25519@openssh.com`
    Ed25519 = 1,
}

impl Algorithm {
    /// The algorithm of that number, if it is one.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::EcdsaP256),
            1 => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// A private key and the application (`ssh:`) it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyHandle {
    /// What it signs with.
    pub algorithm: Algorithm,
    pub(crate) seed: [u8; SEED],
    application: [u8; 32],
}

impl KeyHandle {
    /// The key that follows from this seed.
    #[must_use]
    pub fn new(algorithm: Algorithm, seed: [u8; SEED], application: &str) -> Self {
        Self { algorithm, seed, application: sha256(application.as_bytes()) }
    }

    /// The same key for the same name, always: policies in tests can be written before any token
    /// exists, and a failed test can be run again with the same keys.
    #[must_use]
    pub fn derived(algorithm: Algorithm, name: &str, application: &str) -> Self {
        Self::new(algorithm, sha256(format!("simulated token {name}").as_bytes()), application)
    }

    /// The bytes that the client keeps.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(self.algorithm as u8);
        bytes.extend_from_slice(&self.seed);
        bytes.extend_from_slice(&self.application);
        bytes
    }

    /// The handle in these bytes; `None` for those of another token, as a real one answers.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != LENGTH || !bytes.starts_with(MAGIC) {
            return None;
        }
        let rest = &bytes[MAGIC.len()..];
        Some(Self {
            algorithm: Algorithm::from_number(u32::from(rest[0]))?,
            seed: rest[1..=SEED].try_into().ok()?,
            application: rest[1 + SEED..].try_into().ok()?,
        })
    }

    /// Whether the handle was made for this application. Tokens refuse it for any other.
    #[must_use]
    pub fn is_for(&self, application: &str) -> bool {
        self.application == sha256(application.as_bytes())
    }

    /// The public key as `sk_enroll` returns it: 32 bytes for Ed25519, an uncompressed point for
    /// P-256. `None` if the seed is no P-256 scalar (one in 2^32).
    #[must_use]
    pub fn public_key(&self) -> Option<Vec<u8>> {
        match self.algorithm {
            Algorithm::Ed25519 => {
                let pair = ring_signature::Ed25519KeyPair::from_seed_unchecked(&self.seed).ok()?;
                Some(pair.public_key().as_ref().to_vec())
            }
            Algorithm::EcdsaP256 => {
                let key = p256::ecdsa::SigningKey::from_slice(&self.seed).ok()?;
                Some(key.verifying_key().to_encoded_point(false).as_bytes().to_vec())
            }
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
