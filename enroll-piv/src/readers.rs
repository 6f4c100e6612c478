//! Looking through the readers, one by one: a foreign card in one of them must not hide the token in another.

use crate::choice::{self, ChoiceError, Found, PassedOver};
use crate::token::{Token, TokenError, guarded};
use pcsc::Error as PcscError;
use thiserror::Error;
use yubikey::{Context, Error as CardError};

/// Why there is no token.
#[derive(Debug, Error)]
pub(crate) enum ReadersError {
    #[error(
        "pcscd, which talks to tokens, does not run: install the package pcscd and start it \
         ('systemctl start pcscd.socket')"
    )]
    NoService,
    #[error("pcscd does not let this account use tokens: run this as root, or in a session at the machine itself")]
    NotAllowed,
    #[error("no reader has a name with '{wanted}' in it{}", named(.readers))]
    NoSuchReader { wanted: String, readers: Vec<String> },
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The token, by the name of its reader and its serial number where they are given.
pub(crate) fn find(reader: Option<&str>, serial: Option<u32>) -> Result<Token, ReadersError> {
    let (tokens, passed_over) = open_each(reader)?;
    let found: Vec<_> =
        tokens.iter().map(|token| Found { reader: token.reader().to_owned(), serial: token.serial() }).collect();
    let place = choice::choose(&found, passed_over, serial);

    let mut chosen = None;
    for (number, token) in tokens.into_iter().enumerate() {
        if place.as_ref().is_ok_and(|place| *place == number) {
            chosen = Some(token);
        } else {
            token.leave();
        }
    }
    match (chosen, place) {
        (Some(token), Ok(_)) => Ok(token),
        (_, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Err(ChoiceError::None(Vec::new()).into()),
    }
}

/// Opens the card in each reader that is asked for.
fn open_each(wanted: Option<&str>) -> Result<(Vec<Token>, Vec<PassedOver>), ReadersError> {
    let mut context = match guarded("talking to pcscd", Context::open) {
        Ok(context) => context,
        Err(error) if is_pcsc(&error, PcscError::NoReadersAvailable) => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(service_error(error)),
    };
    let readers = match guarded("listing the readers", || context.iter()) {
        Ok(readers) => readers,
        Err(error) if is_pcsc(&error, PcscError::NoReadersAvailable) => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(service_error(error)),
    };

    let (mut tokens, mut passed_over, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for reader in readers {
        let name = choice::shown(&reader.name());
        if !choice::is_wanted(&name, wanted) {
            others.push(name);
            continue;
        }
        match guarded("opening the card", || reader.open()) {
            Ok(card) => tokens.push(Token::new(card, name)),
            Err(error) => passed_over.push(PassedOver { reader: name, reason: reason(&error) }),
        }
    }
    match wanted {
        Some(wanted) if tokens.is_empty() && passed_over.is_empty() => {
            Err(ReadersError::NoSuchReader { wanted: choice::shown(wanted), readers: others })
        }
        _ => Ok((tokens, passed_over)),
    }
}

fn is_pcsc(error: &TokenError, expected: PcscError) -> bool {
    error.is(CardError::PcscError { inner: Some(expected) })
}

fn service_error(error: TokenError) -> ReadersError {
    if is_pcsc(&error, PcscError::NoService) || is_pcsc(&error, PcscError::ServiceStopped) {
        ReadersError::NoService
    } else if is_pcsc(&error, PcscError::SecurityViolation) {
        ReadersError::NotAllowed
    } else {
        error.into()
    }
}

/// Why the card in a reader is no token for us, in words.
fn reason(error: &TokenError) -> String {
    if is_pcsc(error, PcscError::NoSmartcard) || is_pcsc(error, PcscError::RemovedCard) {
        "no card in it".to_owned()
    } else if is_pcsc(error, PcscError::SharingViolation) {
        "another program has the token for itself; if it is GnuPG, 'gpgconf --kill scdaemon' ends that".to_owned()
    } else if error.is(CardError::AppletNotFound { applet_name: "PIV" }) {
        "the card has no PIV application".to_owned()
    } else if error.is(CardError::NotSupported) {
        "a token of a kind that this program does not know".to_owned()
    } else {
        error.to_string()
    }
}

fn named(readers: &[String]) -> String {
    if readers.is_empty() {
        return "; there is no reader at all".to_owned();
    }
    format!(". There are:\n  {}", readers.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(why: CardError) -> TokenError {
        TokenError::Card { doing: "opening the card", why }
    }

    #[test]
    fn a_daemon_that_does_not_run_is_told_as_such() {
        let stopped = service_error(card(CardError::PcscError { inner: Some(PcscError::NoService) }));
        assert!(stopped.to_string().contains("does not run"), "{stopped}");
    }

    #[test]
    fn foreign_cards_are_told_in_words() {
        assert!(reason(&card(CardError::AppletNotFound { applet_name: "PIV" })).contains("no PIV"));
        assert!(reason(&TokenError::Nonsense { doing: "opening the card" }).contains("not that of a PIV token"));
        let taken = reason(&card(CardError::PcscError { inner: Some(PcscError::SharingViolation) }));
        assert!(taken.contains("scdaemon"), "{taken}");
    }
}
