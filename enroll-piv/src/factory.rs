//! Tokens come with a PIN, a PUK and a management key that everybody knows. Such a token proves nothing.

use crate::token::{Token, TokenError};
use serde::Serialize;
use thiserror::Error;
use yubikey::piv::{self, ManagementSlotId, SlotId};

/// The PIN of every new token.
const FACTORY_PIN: &[u8] = b"123456";
/// The management key of every new token, 3DES or AES-192.
const FACTORY_MANAGEMENT_KEY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// What is known of the PUK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Puk {
    /// The token says it is not the factory's.
    Changed,
    /// The firmware cannot tell, and no attestation does.
    Unknown,
}

/// One of the three secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    Pin,
    Puk,
    ManagementKey,
}

/// Why a token is not taken.
#[derive(Debug, Error)]
pub(crate) enum FactoryError {
    #[error("{}", refusal(.0))]
    Factory(Vec<Secret>),
    #[error("the token does not say whether its {} is the factory's", .0.name())]
    NotTold(Secret),
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Secret {
    const ALL: [Self; 3] = [Self::Pin, Self::Puk, Self::ManagementKey];

    const fn name(self) -> &'static str {
        match self {
            Self::Pin => "PIN",
            Self::Puk => "PUK",
            Self::ManagementKey => "management key",
        }
    }

    const fn how_to_change(self) -> &'static str {
        match self {
            Self::Pin => "ykman piv access change-pin",
            Self::Puk => "ykman piv access change-puk",
            Self::ManagementKey => "ykman piv access change-management-key --generate --protect",
        }
    }

    const fn slot(self) -> SlotId {
        SlotId::Management(match self {
            Self::Pin => ManagementSlotId::Pin,
            Self::Puk => ManagementSlotId::Puk,
            Self::ManagementKey => ManagementSlotId::Management,
        })
    }
}

/// Asks a token that can tell; on others the PIN and the management key are looked at when they are typed.
pub(crate) fn refuse_factory_secrets(token: &mut Token) -> Result<Puk, FactoryError> {
    if !token.firmware().tells_metadata() {
        return Ok(Puk::Unknown);
    }
    let mut factory = Vec::new();
    for secret in Secret::ALL {
        let metadata = token.call("asking whether PIN, PUK and management key are the factory's", |card| {
            piv::metadata(card, secret.slot())
        })?;
        match metadata.default {
            Some(true) => factory.push(secret),
            Some(false) => {}
            None => return Err(FactoryError::NotTold(secret)),
        }
    }
    if factory.is_empty() { Ok(Puk::Changed) } else { Err(FactoryError::Factory(factory)) }
}

/// A typed PIN that is the factory's. On every firmware: where the token says its PIN was changed, this one would
/// only cost a try.
pub(crate) fn is_factory_pin(pin: &[u8]) -> bool {
    pin == FACTORY_PIN
}

/// A management key that is the factory's.
pub(crate) fn is_factory_management_key(key: &[u8]) -> bool {
    key == FACTORY_MANAGEMENT_KEY
}

fn refusal(secrets: &[Secret]) -> String {
    let names: Vec<_> = secrets.iter().map(|secret| secret.name()).collect();
    let commands: Vec<_> = secrets.iter().map(|secret| secret.how_to_change()).collect();
    format!(
        "the token has the factory's {}, which everybody knows: it would work for whoever finds it. Change it first:\n  {}",
        names.join(" and "),
        commands.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factory_s_own_are_known_and_no_others() {
        assert!(is_factory_pin(b"123456"));
        assert!(!is_factory_pin(b"1234567"));
        assert!(!is_factory_pin(b"654321"));
        assert!(is_factory_management_key(&[1, 2, 3, 4, 5, 6, 7, 8].repeat(3)));
        assert!(!is_factory_management_key(&[1, 2, 3, 4, 5, 6, 7, 8].repeat(2)));
        assert!(!is_factory_management_key(&[0; 24]));
    }

    #[test]
    fn the_refusal_says_how_to_change_each() {
        let all = FactoryError::Factory(Secret::ALL.to_vec()).to_string();
        assert!(all.contains("PIN and PUK and management key"), "{all}");
        for command in [
            "\n  ykman piv access change-pin",
            "\n  ykman piv access change-puk",
            "\n  ykman piv access change-management-key --generate --protect",
        ] {
            assert!(all.contains(command), "{all}");
        }
        let one = FactoryError::Factory(vec![Secret::Puk]).to_string();
        assert!(one.contains("change-puk") && !one.contains("change-pin"), "{one}");
    }
}
