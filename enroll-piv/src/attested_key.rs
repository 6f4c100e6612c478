//! The key: made on the token, attested by it, and its certificate put where programs look for it.

use crate::arguments::{Algorithm, Arguments};
use crate::object::{self, ObjectError};
use crate::slot::Slot;
use crate::terminal;
use crate::token::{Firmware, Token, TokenError};
use thiserror::Error;
use yubikey::{Error as CardError, ObjectId, piv};

/// The certificate of the key that tokens attest with.
const DEVICE_CERTIFICATE: ObjectId = 0x005f_ff01;

/// Why there is no attested key.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("firmware {0} cannot attest keys, which came with 4.3: this token can prove nothing")]
    NoAttestation(String),
    #[error("firmware {0} makes RSA keys that can be computed from their public half (CVE-2017-15361): use ecc-p256")]
    WeakRsa(String),
    #[error("firmware {0} has no such keys, which came with 5.7: use ecc-p256")]
    NoLongRsa(String),
    #[error("the token's own attestation certificate (f9) is gone or not readable: it can prove nothing")]
    NoDeviceCertificate,
    #[error("the token's own attestation certificate (f9) is not readable: {0}")]
    DeviceCertificate(ObjectError),
    #[error("{0}. If the slot is told to be in use next time, the token made a key all the same: use --overwrite then")]
    NotMade(TokenError),
    #[error("{error}. A new key is in slot {slot} all the same: run this again with --overwrite")]
    NotFinished { slot: Slot, error: TokenError },
    #[error("the attestation is no certificate that can be stored: {error}. A new key is in slot {slot}")]
    NotStorable { slot: Slot, error: ObjectError },
    #[error(
        "the token attests another key than the one that it said it made in slot {0}: nothing it says can be \
         believed. Do not use it"
    )]
    OtherKey(Slot),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Refuses what the firmware cannot do, or not safely.
pub(crate) fn refuse_impossible(firmware: Firmware, algorithm: Algorithm) -> Result<(), KeyError> {
    if !firmware.at_least(4, 3, 0) {
        return Err(KeyError::NoAttestation(firmware.to_string()));
    }
    match algorithm {
        Algorithm::EccP256 | Algorithm::EccP384 => Ok(()),
        _ if !firmware.at_least(4, 3, 5) => Err(KeyError::WeakRsa(firmware.to_string())),
        Algorithm::Rsa3072 | Algorithm::Rsa4096 if !firmware.at_least(5, 7, 0) => {
            Err(KeyError::NoLongRsa(firmware.to_string()))
        }
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => Ok(()),
    }
}

/// The certificate f9, read before anything is changed: a token without it is of no use.
pub(crate) fn device_certificate(token: &mut Token) -> Result<Vec<u8>, KeyError> {
    let read = token.call("reading the token's own certificate", |card| card.fetch_object(DEVICE_CERTIFICATE));
    match read {
        Ok(object) if object.is_empty() => Err(KeyError::NoDeviceCertificate),
        Ok(object) => object::certificate_in(&object).map(<[u8]>::to_vec).map_err(KeyError::DeviceCertificate),
        Err(error) if error.is(CardError::NotFound) => Err(KeyError::NoDeviceCertificate),
        Err(error) => Err(error.into()),
    }
}

/// Makes the key, has it attested, and stores the attestation as the certificate of the slot, so that OpenSC and
/// with it ssh find the key. Returns the attestation.
pub(crate) fn make(token: &mut Token, arguments: &Arguments) -> Result<Vec<u8>, KeyError> {
    let slot = arguments.slot;
    terminal::tell(match arguments.algorithm {
        Algorithm::EccP256 | Algorithm::EccP384 => "Making the key on the token.",
        Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
            "Making the key on the token; a key of this kind can take a minute."
        }
    });
    let made = token
        .call("making the key", |card| {
            piv::generate(
                card,
                slot.id(),
                arguments.algorithm.into(),
                arguments.pin_policy.into(),
                arguments.touch_policy.into(),
            )
        })
        .map_err(KeyError::NotMade)?;

    let not_finished = |error| KeyError::NotFinished { slot, error };
    let attestation =
        token.call("having the new key attested", |card| piv::attest(card, slot.id())).map_err(not_finished)?;
    if !attests(&attestation, made.subject_public_key.raw_bytes()) {
        return Err(KeyError::OtherKey(slot));
    }
    let mut object = object::object_with(&attestation).map_err(|error| KeyError::NotStorable { slot, error })?;
    token
        .call("storing the certificate of the new key", |card| card.save_object(slot.certificate_object(), &mut object))
        .map_err(not_finished)?;
    Ok(attestation.to_vec())
}

/// Whether the attestation has this key in it. Which one it is that is attested, `tom` reads; an attestation without
/// the new key is of another one, and the person could never log in.
fn attests(attestation: &[u8], key: &[u8]) -> bool {
    !key.is_empty() && attestation.windows(key.len()).any(|bytes| bytes == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attestation_of_another_key_is_none_of_this_one() {
        assert!(attests(b"..key..", b"key"));
        assert!(!attests(b"..kex..", b"key"));
        assert!(!attests(b"ke", b"key"));
        assert!(!attests(b"..key..", b""));
    }

    #[test]
    fn firmware_makes_the_keys_it_can_make_safely() {
        let possible =
            |(major, minor, patch), algorithm| refuse_impossible(Firmware::new(major, minor, patch), algorithm);
        assert!(matches!(possible((4, 2, 8), Algorithm::EccP256), Err(KeyError::NoAttestation(_))));
        assert!(possible((4, 3, 1), Algorithm::EccP256).is_ok());
        assert!(matches!(possible((4, 3, 4), Algorithm::Rsa2048), Err(KeyError::WeakRsa(_))));
        assert!(possible((4, 3, 5), Algorithm::Rsa2048).is_ok());
        assert!(matches!(possible((5, 6, 0), Algorithm::Rsa4096), Err(KeyError::NoLongRsa(_))));
        assert!(possible((5, 7, 1), Algorithm::Rsa3072).is_ok());
    }
}
