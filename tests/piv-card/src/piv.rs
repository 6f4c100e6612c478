//! The commands of the PIV application.

use crate::apdu::{Answer, Command, Status};
use crate::keys::{PinPolicy, SlotKey, TouchPolicy};
use crate::lies::Lie;
use crate::management::{Cipher, ManagementKey};
use crate::token::Token;
use crate::{Firmware, tlv};

const PIN: u8 = 0x80;
const PUK: u8 = 0x81;
const MANAGEMENT: u8 = 0x9b;
/// ECDSA and ECDH on P-256, the one algorithm of this card.
const P256: u8 = 0x11;

fn is_key_slot(slot: u8) -> bool {
    matches!(slot, 0x9a | 0x9c..=0x9e | 0x82..=0x95)
}

impl Token {
    /// A command to the PIV application.
    pub(crate) fn piv(&mut self, command: &Command) -> Answer {
        match command.instruction {
            0x20 => self.verify(command),
            0x24 => self.change(command),
            0x2c => self.unblock(command),
            0x47 => self.generate(command),
            0x87 if command.p2 == MANAGEMENT => self.prove_management(command),
            0x87 => self.sign(command),
            0xcb => self.get_object(command),
            0xdb => self.put_object(command),
            0xf7 => self.metadata(command.p2),
            0xf8 => Ok(self.serial()),
            0xf9 => self.attest(command.p1),
            0xfa => self.set_tries(command),
            0xfb => self.start_anew(),
            0xfd => Ok(self.version()),
            0xfe => self.import(command),
            0xff => self.set_management(command),
            _ => Err(Status::UNKNOWN_INSTRUCTION),
        }
    }

    fn version(&self) -> Vec<u8> {
        let Firmware(major, minor, patch) = self.card.firmware;
        if self.card.lies_with(Lie::ShortVersion) { vec![major] } else { vec![major, minor, patch] }
    }

    fn serial(&self) -> Vec<u8> {
        let serial = self.card.serial.to_be_bytes();
        if self.card.lies_with(Lie::ShortSerial) { serial.into_iter().take(2).collect() } else { serial.to_vec() }
    }

    fn verify(&mut self, command: &Command) -> Answer {
        if command.p2 != PIN {
            return Err(Status::NO_SUCH_REFERENCE);
        }
        if command.p1 == 0xff {
            self.session.verified = false;
            self.session.just_verified = false;
            return Ok(Vec::new());
        }
        if command.data.is_empty() {
            let left = self.memory.pin.left;
            return match (self.session.verified, left) {
                (true, _) => Ok(Vec::new()),
                (false, 0) => Err(Status::BLOCKED),
                (false, _) => Err(Status::wrong(left)),
            };
        }
        if command.data.len() != 8 {
            return Err(Status::WRONG_DATA);
        }
        let checked = match self.card.lies_with(Lie::AnyPin) {
            true => Ok(()),
            false => self.memory.pin.check(&command.data),
        };
        let word = if checked.is_ok() { "right" } else { "wrong" };
        self.log.say(format!("verify {word}, {} left", self.memory.pin.left));
        self.session.verified = checked.is_ok();
        self.session.just_verified = checked.is_ok();
        self.removed |= self.card.lies_with(Lie::RemovedAfterVerify);
        checked.map(|()| Vec::new())
    }

    fn change(&mut self, command: &Command) -> Answer {
        let (secret, name) = match command.p2 {
            PIN => (&mut self.memory.pin, "pin"),
            PUK => (&mut self.memory.puk, "puk"),
            _ => return Err(Status::NO_SUCH_REFERENCE),
        };
        let (old, new) = two_secrets(&command.data)?;
        let checked = secret.check(old);
        let word = if checked.is_ok() { "right" } else { "wrong" };
        self.log.say(format!("change {name} {word}, {} left", secret.left));
        checked?;
        secret.set(new);
        Ok(Vec::new())
    }

    fn unblock(&mut self, command: &Command) -> Answer {
        let (puk, pin) = two_secrets(&command.data)?;
        let checked = self.memory.puk.check(puk);
        let word = if checked.is_ok() { "right" } else { "wrong" };
        self.log.say(format!("unblock {word}, {} left", self.memory.puk.left));
        checked?;
        self.memory.pin.set(pin);
        Ok(Vec::new())
    }

    fn set_tries(&mut self, command: &Command) -> Answer {
        self.needs_management()?;
        if !self.session.verified {
            return Err(Status::NOT_ALLOWED_YET);
        }
        self.memory.pin = crate::memory::Secret::new(crate::FACTORY_PIN, command.p1);
        self.memory.puk = crate::memory::Secret::new(crate::FACTORY_PUK, command.p2);
        self.log.say("tries set".to_owned());
        Ok(Vec::new())
    }

    fn start_anew(&mut self) -> Answer {
        if self.memory.pin.left > 0 || self.memory.puk.left > 0 {
            return Err(Status::CONDITIONS);
        }
        self.memory.reset(&self.card);
        self.log.say("reset".to_owned());
        Ok(Vec::new())
    }

    pub(crate) fn needs_management(&self) -> Result<(), Status> {
        if self.session.management.is_given() { Ok(()) } else { Err(Status::NOT_ALLOWED_YET) }
    }

    fn prove_management(&mut self, command: &Command) -> Answer {
        let answer = self.session.management.step(&self.memory.management, command.p1, &command.data);
        if self.session.management.is_given() {
            self.log.say("management right".to_owned());
        } else if answer == Err(Status::NOT_ALLOWED_YET) {
            self.log.say("management wrong".to_owned());
        }
        answer
    }

    fn set_management(&mut self, command: &Command) -> Answer {
        self.needs_management()?;
        let [cipher, MANAGEMENT, length, key @ ..] = &command.data[..] else {
            return Err(Status::WRONG_DATA);
        };
        if usize::from(*length) != key.len() {
            return Err(Status::WRONG_DATA);
        }
        let cipher = Cipher::numbered(*cipher).ok_or(Status::WRONG_DATA)?;
        self.memory.management = ManagementKey::new(cipher, key).ok_or(Status::WRONG_DATA)?;
        self.log.say("management key set".to_owned());
        Ok(Vec::new())
    }

    fn generate(&mut self, command: &Command) -> Answer {
        self.needs_management()?;
        let slot = command.p2;
        if !is_key_slot(slot) {
            return Err(Status::WRONG_SLOT);
        }
        let wanted = tlv::find(0xac, &command.data).ok_or(Status::WRONG_DATA)?;
        if tlv::find(0x80, wanted) != Some(&[P256]) {
            return Err(Status::WRONG_DATA);
        }
        let (pin, touch) = policies(slot, wanted)?;
        let key = self.memory.make(&self.card, slot, pin, touch);
        self.log.say(format!("generate {slot:02x}"));
        self.removed |= self.card.lies_with(Lie::RemovedAfterGenerate);
        let point = key.point().ok_or(Status::CONDITIONS)?;
        Ok(tlv::element(0x7f49, &tlv::element(0x86, &point)))
    }

    fn import(&mut self, command: &Command) -> Answer {
        self.needs_management()?;
        let slot = command.p2;
        if !is_key_slot(slot) {
            return Err(Status::WRONG_SLOT);
        }
        if command.p1 != P256 {
            return Err(Status::WRONG_DATA);
        }
        let scalar = tlv::find(0x06, &command.data).ok_or(Status::WRONG_DATA)?;
        let (pin, touch) = policies(slot, &command.data)?;
        let key = SlotKey::imported(scalar, pin, touch).ok_or(Status::WRONG_DATA)?;
        self.memory.keys.insert(slot, key);
        self.log.say(format!("import {slot:02x}"));
        Ok(Vec::new())
    }

    fn sign(&mut self, command: &Command) -> Answer {
        let just_verified = std::mem::take(&mut self.session.just_verified);
        let slot = command.p2;
        let key = self.memory.keys.get(&slot).ok_or(Status::WRONG_DATA)?;
        let template = tlv::find(0x7c, &command.data).ok_or(Status::WRONG_DATA)?;
        let hash = tlv::find(0x81, template).ok_or(Status::WRONG_DATA)?;
        if command.p1 != P256 || hash.is_empty() {
            return Err(Status::WRONG_DATA);
        }
        let allowed = match key.pin {
            PinPolicy::Never => true,
            PinPolicy::Once => self.session.verified,
            PinPolicy::Always => just_verified,
        };
        if !(allowed || self.card.lies_with(Lie::PinNotAsked)) {
            self.log.say(format!("sign {slot:02x} refused"));
            return Err(Status::NOT_ALLOWED_YET);
        }
        if key.touch != TouchPolicy::Never && self.card.lies_with(Lie::NotTouched) {
            self.log.say(format!("sign {slot:02x} not touched"));
            return Err(Status::NOT_ALLOWED_YET);
        }
        let signature = key.sign(hash).ok_or(Status::WRONG_DATA)?;
        self.log.say(format!("sign {slot:02x}"));
        self.removed |= self.card.lies_with(Lie::RemovedAtSign);
        Ok(tlv::element(0x7c, &tlv::element(0x82, &signature)))
    }

    fn metadata(&self, slot: u8) -> Answer {
        if self.card.lies_with(Lie::NoMetadata) || self.card.firmware < Firmware(5, 3, 0) {
            return Err(Status::UNKNOWN_INSTRUCTION);
        }
        let default = |is: bool| tlv::element(0x05, &[u8::from(is && !self.card.lies_with(Lie::HidesDefaults))]);
        let (pin, puk) = (&self.memory.pin, &self.memory.puk);
        let parts = match slot {
            PIN => {
                vec![tlv::element(1, &[0xff]), default(pin.is(crate::FACTORY_PIN)), tries(pin.tries, pin.left)]
            }
            PUK => {
                vec![tlv::element(1, &[0xff]), default(puk.is(crate::FACTORY_PUK)), tries(puk.tries, puk.left)]
            }
            MANAGEMENT => {
                let key = &self.memory.management;
                let policy = tlv::element(2, &[0, TouchPolicy::Never.number()]);
                vec![tlv::element(1, &[key.cipher().number()]), policy, default(key.is_factory())]
            }
            _ => {
                let key = self.memory.keys.get(&slot).ok_or(Status::NO_SUCH_REFERENCE)?;
                let point = key.point().ok_or(Status::CONDITIONS)?;
                vec![
                    tlv::element(1, &[P256]),
                    tlv::element(2, &[key.pin.number(), key.touch.number()]),
                    tlv::element(3, &[if key.imported { 2 } else { 1 }]),
                    tlv::element(4, &tlv::element(0x86, &point)),
                ]
            }
        };
        Ok(parts.concat())
    }
}

fn tries(all: u8, left: u8) -> Vec<u8> {
    tlv::element(6, &[all, left])
}

/// The PIN and touch policies that the host asks for, or the slot's own.
fn policies(slot: u8, asked: &[u8]) -> Result<(PinPolicy, TouchPolicy), Status> {
    let pin = match tlv::find(0xaa, asked) {
        None | Some([0]) => PinPolicy::of_slot(slot),
        Some([number]) => PinPolicy::numbered(*number).ok_or(Status::WRONG_DATA)?,
        Some(_) => return Err(Status::WRONG_DATA),
    };
    let touch = match tlv::find(0xab, asked) {
        None | Some([0]) => TouchPolicy::Never,
        Some([number]) => TouchPolicy::numbered(*number).ok_or(Status::WRONG_DATA)?,
        Some(_) => return Err(Status::WRONG_DATA),
    };
    Ok((pin, touch))
}

/// Two secrets of eight bytes; the second must be one of at least six characters.
fn two_secrets(data: &[u8]) -> Result<(&[u8], &[u8]), Status> {
    let (old, new) = data.split_at_checked(8).ok_or(Status::WRONG_DATA)?;
    let characters = new.iter().take_while(|byte| **byte != 0xff).count();
    let padded = new.iter().skip(characters).all(|byte| *byte == 0xff);
    if new.len() == 8 && characters >= 6 && padded { Ok((old, new)) } else { Err(Status::WRONG_DATA) }
}
