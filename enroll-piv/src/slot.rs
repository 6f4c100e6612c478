//! The slots of a token, and whether one is in use.

use crate::token::{Token, TokenError};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use yubikey::piv::{self, SlotId};
use yubikey::{Error as CardError, ObjectId};

/// A slot that a key of a person can be in: not the token's own attestation key, not PIN, PUK or management key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(SlotId);

/// Why a slot is not taken.
#[derive(Debug, Error)]
pub(crate) enum SlotError {
    /// Its content would be lost.
    #[error(
        "slot {0} is in use. A key that is replaced is gone for ever: everything it opens is closed to this token. \
         Choose another slot with --slot, or replace it with --overwrite"
    )]
    Occupied(Slot),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl FromStr for Slot {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match u8::from_str_radix(text, 16) {
            // Two digits, so that '+9' and '09a' are not numbers of slots.
            Ok(number @ (0x9a | 0x9c | 0x9d | 0x9e | 0x82..=0x95)) if text.len() == 2 => {
                SlotId::try_from(number).map(Self).map_err(|_| Self::NAMES)
            }
            _ => Err(Self::NAMES),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02x}", self.number())
    }
}

impl Slot {
    const NAMES: &str = "the slots for keys are 9a, 9c, 9d, 9e and 82 to 95";

    /// The slot as the `yubikey` crate names it.
    pub(crate) const fn id(self) -> SlotId {
        self.0
    }

    fn number(self) -> u8 {
        self.0.into()
    }

    /// The object that holds the certificate of the slot (NIST SP 800-73-4, table 3).
    pub(crate) fn certificate_object(self) -> ObjectId {
        match self.number() {
            0x9c => 0x005f_c10a,
            0x9d => 0x005f_c10b,
            0x9e => 0x005f_c101,
            // 82 to 95 are 5fc10d to 5fc120.
            retired @ 0x82..=0x95 => 0x005f_c10d_u32.saturating_add(retired.saturating_sub(0x82).into()),
            _ => 0x005f_c105,
        }
    }
}

/// Refuses a slot that has a certificate or a key. Firmware before 5.3 shows a key without a certificate by its
/// attestation alone, which a key that was imported does not have.
pub(crate) fn refuse_occupied(token: &mut Token, slot: Slot) -> Result<(), SlotError> {
    if has_certificate(token, slot)? || has_key(token, slot)? { Err(SlotError::Occupied(slot)) } else { Ok(()) }
}

fn has_certificate(token: &mut Token, slot: Slot) -> Result<bool, TokenError> {
    let read = token.call("reading the certificate of the slot", |card| card.fetch_object(slot.certificate_object()));
    match read {
        Ok(object) => Ok(!object.is_empty()),
        Err(error) if error.is(CardError::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}

fn has_key(token: &mut Token, slot: Slot) -> Result<bool, TokenError> {
    if !token.firmware().tells_metadata() {
        return Ok(token.call("asking about the key in the slot", |card| piv::attest(card, slot.id())).is_ok());
    }
    match token.call("asking about the key in the slot", |card| piv::metadata(card, slot.id())) {
        Err(error) if error.is(CardError::NotFound) => Ok(false),
        // A kind of key that this program does not know is a key.
        Err(error) if error.is(CardError::AlgorithmError) || error.is(CardError::InvalidObject) => Ok(true),
        Err(error) => Err(error),
        Ok(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_for_keys_are_taken_and_no_others() {
        for text in ["9a", "9c", "9d", "9e", "82", "8f", "95", "9A"] {
            let slot: Slot = text.parse().unwrap();
            assert_eq!(slot.to_string(), text.to_lowercase());
            assert_eq!(format!("{:02x}", u8::from(slot.id())), text.to_lowercase());
        }
        for text in ["", "9", "9b", "f9", "80", "81", "96", "+9", "09a", "9a ", "0x9a"] {
            assert!(text.parse::<Slot>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_slot_has_its_own_certificate_object() {
        let object = |text: &str| text.parse::<Slot>().unwrap().certificate_object();
        assert_eq!(object("9a"), 0x5f_c105);
        assert_eq!(object("9c"), 0x5f_c10a);
        assert_eq!(object("9d"), 0x5f_c10b);
        assert_eq!(object("9e"), 0x5f_c101);
        assert_eq!(object("82"), 0x5f_c10d);
        assert_eq!(object("95"), 0x5f_c120);
    }
}
