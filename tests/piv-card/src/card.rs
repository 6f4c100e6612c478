//! What a card is when it is made.

use std::path::PathBuf;
use std::str::FromStr;

use crate::keys::{PinPolicy, TouchPolicy};
use crate::lies::Lie;
use crate::management::{Cipher, ManagementKey};

/// The PIN of a token from the factory.
pub const FACTORY_PIN: &str = "123456";
/// The PUK of a token from the factory.
pub const FACTORY_PUK: &str = "12345678";

/// The version of a token's firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Firmware(pub u8, pub u8, pub u8);

impl FromStr for Firmware {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([major, minor, patch]) => Ok(Self(*major, *minor, *patch)),
            _ => Err(format!("{text} is no version such as 5.7.1")),
        }
    }
}

/// A key that is there from the start, with a certificate in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstKey {
    /// The slot, such as 0x9a.
    pub slot: u8,
    /// When it asks for the PIN.
    pub pin: PinPolicy,
    /// When it asks for a touch.
    pub touch: TouchPolicy,
}

/// A card to be made: [`Token::new`](crate::Token::new) makes it. The default is a YubiKey 5 as the factory delivers it.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its serial number.
    pub serial: u32,
    /// Its firmware.
    pub firmware: Firmware,
    /// The maker whose chain its attestations have.
    pub maker: String,
    /// The form factor in attestations: 1 is a USB-A keychain.
    pub form_factor: u8,
    /// Whether its attestations are those of a FIPS token.
    pub fips: bool,
    /// The PIN, 6 to 8 characters.
    pub pin: String,
    /// The PUK, 8 characters.
    pub puk: String,
    /// Tries before the PIN is blocked.
    pub pin_tries: u8,
    /// Tries before the PUK is blocked.
    pub puk_tries: u8,
    /// The management key; the factory's for this firmware if none is given.
    pub management: Option<ManagementKey>,
    /// Whether the management key is also kept behind the PIN, as `ykman piv access change-management-key --protect`
    /// does it.
    pub management_behind_pin: bool,
    /// Keys that are there from the start.
    pub keys: Vec<FirstKey>,
    /// What it does wrong.
    pub lies: Vec<Lie>,
    /// Where it keeps what it has learnt; without a file that ends with it.
    pub state: Option<PathBuf>,
    /// Where it says what was done with it.
    pub log: Option<PathBuf>,
}

impl Default for Card {
    fn default() -> Self {
        Self {
            serial: 11_223_344,
            firmware: Firmware(5, 7, 1),
            maker: "Simulated".to_owned(),
            form_factor: 1,
            fips: false,
            pin: FACTORY_PIN.to_owned(),
            puk: FACTORY_PUK.to_owned(),
            pin_tries: 3,
            puk_tries: 3,
            management: None,
            management_behind_pin: false,
            keys: Vec::new(),
            lies: Vec::new(),
            state: None,
            log: None,
        }
    }
}

impl Card {
    /// A card from the factory with this serial number.
    #[must_use]
    pub fn new(serial: u32) -> Self {
        Self { serial, ..Self::default() }
    }

    /// The same with a key in a slot, and a certificate beside it so that PKCS #11 shows the key.
    #[must_use]
    pub fn with_key(mut self, slot: u8) -> Self {
        self.keys.push(FirstKey { slot, pin: PinPolicy::of_slot(slot), touch: TouchPolicy::Never });
        self
    }

    /// The same with this lie as well.
    #[must_use]
    pub fn lying(mut self, lie: Lie) -> Self {
        self.lies.push(lie);
        self
    }

    /// The same with another PIN.
    #[must_use]
    pub fn with_pin(mut self, pin: &str) -> Self {
        pin.clone_into(&mut self.pin);
        self
    }

    pub(crate) fn lies_with(&self, lie: Lie) -> bool {
        self.lies.contains(&lie)
    }

    /// The cipher that its firmware has for the management key.
    pub(crate) fn factory_cipher(&self) -> Cipher {
        if self.firmware >= Firmware(5, 7, 0) { Cipher::Aes192 } else { Cipher::TripleDes }
    }
}
