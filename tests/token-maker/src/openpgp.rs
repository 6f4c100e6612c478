//! OpenPGP cards: like PIV, under another arc, with DER around each value and no word about a PIN.

use crate::certificate::{Certificate, Extension, Issuer, Name, arc};
use crate::der;
use crate::key::{PrivateKey, SubjectKey};
use crate::maker::{Maker, OPENPGP_ROOT};

/// An OpenPGP card with a key.
#[derive(Clone, Debug)]
pub struct OpenPgpStatement {
    /// Whose card it is.
    pub maker: Maker,
    /// Extension .5.7
    pub serial: u32,
    /// Extension .5.3
    pub firmware: [u8; 3],
    /// Extension .5.2: 1 made on the card, 0 imported.
    pub source: u8,
    /// Extension .5.8: 0 off, 1 on, 2 fixed, 3 cached, 4 cached and fixed.
    pub touch: u8,
    /// Extension .5.9
    pub form_factor: u8,
    /// Extension .5.1
    pub cardholder: String,
    /// Extension .5.4
    pub fingerprint: [u8; 20],
    /// Extension .5.5: seconds since 1970.
    pub generated: u32,
    /// Extension .5.6
    pub signatures: u8,
    /// `SIG`, `DEC`, `AUT`: the end of the subject's name.
    pub slot: String,
    /// The key.
    pub key: SubjectKey,
    /// Lie: who signs the card's certificate.
    pub device_issuer: Issuer,
    /// Lie: more extensions of the statement.
    pub extra_extensions: Vec<Extension>,
}

impl OpenPgpStatement {
    /// A card that is as it should be, with an Ed25519 key for authentication.
    #[must_use]
    pub fn sound(maker: &Maker) -> Self {
        Self {
            maker: maker.clone(),
            serial: 12_345_678,
            firmware: [5, 7, 4],
            source: 1,
            touch: 2,
            form_factor: 1,
            cardholder: "Example<<Alice".to_owned(),
            fingerprint: *b"simulated fingerprin",
            generated: 1_700_000_000,
            signatures: 1,
            slot: "AUT".to_owned(),
            key: SubjectKey::ed25519("openpgp"),
            device_issuer: Issuer::Root,
            extra_extensions: Vec::new(),
        }
    }

    /// The key with which the card attests.
    #[must_use]
    pub fn device_key(&self) -> PrivateKey {
        self.maker.key(&format!("OpenPGP card {}", self.serial))
    }

    /// The statement about the key, DER.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let subject = Name::common(&format!("YubiKey OPGP Attestation {}", self.slot));
        let mut statement = Certificate::new(Self::device_name(), subject, self.key.clone());
        let values = [
            (3, der::octets(&self.firmware)),
            (7, der::unsigned(&self.serial.to_be_bytes())),
            (8, der::octets(&[self.touch])),
            (9, der::octets(&[self.form_factor])),
            (1, der::utf8(&self.cardholder)),
            (4, der::octets(&self.fingerprint)),
            (5, der::octets(&self.generated.to_be_bytes())),
            (6, der::unsigned(&[self.signatures])),
            (2, der::unsigned(&[self.source])),
        ];
        statement.extensions = values.iter().map(|(last, value)| Extension::new(&arc(&[5, *last]), value)).collect();
        statement.extensions.extend_from_slice(&self.extra_extensions);
        statement.signed_by(&self.device_key())
    }

    /// The card's certificate, DER.
    #[must_use]
    pub fn device_certificate(&self) -> Vec<u8> {
        let key = self.device_key();
        let mut device = Certificate::new(Self::device_name(), Self::device_name(), key.public());
        device.extensions.push(Extension::new(&arc(&[5, 3]), &der::octets(&self.firmware)));
        device.extensions.push(Extension::basic_constraints(true, Some(0)));
        self.maker.issue(OPENPGP_ROOT, self.device_issuer, device, &key)
    }

    fn device_name() -> Name {
        Name::common("Simulated OPGP Attestation")
    }
}
