//! Attestations, honest or not.

use ring::digest::{SHA256, digest};
use simulated_token_maker::{Maker, PivToken, SubjectKey, der};

use crate::Firmware;
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

    /// The certificate in slot f9.
    pub(crate) fn token_certificate(&self) -> Option<Vec<u8>> {
        let Firmware(major, minor, _) = self.card.firmware;
        let old = PivToken { device_is_ca: None, device_path_length: None, ..self.attester() };
        let token = if (major, minor) < (5, 4) { old } else { self.attester() };
        Some(token.device_certificate())
    }

    fn slot_certificate(&self, slot: u8, key: &SlotKey) -> Option<Vec<u8>> {
        let own = self.attester();
        let lies = |lie| self.card.lies_with(lie);
        let slot = match (lies(Lie::WrongSlot), slot) {
            (false, slot) => slot,
            (true, 0x9a) => 0x9c,
            (true, _) => 0x9a,
        };
        let public = if lies(Lie::OtherKey) {
            SubjectKey::derived("a key that is in no slot")
        } else {
            SubjectKey::P256(key.point()?)
        };
        let other_serial = lies(Lie::OtherSerial) || lies(Lie::OtherToken);
        let token = PivToken {
            pin: key.pin.number(),
            touch: key.touch.number(),
            slot: format!("{slot:02x}"),
            key: public,
            serial: own.serial.map(|serial| if other_serial { serial.wrapping_add(1) } else { serial }),
            ..own.clone()
        };
        let mut leaf = token.leaf();
        if lies(Lie::SelfSigned) {
            leaf.issuer = leaf.subject.clone();
            let signed = leaf.to_be_signed();
            let signature = key.sign(digest(&SHA256, &signed).as_ref())?;
            return Some(der::sequence(&[&signed, &leaf.outer_algorithm, &der::bits(&signature)]));
        }
        // Another token signs with its own key, which follows from its serial number.
        let signer = if lies(Lie::OtherToken) { token.device_key() } else { own.device_key() };
        Some(leaf.signed_by(&signer))
    }

    /// The token as its maker has made it.
    fn attester(&self) -> PivToken {
        let maker = if self.card.lies_with(Lie::OtherMaker) { "Another maker" } else { &self.card.maker };
        let Firmware(major, minor, patch) = self.card.firmware;
        // Firmware 4 attests neither serial number nor form factor.
        let since_5 = major >= 5;
        PivToken {
            serial: since_5.then_some(self.card.serial),
            firmware: Some([major, minor, patch]),
            form_factor: since_5.then_some(self.card.form_factor),
            fips: self.card.fips,
            ..PivToken::sound(&Maker::named(maker))
        }
    }
}
