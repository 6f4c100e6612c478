//! Data objects: certificates and what else PIV keeps.

use crate::apdu::{Answer, Command, Status};
use crate::lies::Lie;
use crate::tlv;
use crate::token::Token;

/// Which application, and that the PIN of PIV alone counts.
const DISCOVERY: u32 = 0x7e;
const TOKEN_CERTIFICATE: u32 = 0x5f_ff01;
/// Fingerprints, printed information, facial image, iris: read with the PIN alone. "Printed information" is where a
/// management key behind the PIN is kept.
const BEHIND_PIN: [u32; 4] = [0x5f_c103, 0x5f_c108, 0x5f_c109, 0x5f_c121];

/// Where the certificate of a slot is.
pub(crate) fn certificate_object(slot: u8) -> Option<u32> {
    match slot {
        0x9a => Some(0x5f_c105),
        0x9c => Some(0x5f_c10a),
        0x9d => Some(0x5f_c10b),
        0x9e => Some(0x5f_c101),
        0x82..=0x95 => 0x5f_c10d_u32.checked_add(u32::from(slot.checked_sub(0x82)?)),
        _ => None,
    }
}

/// A certificate as PIV keeps it: not compressed.
pub(crate) fn certificate(der: &[u8]) -> Vec<u8> {
    [tlv::element(0x70, der), tlv::element(0x71, &[0]), tlv::element(0xfe, &[])].concat()
}

impl Token {
    pub(crate) fn get_object(&self, command: &Command) -> Answer {
        let object = named(command)?;
        if object == DISCOVERY {
            let aid = [0xa0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
            let inside = [tlv::element(0x4f, &aid), tlv::element(0x5f2f, &[0x40, 0x00])].concat();
            return Ok(tlv::element(DISCOVERY, &inside));
        }
        if BEHIND_PIN.contains(&object) && !self.session.verified {
            return Err(Status::NOT_ALLOWED_YET);
        }
        if object == TOKEN_CERTIFICATE && self.card.lies_with(Lie::NoTokenCertificate) {
            return Err(Status::NO_SUCH_OBJECT);
        }
        match self.memory.objects.get(&object) {
            Some(content) => Ok(tlv::element(0x53, content)),
            None if object == TOKEN_CERTIFICATE => {
                let der = self.token_certificate().ok_or(Status::NO_SUCH_OBJECT)?;
                Ok(tlv::element(0x53, &certificate(&der)))
            }
            None => Err(Status::NO_SUCH_OBJECT),
        }
    }

    pub(crate) fn put_object(&mut self, command: &Command) -> Answer {
        self.needs_management()?;
        let object = named(command)?;
        let content = tlv::find(0x53, &command.data).ok_or(Status::WRONG_DATA)?.to_vec();
        self.removed |= self.card.lies_with(Lie::RemovedAtWrite);
        if self.removed {
            return Err(Status::CONDITIONS);
        }
        self.log.say(format!("write {object:x}, {} bytes", content.len()));
        if content.is_empty() {
            self.memory.objects.remove(&object);
        } else {
            self.memory.objects.insert(object, content);
        }
        Ok(Vec::new())
    }
}

/// The object that a command names.
fn named(command: &Command) -> Result<u32, Status> {
    if (command.p1, command.p2) != (0x3f, 0xff) {
        return Err(Status(0x6a86));
    }
    match tlv::find(0x5c, &command.data) {
        Some([tag]) => Ok(u32::from(*tag)),
        Some([high, middle, low]) => Ok(u32::from_be_bytes([0, *high, *middle, *low])),
        _ => Err(Status::WRONG_DATA),
    }
}
