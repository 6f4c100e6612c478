//! Attestations, honest or not.

use crate::apdu::{Answer, Status};
use crate::keys::SlotKey;
use crate::lies::Lie;
use crate::objects::{certificate, certificate_object};
use crate::token::Token;

impl Token {
    pub(crate) fn attest(&mut self, slot: u8) -> Answer {
        self.log.say(format!("attest {slot:02x}"));
        self.removed |= self.card.lies_with(Lie::RemovedAtAttest);
        let key = self.memory.keys.get(&slot).ok_or(Status::NO_SUCH_REFERENCE)?;
        if self.card.lies_with(Lie::NoAttest) {
            return Err(Status::UNKNOWN_INSTRUCTION);
        }
        if key.imported || self.card.lies_with(Lie::Imported) {
            return Err(Status::WRONG_DATA);
        }
        if self.card.lies_with(Lie::EmptyAttestation) {
            return Ok(Vec::new());
        }
        if self.card.lies_with(Lie::GarbageAttestation) {
            return Ok(vec![0x30, 0x03, 0x02, 0x01, 0x07]);
        }
        let mut der = self.slot_certificate(slot, key).ok_or(Status::CONDITIONS)?;
        if self.card.lies_with(Lie::LongAttestation) {
            der.push(0);
        }
        Ok(der)
    }

    /// A certificate beside each key that is there from the start: the attestation itself, which names the key.
    pub(crate) fn certify_first_keys(&mut self) {
        for first in self.card.keys.clone() {
            let slot = first.slot;
            let der = self.memory.keys.get(&slot).and_then(|key| self.slot_certificate(slot, key));
            if let (Some(der), Some(object)) = (der, certificate_object(slot)) {
                self.memory.objects.insert(object, certificate(&der));
            }
        }
    }

    pub(crate) fn token_certificate(&self) -> Option<Vec<u8>> {
        None
    }

    fn slot_certificate(&self, _slot: u8, _key: &SlotKey) -> Option<Vec<u8>> {
        None
    }
}
