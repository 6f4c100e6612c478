//! How this token behaves, told by the environment of the program that uses it.

use std::env;

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
        }
    }
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}
