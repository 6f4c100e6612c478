//! OpenPGP: the card attests that a key was made on it, and nothing of its PIN. It is read and explained, and
//! never a proof. Source: Yubico, "OpenPGP attestation"; content is DER there, unlike in PIV.

use super::certificate::Certificate;
use super::facts::{Attested, Facts, Form, Origin, Part, Refusal, Shortfall, TouchRule};
use super::piv::{nobody, read_serial};
use super::trust::Trust;
use crate::policy::Firmware;
use crate::public_key::PublicKey;
use alloc::string::ToString;

// 1.3.6.1.4.1.41482.5.x
const ARC: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x05";
const SOURCE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x05\x02";
const FIRMWARE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x05\x03";
const SERIAL: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x05\x07";
const TOUCH: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x05\x08";

/// Is it a statement of an OpenPGP card?
pub(super) fn is_statement(certificate: &Certificate<'_>) -> bool {
    certificate.has_extension_below(ARC)
}

pub(super) fn verify(
    key: &PublicKey,
    statement: &Certificate<'_>,
    card: &Certificate<'_>,
    trust: &Trust,
) -> Result<Attested, Refusal> {
    let anchor = trust.issuer_of(card, Form::OpenPgp).ok_or_else(|| nobody(Part::Device, card))?;
    if statement.issuer != card.subject || !statement.is_signed_by(&card.key) {
        return Err(Refusal::NotOfThisDevice);
    }
    if !statement.key.is(key.blob()) {
        return Err(Refusal::OtherKey);
    }
    let origin = match statement.extension(SOURCE) {
        Some([0x02, 0x01, 0x01]) => Some(Origin::Generated),
        Some([0x02, 0x01, _]) => Some(Origin::Imported),
        _ => None,
    };
    let facts = Facts {
        form: Form::OpenPgp,
        vendor: anchor.vendor.clone(),
        model: Some("YubiKey (OpenPGP)".to_string()),
        serial: statement.extension(SERIAL).and_then(read_serial),
        firmware: match statement.extension(FIRMWARE) {
            Some([0x04, 0x03, major, minor, patch]) => Some(Firmware { major: *major, minor: *minor, patch: *patch }),
            _ => None,
        },
        pin: None,
        touch: match statement.extension(TOUCH) {
            Some([0x02, 0x01, 0]) => Some(TouchRule::Never),
            Some([0x02, 0x01, 1 | 2]) => Some(TouchRule::Always),
            Some([0x02, 0x01, 3 | 4]) => Some(TouchRule::Cached),
            _ => None,
        },
        origin,
        fips: None,
        slot: None,
    };
    let imported = facts.origin == Some(Origin::Imported);
    Ok(Attested {
        facts,
        shortfall: Some(if imported { Shortfall::Imported } else { Shortfall::OpenPgp }),
        anchor: anchor.digest,
    })
}
