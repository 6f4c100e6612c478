//! PIV tokens: a certificate of the slot's key, signed by the token's own key (slot f9), whose
//! certificate the maker's root has signed.

use crate::certificate::{Certificate, Extension, Issuer, Name, arc};
use crate::der;
use crate::key::{PrivateKey, SubjectKey};
use crate::maker::{Maker, PIV_ROOT};

/// Who signs the certificate of the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeafSigner {
    /// The token's attestation key, as it should be.
    Device,
    /// Another key under the token's name.
    OtherKey,
    /// The root itself, which never signs slots.
    Root,
    /// The slot's key: a self-signed certificate; `key` is then the one derived from `slot`.
    Itself,
}

/// A PIV token with a key in one slot.
#[derive(Clone, Debug)]
pub struct PivToken {
    /// Whose token it is.
    pub maker: Maker,
    /// Extension .3.7 of the slot. Firmware 4 leaves it out.
    pub serial: Option<u32>,
    /// Extension .3.3 of the slot.
    pub firmware: Option<[u8; 3]>,
    /// Extension .3.8, first byte: 1 never, 2 once, 3 always.
    pub pin: u8,
    /// Extension .3.8, second byte: 1 never, 2 always, 3 cached.
    pub touch: u8,
    /// Extension .3.9. Firmware 4 leaves it out.
    pub form_factor: Option<u8>,
    /// Bit 0x80 of the form factor, and extension .3.10 in the token's certificate.
    pub fips: bool,
    /// What extension .3.10 holds. That it is there is what counts; DER NULL is a guess.
    pub fips_value: Vec<u8>,
    /// `9a` and so on: the end of the subject's name.
    pub slot: String,
    /// The key in the slot; in a sound token the public half of `PrivateKey::derived("slot 9a")`.
    pub key: SubjectKey,

    /// Lie: extension .3.3 of the token's certificate, where it differs from `firmware`.
    pub device_firmware: Option<[u8; 3]>,
    /// Lie: who signs the token's certificate.
    pub device_issuer: Issuer,
    /// basicConstraints of the token's certificate. `None`: it has none, as before firmware 5.4.
    pub device_is_ca: Option<bool>,
    /// pathLenConstraint there.
    pub device_path_length: Option<u8>,
    /// The token's name.
    pub device_common_name: String,
    /// Lie: more extensions of the token's certificate.
    pub extra_device_extensions: Vec<Extension>,
    /// Lie: who signs the slot's certificate.
    pub leaf_signed_by: LeafSigner,
    /// Lie: another subject than `YubiKey PIV Attestation <slot>`.
    pub leaf_common_name: Option<String>,
    /// Lie: another issuer than the token, by name.
    pub leaf_issuer_name: Option<String>,
    /// Lie: more extensions of the slot's certificate, after the others.
    pub extra_leaf_extensions: Vec<Extension>,
    /// Lie: the extension with this identifier stands there twice.
    pub duplicate_extension: Option<Vec<u64>>,
    /// Lie: no extension .3.8.
    pub omit_policy: bool,
    /// Lie: extension .3.8 has these bytes.
    pub raw_policy: Option<Vec<u8>>,
    /// Of both certificates.
    pub not_before: String,
    /// Of both certificates.
    pub not_after: String,
}

impl PivToken {
    /// A token that is as it should be: firmware 5.7.4, PIN once, touch cached, slot 9a.
    #[must_use]
    pub fn sound(maker: &Maker) -> Self {
        Self {
            maker: maker.clone(),
            serial: Some(12_345_678),
            firmware: Some([5, 7, 4]),
            pin: 2,
            touch: 3,
            form_factor: Some(1),
            fips: false,
            fips_value: der::null(),
            slot: "9a".to_owned(),
            key: SubjectKey::derived("slot 9a"),
            device_firmware: None,
            device_issuer: Issuer::Root,
            device_is_ca: Some(true),
            device_path_length: Some(0),
            device_common_name: "Simulated PIV Attestation".to_owned(),
            extra_device_extensions: Vec::new(),
            leaf_signed_by: LeafSigner::Device,
            leaf_common_name: None,
            leaf_issuer_name: None,
            extra_leaf_extensions: Vec::new(),
            duplicate_extension: None,
            omit_policy: false,
            raw_policy: None,
            not_before: "20241201000000Z".to_owned(),
            not_after: "99991231235959Z".to_owned(),
        }
    }

    /// The key of slot f9: one per maker and serial number.
    #[must_use]
    pub fn device_key(&self) -> PrivateKey {
        self.maker.key(&format!("PIV token {:?}", self.serial))
    }

    /// What `yubico-piv-tool -a attest` gives, DER.
    #[must_use]
    pub fn slot_certificate(&self) -> Vec<u8> {
        let mut leaf = self.leaf();
        match self.leaf_signed_by {
            LeafSigner::Device => leaf.signed_by(&self.device_key()),
            LeafSigner::OtherKey => leaf.signed_by(&self.maker.key("another key under the token's name")),
            LeafSigner::Root => {
                leaf.issuer = Name::common(PIV_ROOT);
                leaf.signed_by(&self.maker.key(PIV_ROOT))
            }
            LeafSigner::Itself => {
                let key = PrivateKey::derived(&format!("slot {}", self.slot));
                leaf.issuer = leaf.subject.clone();
                leaf.key = key.public();
                leaf.signed_by(&key)
            }
        }
    }

    /// The certificate in slot f9, DER.
    #[must_use]
    pub fn device_certificate(&self) -> Vec<u8> {
        self.maker.issue(PIV_ROOT, self.device_issuer, self.device(), &self.device_key())
    }

    /// What the certificate in slot f9 says, before it is signed.
    #[must_use]
    pub fn device(&self) -> Certificate {
        let name = Name::common(&self.device_common_name);
        let mut device = Certificate::new(Name::common(PIV_ROOT), name, self.device_key().public());
        device.not_before.clone_from(&self.not_before);
        device.not_after.clone_from(&self.not_after);
        if let Some(firmware) = self.device_firmware.or(self.firmware) {
            device.extensions.push(Extension::new(&arc(&[3, 3]), &firmware));
        }
        if self.fips {
            device.extensions.push(Extension::new(&arc(&[3, 10]), &self.fips_value));
        }
        if let Some(is_ca) = self.device_is_ca {
            device.extensions.push(Extension::basic_constraints(is_ca, self.device_path_length));
        }
        device.extensions.extend_from_slice(&self.extra_device_extensions);
        device
    }

    /// The attack with a slot's key as an authority: a key in a slot signs whatever its owner
    /// wants, so also a certificate that says what this token says. Returned are that forgery and
    /// the real certificate of the slot, which is shown as the token's.
    #[must_use]
    pub fn leaf_as_issuer(&self) -> (Vec<u8>, Vec<u8>) {
        let slot_key = PrivateKey::derived("a slot key that signs certificates");
        let real = Self { key: slot_key.public(), ..self.clone() };
        let mut forged = self.leaf();
        forged.issuer = real.leaf().subject;
        (forged.signed_by(&slot_key), real.slot_certificate())
    }

    /// What the slot's certificate says, before it is signed.
    #[must_use]
    pub fn leaf(&self) -> Certificate {
        let issuer = Name::common(self.leaf_issuer_name.as_ref().unwrap_or(&self.device_common_name));
        let honest = format!("YubiKey PIV Attestation {}", self.slot);
        let subject = Name::common(self.leaf_common_name.as_ref().unwrap_or(&honest));
        let mut leaf = Certificate::new(issuer, subject, self.key.clone());
        leaf.not_before.clone_from(&self.not_before);
        leaf.not_after.clone_from(&self.not_after);
        // Bytes without any DER, except for the serial number: so real tokens have it.
        if let Some(firmware) = self.firmware {
            leaf.extensions.push(Extension::new(&arc(&[3, 3]), &firmware));
        }
        if let Some(serial) = self.serial {
            leaf.extensions.push(Extension::new(&arc(&[3, 7]), &der::unsigned(&serial.to_be_bytes())));
        }
        if !self.omit_policy {
            let policy = self.raw_policy.clone().unwrap_or_else(|| vec![self.pin, self.touch]);
            leaf.extensions.push(Extension::new(&arc(&[3, 8]), &policy));
        }
        if let Some(form_factor) = self.form_factor {
            let fips = if self.fips { 0x80 } else { 0 };
            leaf.extensions.push(Extension::new(&arc(&[3, 9]), &[form_factor | fips]));
        }
        leaf.extensions.extend_from_slice(&self.extra_leaf_extensions);
        if let Some(twice) = &self.duplicate_extension {
            let found = leaf.extensions.iter().find(|extension| extension.oid == *twice).cloned();
            leaf.extensions.push(found.expect("duplicate_extension names one that is there"));
        }
        leaf
    }
}
