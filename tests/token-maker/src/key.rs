//! Keys: those that sign, and those that are only attested.

use p256::ecdsa::signature::Signer;
use ring::digest;
use ring::signature::KeyPair;

use crate::{der, ssh};

const EC_PUBLIC_KEY: &[u64] = &[1, 2, 840, 10045, 2, 1];
const P256: &[u64] = &[1, 2, 840, 10045, 3, 1, 7];
const P384: &[u64] = &[1, 3, 132, 0, 34];
const ED25519: &[u64] = &[1, 3, 101, 112];
const RSA: &[u64] = &[1, 2, 840, 113_549, 1, 1, 1];

/// A P-256 key that follows from a name.
#[derive(Clone, Debug)]
pub struct PrivateKey(p256::ecdsa::SigningKey);

impl PrivateKey {
    /// The same key for the same name, always.
    #[must_use]
    pub fn derived(name: &str) -> Self {
        let seed = sha256(format!("simulated key {name}").as_bytes());
        Self(p256::ecdsa::SigningKey::from_slice(&seed).expect("no P-256 scalar from this name: take another"))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> SubjectKey {
        let point = self.0.verifying_key().to_encoded_point(false);
        SubjectKey::P256(point.as_bytes().try_into().expect("65 bytes"))
    }

    /// ECDSA with SHA-256, as DER.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}

/// A public key that a token attests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKey {
    /// An uncompressed point.
    P256([u8; 65]),
    /// An uncompressed point.
    P384([u8; 97]),
    /// The 32 bytes of RFC 8032.
    Ed25519([u8; 32]),
    /// Big-endian numbers.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
}

impl SubjectKey {
    /// The P-256 key of that name: the public half of [`PrivateKey::derived`].
    #[must_use]
    pub fn derived(name: &str) -> Self {
        PrivateKey::derived(name).public()
    }

    /// The Ed25519 key of that name.
    #[must_use]
    pub fn ed25519(name: &str) -> Self {
        let seed = sha256(format!("simulated Ed25519 key {name}").as_bytes());
        let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(&seed).expect("32 bytes");
        Self::Ed25519(pair.public_key().as_ref().try_into().expect("32 bytes"))
    }

    /// A P-384 key with which nobody signs: the generator, whose private key is 1.
    #[must_use]
    pub fn p384() -> Self {
        const X: &str =
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7";
        const Y: &str =
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f";
        let mut point = [4; 97];
        for (place, at) in point[1..].iter_mut().zip((0..192).step_by(2)) {
            let (half, at) = if at < 96 { (X, at) } else { (Y, at - 96) };
            *place = u8::from_str_radix(&half[at..at + 2], 16).expect("hex");
        }
        Self::P384(point)
    }

    /// A key of 2048 bits with which nobody can sign: the modulus is no product of primes that
    /// anybody knows.
    #[must_use]
    pub fn rsa_2048() -> Self {
        Self::rsa(2048)
    }

    /// The same of another length, a multiple of 256.
    #[must_use]
    pub fn rsa(bits: usize) -> Self {
        let block = |number| sha256(format!("simulated modulus {number}").as_bytes());
        let mut n: Vec<u8> = (0..bits / 256).flat_map(block).collect();
        n[0] |= 0x80;
        *n.last_mut().expect("not empty") |= 1;
        Self::Rsa { n, e: vec![1, 0, 1] }
    }

    /// SubjectPublicKeyInfo, as DER.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        let ec = |curve| der::sequence(&[&der::oid(EC_PUBLIC_KEY), &der::oid(curve)]);
        let (algorithm, key) = match self {
            Self::P256(point) => (ec(P256), point.to_vec()),
            Self::P384(point) => (ec(P384), point.to_vec()),
            Self::Ed25519(key) => (der::sequence(&[&der::oid(ED25519)]), key.to_vec()),
            Self::Rsa { n, e } => {
                (der::sequence(&[&der::oid(RSA), &der::null()]), der::sequence(&[&der::unsigned(n), &der::unsigned(e)]))
            }
        };
        der::sequence(&[&algorithm, &der::bits(&key)])
    }

    /// As in authorized_keys, without a comment: `ecdsa-sha2-nistp256 AAAA…`.
    #[must_use]
    pub fn ssh_line(&self) -> String {
        match self {
            Self::P256(point) => {
                ssh::line("ecdsa-sha2-nistp256", &[ssh::string(b"nistp256"), ssh::string(point)].concat())
            }
            Self::P384(point) => {
                ssh::line("ecdsa-sha2-nistp384", &[ssh::string(b"nistp384"), ssh::string(point)].concat())
            }
            Self::Ed25519(key) => ssh::line("ssh-ed25519", &ssh::string(key)),
            Self::Rsa { n, e } => ssh::line("ssh-rsa", &[ssh::unsigned(e), ssh::unsigned(n)].concat()),
        }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
