//! One open token, each call to it guarded.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use thiserror::Error;
use yubikey::{Error as CardError, Version, YubiKey};

/// A token whose PIV application is selected. Dropping it resets the card, so that no other process finds the PIN
/// verified.
pub(crate) struct Token {
    card: YubiKey,
    reader: String,
}

/// A call to a token that did not work.
#[derive(Debug, Error)]
pub(crate) enum TokenError {
    /// The card said no, or the reader did.
    #[error("{doing} did not work: {}", in_words(*.why))]
    Card { doing: &'static str, why: CardError },
    /// The crate panicked over what the card answered.
    #[error("{doing} did not work: the card's answer is not that of a PIV token")]
    Nonsense { doing: &'static str },
}

/// The crate's words, but where they would leave the person alone.
fn in_words(why: CardError) -> String {
    let removed = CardError::PcscError { inner: Some(pcsc::Error::RemovedCard) };
    if why == CardError::GenericError || why == removed {
        "the token gave no usable answer (was it pulled out?)".to_owned()
    } else if why == CardError::NotSupported {
        "the token cannot do that".to_owned()
    } else {
        why.to_string()
    }
}

impl TokenError {
    /// Whether the card gave just this answer.
    pub(crate) fn is(&self, expected: CardError) -> bool {
        matches!(self, Self::Card { why, .. } if *why == expected)
    }

    /// The tries left, of the answer to a wrong PIN.
    pub(crate) const fn tries_left(&self) -> Option<u8> {
        if let Self::Card { why: CardError::WrongPin { tries }, .. } = self { Some(*tries) } else { None }
    }
}

/// Calls the `yubikey` crate, and turns a panic of it into an error.
pub(crate) fn guarded<T>(doing: &'static str, call: impl FnOnce() -> yubikey::Result<T>) -> Result<T, TokenError> {
    // What a panic leaves behind is a card in an unknown state: it is asked again or dropped, never trusted.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(why)) => Err(TokenError::Card { doing, why }),
        Err(_) => Err(TokenError::Nonsense { doing }),
    }
}

impl Token {
    pub(crate) const fn new(card: YubiKey, reader: String) -> Self {
        Self { card, reader }
    }

    /// One call, told as `doing` where it does not work.
    pub(crate) fn call<T>(
        &mut self,
        doing: &'static str,
        call: impl FnOnce(&mut YubiKey) -> yubikey::Result<T>,
    ) -> Result<T, TokenError> {
        guarded(doing, || call(&mut self.card))
    }

    /// The name of the reader, fit to be shown.
    pub(crate) fn reader(&self) -> &str {
        &self.reader
    }

    pub(crate) fn serial(&self) -> u32 {
        self.card.serial().into()
    }

    pub(crate) fn firmware(&self) -> Firmware {
        Firmware(self.card.version())
    }

    /// Lets go of a token that was not chosen, as it was found.
    pub(crate) fn leave(self) {
        // Not chosen, so it does not matter why it could not be let go.
        let _ = self.card.disconnect(pcsc::Disposition::LeaveCard);
    }
}

/// The version of the firmware, as the token tells it; the attestation proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Firmware(Version);

impl Firmware {
    #[cfg(test)]
    pub(crate) const fn new(major: u8, minor: u8, patch: u8) -> Self {
        Self(Version { major, minor, patch })
    }

    pub(crate) fn at_least(self, major: u8, minor: u8, patch: u8) -> bool {
        self.0 >= Version { major, minor, patch }
    }

    /// Whether GET METADATA tells of keys, and of PIN, PUK and management key that they are the factory's.
    pub(crate) fn tells_metadata(self) -> bool {
        self.at_least(5, 3, 0)
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_crate_is_an_error() {
        let panicked = guarded::<()>("reading", || panic!("index out of range"));
        assert!(matches!(panicked, Err(TokenError::Nonsense { doing: "reading" })));
        let refused = guarded::<()>("reading", || Err(CardError::NotFound)).unwrap_err();
        assert!(refused.is(CardError::NotFound));
        assert!(!refused.is(CardError::GenericError));
    }

    #[test]
    fn metadata_is_asked_from_firmware_5_3_on() {
        assert!(!Firmware::new(5, 2, 7).tells_metadata());
        assert!(!Firmware::new(4, 3, 7).tells_metadata());
        assert!(Firmware::new(5, 3, 0).tells_metadata());
        assert!(Firmware::new(5, 7, 1).tells_metadata());
    }
}
