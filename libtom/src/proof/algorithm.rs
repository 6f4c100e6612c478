//! Public keys and signatures of certificates. The signatures themselves are ring's work.
//!
//! Algorithm identifiers are compared as whole encodings: DER has one form for each, so a table of bytes is
//! all the parser that is needed, and parameters of another form are another algorithm.

use super::certificate::Damage;
use crate::public_key::{KeyType, PublicKey, encode_blob};
use alloc::vec::Vec;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

/// How a certificate is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    RsaSha256,
    RsaSha384,
    RsaSha512,
    EcdsaSha256,
    EcdsaSha384,
    Ed25519,
}

// RFC 8017 appendix C, RFC 5758 section 3.2, RFC 8410 section 3. RSA without parameters is of older rules (RFC 4055
// section 5 says to take both), and Yubico's issuers B2 are signed so.
const SIGNATURES: [(&[u8], SignatureAlgorithm); 9] = [
    (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", SignatureAlgorithm::RsaSha256),
    (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", SignatureAlgorithm::RsaSha384),
    (b"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", SignatureAlgorithm::RsaSha512),
    (b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00", SignatureAlgorithm::RsaSha256),
    (b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00", SignatureAlgorithm::RsaSha384),
    (b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00", SignatureAlgorithm::RsaSha512),
    (b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", SignatureAlgorithm::EcdsaSha256),
    (b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03", SignatureAlgorithm::EcdsaSha384),
    (b"\x30\x05\x06\x03\x2b\x65\x70", SignatureAlgorithm::Ed25519),
];

/// The algorithm of this encoding.
pub(super) fn signature_algorithm(encoding: &[u8]) -> Option<SignatureAlgorithm> {
    SIGNATURES.iter().find(|(bytes, _)| *bytes == encoding).map(|(_, algorithm)| *algorithm)
}

/// The kinds of keys that certificates of tokens hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

// RFC 3279 section 2.3.1, RFC 5480 section 2.1.1, RFC 8410 section 3.
const KEYS: [(&[u8], KeyKind); 4] = [
    (b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00", KeyKind::Rsa),
    (b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", KeyKind::P256),
    (b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22", KeyKind::P384),
    (b"\x30\x05\x06\x03\x2b\x65\x70", KeyKind::Ed25519),
];

/// A public key as a certificate holds it (SubjectPublicKeyInfo, RFC 5280 section 4.1.2.7).
#[derive(Clone, Copy, Debug)]
pub(super) struct CertifiedKey<'c> {
    pub(super) kind: KeyKind,
    /// The content of the bit string: a point, 32 bytes, or an RSAPublicKey.
    pub(super) bytes: &'c [u8],
}

impl<'c> CertifiedKey<'c> {
    /// Reads the content of a SubjectPublicKeyInfo.
    pub(super) fn read(content: &'c [u8]) -> Result<Self, Damage> {
        let mut reader = SliceReader::new(content)?;
        let algorithm = reader.tlv_bytes()?;
        let bits = AnyRef::decode(&mut reader)?;
        reader.finish()?;
        let bytes = whole_bytes(bits).ok_or(Damage::Form)?;
        let kind = KEYS.iter().find(|(encoding, _)| *encoding == algorithm).map(|(_, kind)| *kind);
        Ok(Self { kind: kind.ok_or(Damage::Algorithm)?, bytes })
    }

    /// Did this key make the signature over the message?
    pub(super) fn verifies(&self, algorithm: SignatureAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let with: &'static dyn VerificationAlgorithm = match (self.kind, algorithm) {
            (KeyKind::Rsa, SignatureAlgorithm::RsaSha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (KeyKind::Rsa, SignatureAlgorithm::RsaSha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (KeyKind::Rsa, SignatureAlgorithm::RsaSha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (KeyKind::P256, SignatureAlgorithm::EcdsaSha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (KeyKind::P256, SignatureAlgorithm::EcdsaSha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (KeyKind::P384, SignatureAlgorithm::EcdsaSha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (KeyKind::P384, SignatureAlgorithm::EcdsaSha384) => &signature::ECDSA_P384_SHA384_ASN1,
            (KeyKind::Ed25519, SignatureAlgorithm::Ed25519) => &signature::ED25519,
            (KeyKind::Rsa | KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519, _) => return false,
        };
        UnparsedPublicKey::new(with, self.bytes).verify(message, signature).is_ok()
    }

    /// Is it this SSH key? Compared is the SSH wire form, which has one form for each key.
    pub(super) fn is(&self, blob: &[u8]) -> bool {
        self.ssh_blob().is_some_and(|own| own == blob)
    }

    /// The key as SSH has it.
    pub(super) fn ssh_key(&self) -> Option<PublicKey> {
        let key_type = match self.kind {
            KeyKind::Rsa => KeyType::Rsa,
            KeyKind::P256 => KeyType::EcdsaP256,
            KeyKind::P384 => KeyType::EcdsaP384,
            KeyKind::Ed25519 => KeyType::Ed25519,
        };
        PublicKey::parse(&alloc::format!("{} {}", key_type.name(), encode_blob(&self.ssh_blob()?))).ok()
    }

    /// The key in SSH wire form (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8709 section 4).
    fn ssh_blob(&self) -> Option<Vec<u8>> {
        let mut blob = Vec::new();
        let mut strings = |strings: &[&[u8]]| {
            for string in strings {
                let length = u32::try_from(string.len()).ok()?;
                blob.extend_from_slice(&length.to_be_bytes());
                blob.extend_from_slice(string);
            }
            Some(())
        };
        match self.kind {
            KeyKind::Rsa => {
                let (modulus, exponent) = self.rsa_numbers()?;
                strings(&[KeyType::Rsa.name().as_bytes(), exponent, modulus])?;
            }
            KeyKind::P256 => strings(&[KeyType::EcdsaP256.name().as_bytes(), b"nistp256", self.bytes])?,
            KeyKind::P384 => strings(&[KeyType::EcdsaP384.name().as_bytes(), b"nistp384", self.bytes])?,
            KeyKind::Ed25519 => strings(&[KeyType::Ed25519.name().as_bytes(), self.bytes])?,
        }
        Some(blob)
    }

    /// Modulus and exponent; DER and SSH write positive numbers alike.
    fn rsa_numbers(&self) -> Option<(&'c [u8], &'c [u8])> {
        let mut outer = SliceReader::new(self.bytes).ok()?;
        let sequence = AnyRef::decode(&mut outer).ok()?;
        outer.finish().ok()?;
        let mut reader = SliceReader::new(content(sequence, Tag::Sequence)?).ok()?;
        let modulus = AnyRef::decode(&mut reader).ok()?;
        let exponent = AnyRef::decode(&mut reader).ok()?;
        reader.finish().ok()?;
        Some((content(modulus, Tag::Integer)?, content(exponent, Tag::Integer)?))
    }
}

fn content<'c>(any: AnyRef<'c>, tag: Tag) -> Option<&'c [u8]> {
    (der::Tagged::tag(&any) == tag).then(|| any.value())
}

/// The content of a bit string of whole bytes.
pub(super) fn whole_bytes(any: AnyRef<'_>) -> Option<&[u8]> {
    match content(any, Tag::BitString)?.split_first()? {
        (0, bytes) => Some(bytes),
        _ => None,
    }
}
