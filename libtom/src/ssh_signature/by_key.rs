//! How the signatures of each key type are taken apart and verified (RFC 8709, RFC 5656, PROTOCOL.u2f).

use super::{SshSignatureError, TokenData};
use crate::public_key::{KeyType, PublicKey};
use crate::ssh_wire::Fields;
use alloc::vec::Vec;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, UnparsedPublicKey};

/// How a key's signatures are verified, with what of the key is needed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verifying {
    Ed25519 { key: Vec<u8>, application: Option<Vec<u8>> },
    EcdsaP256 { point: Vec<u8>, application: Option<Vec<u8>> },
    EcdsaP384 { point: Vec<u8> },
}

impl Verifying {
    pub(super) fn by(public_key: &PublicKey) -> Result<Self, SshSignatureError> {
        let mut fields = Fields::of(public_key.blob());
        fields.string()?; // the type, which PublicKey has compared
        let key = match public_key.key_type() {
            KeyType::Ed25519 => Self::Ed25519 { key: fields.string()?.into(), application: None },
            KeyType::SkEd25519 => {
                Self::Ed25519 { key: fields.string()?.into(), application: Some(fields.string()?.into()) }
            }
            KeyType::EcdsaP256 => {
                fields.string()?; // the curve, which PublicKey has compared
                Self::EcdsaP256 { point: fields.string()?.into(), application: None }
            }
            KeyType::SkEcdsaP256 => {
                fields.string()?;
                Self::EcdsaP256 { point: fields.string()?.into(), application: Some(fields.string()?.into()) }
            }
            KeyType::EcdsaP384 => {
                fields.string()?;
                Self::EcdsaP384 { point: fields.string()?.into() }
            }
            other @ (KeyType::Rsa | KeyType::EcdsaP521) => return Err(SshSignatureError::KeyType(other.name())),
        };
        fields.end()?;
        Ok(key)
    }

    const fn application(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Ed25519 { application, .. } | Self::EcdsaP256 { application, .. } => application.as_ref(),
            Self::EcdsaP384 { .. } => None,
        }
    }

    /// Takes a signature apart: its raw bytes, and what a token adds.
    pub(super) fn signature(
        &self,
        of: KeyType,
        blob: &[u8],
    ) -> Result<(Vec<u8>, Option<TokenData>), SshSignatureError> {
        let mut fields = Fields::of(blob);
        if fields.string()? != of.name().as_bytes() {
            return Err(SshSignatureError::Blob("a signature of another type than its key"));
        }
        let inner = fields.string()?;
        let raw = match self {
            Self::Ed25519 { .. } if inner.len() == 64 => inner.into(),
            Self::Ed25519 { .. } => return Err(SshSignatureError::Blob("a signature of the wrong length")),
            Self::EcdsaP256 { .. } => numbers::<32>(inner)?,
            Self::EcdsaP384 { .. } => numbers::<48>(inner)?,
        };
        let token = match self.application() {
            Some(_) => {
                let [flags] = *fields.array()?;
                Some(TokenData { flags, counter: fields.u32()? })
            }
            None => None,
        };
        fields.end()?;
        Ok((raw, token))
    }

    pub(super) fn verify(
        &self,
        raw: &[u8],
        token: Option<TokenData>,
        signed: &[u8],
    ) -> Result<(), ring::error::Unspecified> {
        let by_token;
        let signed = match (self.application(), token) {
            (None, None) => signed,
            (Some(application), Some(token)) => {
                by_token = signed_by_token(application, token, signed);
                &by_token
            }
            // Neither half alone is ever made.
            (Some(_), None) | (None, Some(_)) => return Err(ring::error::Unspecified),
        };
        match self {
            Self::Ed25519 { key, .. } => UnparsedPublicKey::new(&ED25519, key).verify(signed, raw),
            Self::EcdsaP256 { point, .. } => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, raw)
            }
            Self::EcdsaP384 { point } => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, raw),
        }
    }
}

/// What a security key signs: the application, its flags and its counter in front of the message.
fn signed_by_token(application: &[u8], token: TokenData, message: &[u8]) -> Vec<u8> {
    let mut signed = Vec::from(digest(&SHA256, application).as_ref());
    signed.push(token.flags);
    signed.extend_from_slice(&token.counter.to_be_bytes());
    signed.extend_from_slice(digest(&SHA256, message).as_ref());
    signed
}

/// r and s of ECDSA, each padded to the length of its curve.
fn numbers<const N: usize>(inner: &[u8]) -> Result<Vec<u8>, SshSignatureError> {
    let mut fields = Fields::of(inner);
    let mut raw = Vec::new();
    for number in [fields.number()?, fields.number()?] {
        let zeros = N.checked_sub(number.len()).ok_or(SshSignatureError::Blob("a number that is too large"))?;
        raw.resize(raw.len().saturating_add(zeros), 0);
        raw.extend_from_slice(number);
    }
    fields.end()?;
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_numbers_of_ecdsa_are_positive_and_minimal() {
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let pair = |r: &[u8], s: &[u8]| numbers::<32>(&[string(r), string(s)].concat());
        let padded = pair(&[5], &[0, 0x80]).unwrap();
        assert_eq!((padded.len(), padded[31], padded[63]), (64, 5, 0x80));
        assert_eq!(pair(&[0x7f; 32], &[&[0][..], &[0xff; 32]].concat()).unwrap().len(), 64);
        for wrong in [&[][..], &[0], &[0, 5], &[0x80], &[0, 0, 0x80], &[1; 33], &[&[0][..], &[0xff; 33]].concat()] {
            assert!(pair(wrong, &[5]).is_err(), "{wrong:?}");
            assert!(pair(&[5], wrong).is_err(), "{wrong:?}");
        }
        assert!(numbers::<32>(&[string(&[5]), string(&[5]), string(&[5])].concat()).is_err());
        assert!(numbers::<32>(&string(&[5])).is_err());
    }

    proptest! {
        #[test]
        fn any_numbers_come_out_at_their_length(r in prop::collection::vec(any::<u8>(), 0..40), s: Vec<u8>) {
            let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
            if let Ok(raw) = numbers::<32>(&[string(&r), string(&s)].concat()) {
                prop_assert_eq!(raw.len(), 64);
                prop_assert!(r.len() <= 33 && s.len() <= 33);
            }
        }
    }
}
