//! The management key, which lets a key be made on the token.

use crate::factory::{self, FactoryError, Secret};
use crate::terminal;
use crate::token::{Token, TokenError};
use std::io;
use thiserror::Error;
use yubikey::piv::{self, ManagementSlotId, SlotAlgorithmId, SlotId};
use yubikey::{Error as CardError, MgmAlgorithmId, MgmKey, MgmType, TouchPolicy, YubiKey};
use zeroize::Zeroizing;

/// Why the token does not let a key be made.
#[derive(Debug, Error)]
pub(crate) enum ManagementKeyError {
    #[error("no management key was typed: nothing was changed")]
    Nothing,
    #[error("the management key of this token is {0} hexadecimal digits: nothing was sent to it")]
    NotHexadecimal(usize),
    #[error("the management key is not this token's: nothing was changed")]
    Wrong,
    #[error("the token was not touched in time, or the management key is not this token's: nothing was changed")]
    WrongOrUntouched,
    #[error("the token does not say of which kind its management key is")]
    UnknownKind,
    #[error("{0}")]
    Factory(FactoryError),
    #[error("the management key could not be asked for: {0}")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// How the token wants its management key.
struct Kind {
    algorithm: MgmAlgorithmId,
    touch: bool,
}

/// Takes the key that the token keeps behind its PIN, or asks for it. The PIN must be verified.
pub(crate) fn authenticate(token: &mut Token) -> Result<(), ManagementKeyError> {
    let kind = kind(token)?;
    let config = token.call("reading how the management key is kept", YubiKey::config)?;
    let key = if config.mgm_type == MgmType::Protected {
        token.call("reading the management key behind the PIN", MgmKey::get_protected)?
    } else {
        ask(kind.algorithm)?
    };
    if factory::is_factory_management_key(key.as_ref()) {
        return Err(ManagementKeyError::Factory(FactoryError::Factory(vec![Secret::ManagementKey])));
    }
    if kind.touch {
        terminal::tell("Touch the token when it blinks.");
    }
    token.call("proving the management key", |card| card.authenticate(&key)).map_err(|error| {
        match (error.is(CardError::AuthenticationError), kind.touch) {
            (true, false) => ManagementKeyError::Wrong,
            (true, true) => ManagementKeyError::WrongOrUntouched,
            (false, _) => error.into(),
        }
    })
}

/// Firmware before 5.3 has 3DES alone.
fn kind(token: &mut Token) -> Result<Kind, ManagementKeyError> {
    if !token.firmware().tells_metadata() {
        return Ok(Kind { algorithm: MgmAlgorithmId::ThreeDes, touch: false });
    }
    let slot = SlotId::Management(ManagementSlotId::Management);
    let metadata = token.call("asking for the kind of the management key", |card| piv::metadata(card, slot))?;
    let SlotAlgorithmId::Management(algorithm) = metadata.algorithm else {
        return Err(ManagementKeyError::UnknownKind);
    };
    let touch = metadata.policy.is_some_and(|(_, touch)| matches!(touch, TouchPolicy::Always | TouchPolicy::Cached));
    Ok(Kind { algorithm, touch })
}

fn ask(algorithm: MgmAlgorithmId) -> Result<MgmKey, ManagementKeyError> {
    let length = length(algorithm);
    let digits = length.saturating_mul(2);
    let prompt = format!("Management key of the token ({digits} hexadecimal digits): ");
    let typed = terminal::ask(&prompt)?.filter(|typed| !typed.is_empty()).ok_or(ManagementKeyError::Nothing)?;
    let bytes =
        bytes_of(&typed).filter(|bytes| bytes.len() == length).ok_or(ManagementKeyError::NotHexadecimal(digits))?;
    MgmKey::from_bytes(&*bytes, Some(algorithm)).map_err(|_| ManagementKeyError::NotHexadecimal(digits))
}

const fn length(algorithm: MgmAlgorithmId) -> usize {
    match algorithm {
        MgmAlgorithmId::Aes128 => 16,
        MgmAlgorithmId::ThreeDes | MgmAlgorithmId::Aes192 => 24,
        MgmAlgorithmId::Aes256 => 32,
    }
}

fn bytes_of(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len()));
    let (pairs, rest) = digits.as_chunks::<2>();
    for &[high, low] in pairs {
        let (high, low) = (char::from(high).to_digit(16)?, char::from(low).to_digit(16)?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    rest.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_and_nothing_else() {
        assert_eq!(bytes_of(b"00ffA5").unwrap().as_slice(), [0, 0xff, 0xa5]);
        for typed in [&b"0"[..], b"0g", b"+1", b"0x", b"00 ", b"\xff\xff"] {
            assert!(bytes_of(typed).is_none(), "{typed:?}");
        }
    }

    #[test]
    fn each_kind_has_its_length() {
        for algorithm in
            [MgmAlgorithmId::ThreeDes, MgmAlgorithmId::Aes128, MgmAlgorithmId::Aes192, MgmAlgorithmId::Aes256]
        {
            assert!(MgmKey::from_bytes(vec![7; length(algorithm)], Some(algorithm)).is_ok(), "{algorithm:?}");
        }
    }
}
