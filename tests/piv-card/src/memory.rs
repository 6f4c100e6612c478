//! What a card keeps without power.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::apdu::Status;
use crate::card::{Card, FACTORY_PIN, FACTORY_PUK};
use crate::keys::{PinPolicy, SlotKey, TouchPolicy};
use crate::lies::Lie;
use crate::management::ManagementKey;
use crate::tlv;

/// A PIN or PUK, padded with FF to eight bytes, and its tries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    value: Vec<u8>,
    pub(crate) tries: u8,
    pub(crate) left: u8,
}

impl Secret {
    pub(crate) fn new(value: &str, tries: u8) -> Self {
        Self { value: padded(value), tries, left: tries }
    }

    pub(crate) fn is(&self, value: &str) -> bool {
        self.value == padded(value)
    }

    /// Compares, and counts.
    pub(crate) fn check(&mut self, given: &[u8]) -> Result<(), Status> {
        if self.left == 0 {
            return Err(Status::BLOCKED);
        }
        if given == self.value {
            self.left = self.tries;
            return Ok(());
        }
        self.left = self.left.saturating_sub(1);
        Err(if self.left == 0 { Status::BLOCKED } else { Status::wrong(self.left) })
    }

    pub(crate) fn set(&mut self, value: &[u8]) {
        self.value = value.to_vec();
        self.left = self.tries;
    }
}

/// Eight bytes, as every PIN travels.
fn padded(value: &str) -> Vec<u8> {
    value.bytes().chain(std::iter::repeat(0xff)).take(8).collect()
}

/// Keys, objects and secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) pin: Secret,
    pub(crate) puk: Secret,
    pub(crate) management: ManagementKey,
    pub(crate) keys: BTreeMap<u8, SlotKey>,
    pub(crate) objects: BTreeMap<u32, Vec<u8>>,
    /// How many keys were made: part of the next one's seed.
    made: u32,
}

impl Memory {
    /// Of a card that was just made.
    pub(crate) fn first(card: &Card) -> Self {
        let management = card.management.clone().unwrap_or_else(|| ManagementKey::factory(card.factory_cipher()));
        let mut memory = Self {
            pin: Secret::new(&card.pin, card.pin_tries),
            puk: Secret::new(&card.puk, card.puk_tries),
            management,
            keys: BTreeMap::new(),
            objects: BTreeMap::new(),
            made: 0,
        };
        for first in &card.keys {
            memory.make(card, first.slot, first.pin, first.touch);
        }
        if card.management_behind_pin {
            let key = memory.management.key();
            memory.objects.insert(0x5f_c109, tlv::element(0x88, &tlv::element(0x89, key)));
            // Flags: the management key is behind the PIN.
            memory.objects.insert(0x5f_ff00, tlv::element(0x80, &tlv::element(0x81, &[0x02])));
        }
        if card.lies_with(Lie::Blocked) {
            memory.pin.left = 0;
        }
        memory
    }

    /// After a reset: as from the factory, but never the same keys again.
    pub(crate) fn reset(&mut self, card: &Card) {
        self.pin = Secret::new(FACTORY_PIN, 3);
        self.puk = Secret::new(FACTORY_PUK, 3);
        self.management = ManagementKey::factory(card.factory_cipher());
        self.keys.clear();
        self.objects.clear();
    }

    /// Makes a key in a slot.
    pub(crate) fn make(&mut self, card: &Card, slot: u8, pin: PinPolicy, touch: TouchPolicy) -> SlotKey {
        self.made = self.made.wrapping_add(1);
        let seed = format!("{} {} {slot:02x} {}", card.maker, card.serial, self.made);
        let pin = if card.lies_with(Lie::PinNever) { PinPolicy::Never } else { pin };
        let key = SlotKey::from_seed(seed.as_bytes(), pin, touch);
        self.keys.insert(slot, key.clone());
        key
    }

    /// What the file says; `None` if there is no file yet.
    pub(crate) fn read(file: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file anew: a card that is killed meanwhile has the old one.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let new = file.with_extension("new");
        std::fs::write(&new, serde_json::to_vec(self)?)?;
        std::fs::rename(&new, file)
    }
}
