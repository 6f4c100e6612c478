//! PIV: the token signs a certificate for the key in a slot with its own key (f9), whose certificate the maker
//! signed.
//!
//! The chain has one shape, and every step is in [`verify`]:
//!
//! ```text
//! slot's certificate  <── device's certificate (f9)  <── a trust anchor for PIV
//! ```
//!
//! Never is a certificate that was handed in taken for more than its place: a key in a slot signs whatever its
//! owner wants, and could "issue" anything. Sources: Yubico, "PIV attestation" (developers.yubico.com); RFC 5280.

use super::certificate::Certificate;
use super::facts::{Attested, Facts, Form, Origin, Part, PinRule, Refusal, Shortfall, TouchRule};
use super::trust::Trust;
use super::{openpgp, pem};
use crate::policy::Firmware;
use crate::public_key::{KeyType, PublicKey};
use alloc::string::{String, ToString};

// 1.3.6.1.4.1.41482.3.x, with content as it stands: no encoding of its own but for the serial number.
const FIRMWARE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x03\x03";
const SERIAL: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x03\x07";
const POLICIES: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x03\x08";
const FORM_FACTOR: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x03\x09";
/// In the device's certificate: the FIPS certification.
const FIPS: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x03\x0a";
/// 1.3.6.1.4.1.45724, the FIDO Alliance: certificates of FIDO tokens have extensions below it.
const FIDO_ARC: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xe5\x1c";
const KNOWN: [&[u8]; 5] = [FIRMWARE, SERIAL, POLICIES, FORM_FACTOR, FIPS];

/// The bit of the form factor that says FIPS.
const FIPS_BIT: u8 = 0x80;

/// RSA keys made on older chips can be computed (ROCA, CVE-2017-15361; Yubico YSA-2017-01).
const SOUND_RSA: Firmware = Firmware { major: 4, minor: 3, patch: 5 };

/// Verifies that the key lives in a token, and says what the token's maker attests of it. The two files are
/// certificates, as PEM or DER.
///
/// # Errors
/// Says which rule refuses it.
pub fn verify(key: &PublicKey, slot: &[u8], device: &[u8], trust: &Trust) -> Result<Attested, Refusal> {
    if key.key_type().is_fido() {
        return Err(Refusal::WrongKind);
    }
    let damaged = |part| move |damage| Refusal::Certificate(part, damage);
    let slot = pem::certificate(slot).map_err(damaged(Part::Slot))?;
    let slot = Certificate::read(&slot).map_err(damaged(Part::Slot))?;
    let device = pem::certificate(device).map_err(damaged(Part::Device))?;
    let device = Certificate::read(&device).map_err(damaged(Part::Device))?;
    if openpgp::is_statement(&slot) {
        return openpgp::verify(key, &slot, &device, trust);
    }
    // The maker made the device.
    is_a_device(&device)?;
    let anchor = trust.issuer_of(&device, Form::Piv).ok_or_else(|| nobody(Part::Device, &device))?;
    // The device made the slot's certificate.
    if slot.issuer != device.subject || !slot.is_signed_by(&device.key) {
        return Err(if slot.is_self_signed() { Refusal::SelfSigned(Part::Slot) } else { Refusal::NotOfThisDevice });
    }
    if slot.has_unknown_critical_extension(&KNOWN) {
        return Err(Refusal::Lacks(Part::Slot, "a critical extension that is not known"));
    }
    // It is for this key.
    if !slot.key.is(key.blob()) {
        return Err(Refusal::OtherKey);
    }
    let mut facts = read_facts(&slot, &device)?;
    facts.vendor.clone_from(&anchor.vendor);
    let shortfall = shortfall(&facts, key.key_type());
    Ok(Attested { facts, shortfall, anchor: anchor.digest })
}

/// The key that a slot's certificate is for. Nothing is verified: [`verify`] does that.
///
/// # Errors
/// The certificate cannot be read, or its key is none of SSH.
pub fn attested_key(slot: &[u8]) -> Result<PublicKey, Refusal> {
    let damaged = |damage| Refusal::Certificate(Part::Slot, damage);
    let slot = pem::certificate(slot).map_err(damaged)?;
    let slot = Certificate::read(&slot).map_err(damaged)?;
    slot.key.ssh_key().ok_or(Refusal::WrongKind)
}

/// A certificate that may stand in the device's place. Devices before firmware 5.4 have no basicConstraints.
fn is_a_device(device: &Certificate<'_>) -> Result<(), Refusal> {
    let is_issuer = device.is_issuer().map_err(|damage| Refusal::Certificate(Part::Device, damage))?;
    // Where an anchor serves for all forms, others that it issued are told apart here.
    if is_issuer == Some(false) || device.extension(POLICIES).is_some() || device.has_extension_below(FIDO_ARC) {
        return Err(Refusal::NotAnIssuer);
    }
    if device.has_unknown_critical_extension(&KNOWN) {
        return Err(Refusal::Lacks(Part::Device, "a critical extension that is not known"));
    }
    Ok(())
}

/// Nobody known signed it.
pub(super) fn nobody(part: Part, certificate: &Certificate<'_>) -> Refusal {
    if certificate.is_self_signed() {
        return Refusal::SelfSigned(part);
    }
    Refusal::IssuerUnknown(part, certificate.issuer_name().unwrap_or_else(|| "unnamed".to_string()))
}

fn read_facts(slot: &Certificate<'_>, device: &Certificate<'_>) -> Result<Facts, Refusal> {
    let lacks = |what| Refusal::Lacks(Part::Slot, what);
    // The slot's certificate is the token's word, the device's is the maker's: the older of both counts, so that
    // whoever computed the key of an old token can make it no newer.
    let firmware = match (read_firmware(slot, Part::Slot)?, read_firmware(device, Part::Device)?) {
        (Some(said), Some(known)) => Some(said.min(known)),
        (said, known) => said.or(known),
    };
    let serial = match slot.extension(SERIAL) {
        None => None,
        Some(encoded) => Some(read_serial(encoded).ok_or_else(|| lacks("the serial number as a DER integer"))?),
    };
    let Some([pin, touch]) = slot.extension(POLICIES) else { return Err(lacks("PIN and touch policy in two bytes")) };
    let form_factor = match slot.extension(FORM_FACTOR) {
        None => None,
        Some([form_factor]) => Some(*form_factor),
        Some(_) => return Err(lacks("the form factor in one byte")),
    };
    let fips = device.extension(FIPS).is_some() || form_factor.is_some_and(|byte| byte & FIPS_BIT != 0);
    Ok(Facts {
        form: Form::Piv,
        vendor: String::new(),
        model: form_factor.map(|byte| model(byte, firmware)),
        serial,
        firmware,
        pin: Some(pin_rule(*pin).ok_or_else(|| lacks("a known PIN policy"))?),
        touch: Some(touch_rule(*touch).ok_or_else(|| lacks("a known touch policy"))?),
        // Tokens attest only keys that they made themselves.
        origin: Some(Origin::Generated),
        // Before form factor and FIPS mark there is nothing that would say so.
        fips: (fips || form_factor.is_some()).then_some(fips),
        slot: Some(read_slot(slot)?),
    })
}

fn read_firmware(certificate: &Certificate<'_>, part: Part) -> Result<Option<Firmware>, Refusal> {
    match certificate.extension(FIRMWARE) {
        None => Ok(None),
        Some([major, minor, patch]) => Ok(Some(Firmware { major: *major, minor: *minor, patch: *patch })),
        Some(_) => Err(Refusal::Lacks(part, "the firmware in three bytes")),
    }
}

/// The slot, which the common name of the certificate names: `YubiKey PIV Attestation 9a`.
fn read_slot(slot: &Certificate<'_>) -> Result<String, Refusal> {
    let name = slot.common_name().unwrap_or_default();
    let named = name.rsplit_once(' ').filter(|(before, _)| before.ends_with("PIV Attestation")).map(|(_, slot)| slot);
    // Keys of persons: 9a, 9c, 9d, 9e and the retired ones, 82 to 95 (NIST SP 800-73-4, part 1, table 4b).
    let number = named.filter(|text| text.len() == 2).and_then(|text| u8::from_str_radix(text, 16).ok());
    match number {
        Some(0x9a | 0x9c | 0x9d | 0x9e | 0x82..=0x95) => Ok(named.unwrap_or_default().to_string()),
        _ => Err(Refusal::WrongSlot(name)),
    }
}

/// A DER integer of up to eight bytes.
pub(super) fn read_serial(encoded: &[u8]) -> Option<u64> {
    let (header, digits) = encoded.split_first_chunk::<2>()?;
    let length = u8::try_from(digits.len()).ok()?;
    if *header != [0x02, length] || digits.is_empty() || digits.first().is_some_and(|first| first & 0x80 != 0) {
        return None;
    }
    let mut number: u64 = 0;
    for digit in digits {
        number = number.checked_mul(256)?.checked_add(u64::from(*digit))?;
    }
    Some(number)
}

const fn pin_rule(byte: u8) -> Option<PinRule> {
    match byte {
        1 => Some(PinRule::Never),
        2 => Some(PinRule::Once),
        3 => Some(PinRule::Always),
        4 => Some(PinRule::MatchOnce),
        5 => Some(PinRule::MatchAlways),
        _ => None,
    }
}

const fn touch_rule(byte: u8) -> Option<TouchRule> {
    match byte {
        1 => Some(TouchRule::Never),
        2 => Some(TouchRule::Always),
        3 => Some(TouchRule::Cached),
        _ => None,
    }
}

/// The model, as far as form factor and firmware tell it (Yubico, "Form Factor Identifiers").
fn model(form_factor: u8, firmware: Option<Firmware>) -> String {
    let shape = match form_factor & !FIPS_BIT {
        0x01 => "USB-A keychain",
        0x02 => "USB-A nano",
        0x03 => "USB-C keychain",
        0x04 => "USB-C nano",
        0x05 => "USB-C and Lightning",
        0x06 => "USB-A, fingerprint",
        0x07 => "USB-C, fingerprint",
        _ => "unknown shape",
    };
    let series = firmware.map_or_else(String::new, |firmware| alloc::format!(" {}", firmware.major));
    let fips = if form_factor & FIPS_BIT == 0 { "" } else { " FIPS" };
    alloc::format!("YubiKey{series}{fips} ({shape})")
}

fn shortfall(facts: &Facts, key_type: KeyType) -> Option<Shortfall> {
    let is_weak = key_type == KeyType::Rsa && facts.firmware.is_none_or(|firmware| firmware < SOUND_RSA);
    match facts.pin {
        Some(PinRule::Once | PinRule::Always) => is_weak.then_some(Shortfall::WeakRsa),
        Some(PinRule::MatchOnce | PinRule::MatchAlways) => Some(Shortfall::Finger),
        Some(PinRule::Never) | None => Some(Shortfall::PinNever),
    }
}
