//! The command line. No secret is ever an argument: every process on the machine could read it.

use crate::slot::Slot;
use clap::{Parser, ValueEnum};
use yubikey::piv::AlgorithmId;
use yubikey::{PinPolicy, TouchPolicy};

/// Make a key on a PIV token and read its attestation.
///
/// Run by 'tom enroll piv'. The PIN, and the management key where the token does not keep it behind the PIN, are
/// asked for on the terminal. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 could not.
#[derive(Debug, Parser)]
#[command(name = "tom-enroll-piv", version)]
pub(crate) struct Arguments {
    /// Where the key goes: 9a, 9c, 9d, 9e or 82 to 95
    #[arg(long, default_value = "9a", value_name = "SLOT")]
    pub(crate) slot: Slot,
    /// The kind of key; rsa-3072 and rsa-4096 need firmware 5.7
    #[arg(long, value_enum, default_value_t = Algorithm::EccP256)]
    pub(crate) algorithm: Algorithm,
    /// When the PIN is needed: once a session or for each use
    #[arg(long, default_value = "once", value_name = "once|always", value_parser = pin_policy)]
    pub(crate) pin_policy: RequiredPin,
    /// When the token must be touched; a cached touch lasts 15 seconds
    #[arg(long, value_enum, default_value_t = Touch::Cached)]
    pub(crate) touch_policy: Touch,
    /// The token in this reader (its name, or a part of it)
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
    /// The token with this serial number
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<u32>,
    /// Replace what is in the slot; the key there is gone for ever
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// The kinds of key that an attestation is given for and sshd takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "ecc-p256")]
    EccP256,
    #[value(name = "ecc-p384")]
    EccP384,
    #[value(name = "rsa-2048")]
    Rsa2048,
    #[value(name = "rsa-3072")]
    Rsa3072,
    #[value(name = "rsa-4096")]
    Rsa4096,
}

impl From<Algorithm> for AlgorithmId {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EccP256 => Self::EccP256,
            Algorithm::EccP384 => Self::EccP384,
            Algorithm::Rsa2048 => Self::Rsa2048,
            Algorithm::Rsa3072 => Self::Rsa3072,
            Algorithm::Rsa4096 => Self::Rsa4096,
        }
    }
}

/// The PIN policies that prove a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequiredPin {
    Once,
    Always,
}

impl From<RequiredPin> for PinPolicy {
    fn from(policy: RequiredPin) -> Self {
        match policy {
            RequiredPin::Once => Self::Once,
            RequiredPin::Always => Self::Always,
        }
    }
}

fn pin_policy(text: &str) -> Result<RequiredPin, &'static str> {
    match text {
        "once" => Ok(RequiredPin::Once),
        "always" => Ok(RequiredPin::Always),
        "never" => Err("a key that asks for no PIN works for whoever holds the token; choose once or always"),
        _ => Err("choose once or always"),
    }
}

/// The touch policies. The default asks for a touch: without one, a program on the person's machine can use the
/// key unseen from the moment the PIN is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Touch {
    Never,
    Cached,
    Always,
}

impl From<Touch> for TouchPolicy {
    fn from(touch: Touch) -> Self {
        match touch {
            Touch::Never => Self::Never,
            Touch::Cached => Self::Cached,
            Touch::Always => Self::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(arguments: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from([&["tom-enroll-piv"], arguments].concat())
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_defaults_ask_for_a_pin_and_a_touch() {
        let defaults = parsed(&[]).unwrap();
        assert_eq!(defaults.slot.to_string(), "9a");
        assert_eq!(defaults.algorithm, Algorithm::EccP256);
        assert_eq!(defaults.pin_policy, RequiredPin::Once);
        assert_eq!(defaults.touch_policy, Touch::Cached);
        assert!(!defaults.overwrite);
    }

    #[test]
    fn a_key_without_a_pin_is_refused_with_the_reason() {
        let refusal = parsed(&["--pin-policy", "never"]).unwrap_err();
        assert_eq!(refusal.exit_code(), 2);
        assert!(refusal.to_string().contains("whoever holds the token"), "{refusal}");
        assert!(parsed(&["--pin-policy", "default"]).is_err());
        assert!(parsed(&["--touch-policy", "default"]).is_err());
    }

    #[test]
    fn every_kind_of_key_has_its_name() {
        for name in ["ecc-p256", "ecc-p384", "rsa-2048", "rsa-3072", "rsa-4096"] {
            assert!(parsed(&["--algorithm", name]).is_ok(), "{name}");
        }
        assert!(parsed(&["--algorithm", "rsa-1024"]).is_err());
    }
}
