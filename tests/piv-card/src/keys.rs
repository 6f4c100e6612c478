//! Keys in slots.

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

/// When a key asks for the PIN. The numbers are those of attestations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinPolicy {
    /// Never.
    Never,
    /// Once while the card is powered and PIV stays selected.
    Once,
    /// Before each signature.
    Always,
}

/// When a key asks for a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TouchPolicy {
    /// Never.
    Never,
    /// For each signature.
    Always,
    /// For each signature, unless there was a touch in the last 15 seconds.
    Cached,
}

impl PinPolicy {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Once => 2,
            Self::Always => 3,
        }
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        [Self::Never, Self::Once, Self::Always].into_iter().find(|this| this.number() == number)
    }

    /// What a slot has if the host does not say.
    pub(crate) fn of_slot(slot: u8) -> Self {
        match slot {
            0x9c => Self::Always,
            0x9e => Self::Never,
            _ => Self::Once,
        }
    }
}

impl TouchPolicy {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Never => 1,
            Self::Always => 2,
            Self::Cached => 3,
        }
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        [Self::Never, Self::Always, Self::Cached].into_iter().find(|this| this.number() == number)
    }
}

/// A P-256 key in a slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SlotKey {
    scalar: Vec<u8>,
    pub(crate) pin: PinPolicy,
    pub(crate) touch: TouchPolicy,
    pub(crate) imported: bool,
}

impl SlotKey {
    /// The key that follows from a seed: a card made twice has the same keys.
    pub(crate) fn from_seed(seed: &[u8], pin: PinPolicy, touch: TouchPolicy) -> Self {
        let mut scalar = digest(&SHA256, seed).as_ref().to_vec();
        while SigningKey::from_slice(&scalar).is_err() {
            scalar = digest(&SHA256, &scalar).as_ref().to_vec();
        }
        Self { scalar, pin, touch, imported: false }
    }

    /// A key made elsewhere; `None` if it is not one for P-256.
    pub(crate) fn imported(scalar: &[u8], pin: PinPolicy, touch: TouchPolicy) -> Option<Self> {
        SigningKey::from_slice(scalar).ok()?;
        Some(Self { scalar: scalar.to_vec(), pin, touch, imported: true })
    }

    /// The public key, uncompressed.
    pub(crate) fn point(&self) -> Option<[u8; 65]> {
        let key = SigningKey::from_slice(&self.scalar).ok()?;
        key.verifying_key().to_encoded_point(false).as_bytes().try_into().ok()
    }

    /// ECDSA over a hash, as DER.
    pub(crate) fn sign(&self, hash: &[u8]) -> Option<Vec<u8>> {
        let key = SigningKey::from_slice(&self.scalar).ok()?;
        // A shorter hash is a smaller number.
        let mut padded = vec![0; 32_usize.saturating_sub(hash.len())];
        padded.extend_from_slice(hash);
        let signature: Signature = key.sign_prehash(padded.get(..32)?).ok()?;
        Some(signature.to_der().as_bytes().to_vec())
    }
}

pub(crate) fn random(length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}
