//! The PIN: asked for once, sent at most once.

use crate::factory::{self, FactoryError, Secret};
use crate::terminal;
use crate::token::{Token, TokenError};
use std::io;
use thiserror::Error;
use yubikey::YubiKey;

/// Why the PIN was not asked for, not sent, or not right.
#[derive(Debug, Error)]
pub(crate) enum PinError {
    #[error("the PIN is blocked: no try is left. The PUK sets a new one: 'ykman piv access unblock-pin'")]
    Blocked,
    #[error(
        "one try of the PIN is left, and it is not spent here: a typing error would block the PIN. Enter the right \
         PIN elsewhere first (log in with the token), which brings the tries back; or 'ykman piv access unblock-pin'"
    )]
    OneTryLeft,
    #[error("the token does not say how many tries of the PIN are left")]
    TriesUnknown,
    #[error("no PIN was typed: nothing was sent to the token, no try is spent")]
    Nothing,
    #[error("a PIN has 6 to 8 characters: nothing was sent to the token, no try is spent")]
    Length,
    #[error("the PIN has a character that no PIN has: nothing was sent to the token, no try is spent")]
    Character,
    #[error("the PIN is wrong; {}", left(*.0))]
    Wrong(u8),
    #[error("{0}")]
    Factory(FactoryError),
    #[error("the PIN could not be asked for: {0}")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The tries of the PIN that are left, of which one may be spent without the PIN being blocked.
pub(crate) fn refuse_few_tries(token: &mut Token) -> Result<u8, PinError> {
    let tries = token.call("asking how many tries of the PIN are left", YubiKey::get_pin_retries)?;
    if tries > 0 {
        return enough(tries);
    }
    // The crate's word for a blocked PIN and for one that is verified already, though the application was selected
    // anew. An empty PIN asks which, and is no try.
    match token.call("asking whether the PIN is blocked", |card| card.verify_pin(&[])) {
        Ok(()) => Err(PinError::TriesUnknown),
        Err(error) => error.tries_left().map_or(Err(PinError::Token(error)), enough),
    }
}

const fn enough(tries: u8) -> Result<u8, PinError> {
    match tries {
        0 => Err(PinError::Blocked),
        1 => Err(PinError::OneTryLeft),
        more => Ok(more),
    }
}

/// Asks, looks at what was typed, and sends it once.
pub(crate) fn ask_and_verify(token: &mut Token, tries: u8) -> Result<(), PinError> {
    let prompt = format!("PIN of token {} ({tries} tries left): ", token.serial());
    let pin = terminal::ask(&prompt)?.ok_or(PinError::Nothing)?;
    refuse_unfit(&pin)?;
    token.call("checking the PIN", |card| card.verify_pin(&pin)).map_err(|error| match error.tries_left() {
        Some(0) => PinError::Blocked,
        Some(tries) => PinError::Wrong(tries),
        None => error.into(),
    })
}

/// What cannot be the PIN of a token that we take is not sent.
fn refuse_unfit(pin: &[u8]) -> Result<(), PinError> {
    if pin.is_empty() {
        return Err(PinError::Nothing);
    }
    if !(6..=8).contains(&pin.len()) {
        return Err(PinError::Length);
    }
    // FF is what a short PIN is filled up with.
    if pin.iter().any(|byte| byte.is_ascii_control() || *byte == 0xff) {
        return Err(PinError::Character);
    }
    if factory::is_factory_pin(pin) {
        return Err(PinError::Factory(FactoryError::Factory(vec![Secret::Pin])));
    }
    Ok(())
}

fn left(tries: u8) -> String {
    match tries {
        1 => "1 try is left".to_owned(),
        tries => format!("{tries} tries are left"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_to_eight_characters_are_sent() {
        for pin in ["654321", "Abc-12!", "12345678"] {
            assert!(refuse_unfit(pin.as_bytes()).is_ok(), "{pin}");
        }
        for pin in ["1", "12345", "123456789"] {
            assert!(matches!(refuse_unfit(pin.as_bytes()), Err(PinError::Length)), "{pin}");
        }
        assert!(matches!(refuse_unfit(b""), Err(PinError::Nothing)));
    }

    #[test]
    fn characters_that_no_pin_has_are_not_sent() {
        for pin in [b"12345\0", b"12345\r", b"12345\x1b", b"12345\xff"] {
            assert!(matches!(refuse_unfit(pin), Err(PinError::Character)), "{pin:?}");
        }
    }

    #[test]
    fn the_factory_s_pin_is_never_sent() {
        let refused = refuse_unfit(b"123456").unwrap_err().to_string();
        assert!(refused.contains("ykman piv access change-pin"), "{refused}");
    }

    #[test]
    fn the_last_try_is_not_spent() {
        assert!(matches!(enough(0), Err(PinError::Blocked)));
        assert!(matches!(enough(1), Err(PinError::OneTryLeft)));
        assert!(matches!(enough(2), Ok(2)));
        assert_eq!(PinError::Wrong(1).to_string(), "the PIN is wrong; 1 try is left");
        assert_eq!(PinError::Wrong(2).to_string(), "the PIN is wrong; 2 tries are left");
    }
}
