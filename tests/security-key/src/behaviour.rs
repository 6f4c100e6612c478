//! How this token behaves, told by the environment of the program that uses it.

use std::env;

use simulated_token_maker::{Issuer, SIMULATED_AAGUID};

/// The PIN of a token whose environment names none.
pub const RIGHT_PIN: &str = "123456";

/// When the token insists on its PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinRule {
    /// When the caller asks for user verification: what tokens do.
    WhenAsked,
    /// For every signature: a token with "always UV" set.
    Always,
    /// Never, even when asked: a token without a PIN, or one that is broken.
    Never,
}

/// What a token does right or wrong. A sound token is [`Behaviour::sound`].
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// The PIN that it accepts (`SIMULATED_KEY_PIN`).
    pub pin: String,
    /// When it insists on it (`SIMULATED_KEY_PIN_RULE`: `when-asked`, `always`, `never`).
    pub pin_rule: PinRule,
    /// Flags that it signs, whatever really happened (`SIMULATED_KEY_SIGNED_FLAGS`, decimal).
    pub signed_flags: Option<u8>,
    /// Flags that it reports, whatever it signed (`SIMULATED_KEY_CLAIMED_FLAGS`, decimal).
    /// The server rebuilds the signed bytes from these: a lie makes the signature invalid.
    pub claimed_flags: Option<u8>,
    /// The signature counter (`SIMULATED_KEY_COUNTER`); the token has no memory to count with.
    pub counter: u32,
    /// What it says of itself when it makes a key.
    pub attestation: Attestation,
}

/// How a token attests the keys that it makes. Numbers are decimal, AAGUIDs are 32 hexadecimal
/// digits (dashes may stand between them).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// The name of its maker (`SIMULATED_KEY_MAKER`).
    pub maker: String,
    /// The firmware in its certificate (`SIMULATED_KEY_FIRMWARE`: `5.7.4`, or `none`).
    pub firmware: Option<[u8; 3]>,
    /// Its model, in the authenticator data (`SIMULATED_KEY_AAGUID`).
    pub aaguid: [u8; 16],
    /// Its model, in the certificate (`SIMULATED_KEY_CERT_AAGUID`: an AAGUID, or `none`). Not
    /// named, it is `aaguid`.
    pub cert_aaguid: Option<[u8; 16]>,
    /// Flags of the authenticator data, whatever really happened (`SIMULATED_KEY_ENROLL_FLAGS`).
    pub flags: Option<u8>,
    /// credProtect in the authenticator data, whatever was asked for (`SIMULATED_KEY_CRED_PROTECT`:
    /// `none`, `1`, `2`, `3`).
    pub cred_protect: Option<Option<u8>>,
    /// The authenticator data has another key than the one returned (`SIMULATED_KEY_ATTESTED_KEY=other`).
    pub other_key: bool,
    /// Another application than the one asked for (`SIMULATED_KEY_APPLICATION`).
    pub application: Option<String>,
    /// The challenge is not looked at (`SIMULATED_KEY_CHALLENGE=ignored`).
    pub ignores_challenge: bool,
    /// Another key than the certificate's signs (`SIMULATED_KEY_ATTESTATION_SIGNER=other`).
    pub other_signer: bool,
    /// Who signed the certificate (`SIMULATED_KEY_ISSUER`: `other`, `self`).
    pub issuer: Issuer,
    /// Nothing is attested at all (`SIMULATED_KEY_ATTESTATION=none`).
    pub none: bool,
}

impl Attestation {
    /// What a token says that follows the standard.
    #[must_use]
    pub fn sound() -> Self {
        Self {
            maker: "simulated".to_owned(),
            firmware: Some([5, 7, 4]),
            aaguid: SIMULATED_AAGUID,
            cert_aaguid: Some(SIMULATED_AAGUID),
            flags: None,
            cred_protect: None,
            other_key: false,
            application: None,
            ignores_challenge: false,
            other_signer: false,
            issuer: Issuer::Root,
            none: false,
        }
    }

    fn from_environment() -> Self {
        let sound = Self::sound();
        let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set == value);
        let aaguid = env::var("SIMULATED_KEY_AAGUID").ok().and_then(|text| hexadecimal(&text)).unwrap_or(sound.aaguid);
        Self {
            maker: env::var("SIMULATED_KEY_MAKER").unwrap_or(sound.maker),
            firmware: option("SIMULATED_KEY_FIRMWARE", version).unwrap_or(sound.firmware),
            aaguid,
            cert_aaguid: option("SIMULATED_KEY_CERT_AAGUID", hexadecimal).unwrap_or(Some(aaguid)),
            flags: number("SIMULATED_KEY_ENROLL_FLAGS"),
            cred_protect: option("SIMULATED_KEY_CRED_PROTECT", |text| text.parse().ok()),
            other_key: is("SIMULATED_KEY_ATTESTED_KEY", "other"),
            application: env::var("SIMULATED_KEY_APPLICATION").ok(),
            ignores_challenge: is("SIMULATED_KEY_CHALLENGE", "ignored"),
            other_signer: is("SIMULATED_KEY_ATTESTATION_SIGNER", "other"),
            issuer: match env::var("SIMULATED_KEY_ISSUER").as_deref() {
                Ok("other") => Issuer::OtherKey,
                Ok("self") => Issuer::SelfSigned,
                _ => sound.issuer,
            },
            none: is("SIMULATED_KEY_ATTESTATION", "none"),
        }
    }
}

impl Behaviour {
    /// A token that does what the standard says.
    #[must_use]
    pub fn sound() -> Self {
        Self {
            pin: RIGHT_PIN.to_owned(),
            pin_rule: PinRule::WhenAsked,
            signed_flags: None,
            claimed_flags: None,
            counter: 7,
            attestation: Attestation::sound(),
        }
    }

    /// The behaviour that the environment asks for. What it does not name, or what makes no sense,
    /// is as a sound token does it.
    #[must_use]
    pub fn from_environment() -> Self {
        let sound = Self::sound();
        Self {
            pin: env::var("SIMULATED_KEY_PIN").unwrap_or(sound.pin),
            pin_rule: match env::var("SIMULATED_KEY_PIN_RULE").as_deref() {
                Ok("always") => PinRule::Always,
                Ok("never") => PinRule::Never,
                _ => PinRule::WhenAsked,
            },
            signed_flags: number("SIMULATED_KEY_SIGNED_FLAGS"),
            claimed_flags: number("SIMULATED_KEY_CLAIMED_FLAGS"),
            counter: number("SIMULATED_KEY_COUNTER").unwrap_or(sound.counter),
            attestation: Attestation::from_environment(),
        }
    }
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// What the variable says: `none` is said too. `None` if it is not set or makes no sense.
fn option<T>(name: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match env::var(name).ok()?.as_str() {
        "none" => Some(None),
        text => read(text).map(Some),
    }
}

fn version(text: &str) -> Option<[u8; 3]> {
    let parts: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

fn hexadecimal(text: &str) -> Option<[u8; 16]> {
    let digits = text.replace('-', "");
    if digits.len() != 32 {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_not_taken_for_something() {
        assert_eq!(version("5.7.4"), Some([5, 7, 4]));
        assert_eq!(version("5.7"), None);
        assert_eq!(hexadecimal("d7781e5d-e353-46aa-afe2-3ca49f13332a").map(|aaguid| aaguid[0]), Some(0xd7));
        assert_eq!(hexadecimal("d7781e5d"), None);
    }
}
