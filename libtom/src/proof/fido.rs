//! FIDO: what `ssh-keygen -O write-attestation` leaves. The token's batch key signs what it says of the new key;
//! the maker signed the batch key's certificate.
//!
//! ```text
//! authenticator data, challenge  <── certificate in the attestation  <── a trust anchor for FIDO
//! ```
//!
//! Sources: OpenSSH PROTOCOL.u2f ("ssh-sk-attest-v01"), WebAuthn level 2 sections 8.2 (packed) and 6.1, CTAP 2.1
//! section 12.1 (credProtect).
//!
//! UV at enrolment says that a PIN was entered **then**. That the token will not sign without one is said by
//! credProtect 3 alone, which OpenSSH asks for with `-O verify-required`: both are needed here, and sshd demands
//! UV in each login's signature.

use super::algorithm::{KeyKind, SignatureAlgorithm};
use super::authenticator_data::{AuthenticatorData, CoseKey};
use super::certificate::Certificate;
use super::facts::{Attested, Facts, Form, Origin, Part, PinRule, Refusal, Shortfall};
use super::pem::LARGEST;
use super::piv::nobody;
use super::trust::Trust;
use crate::policy::Firmware;
use crate::public_key::{KeyType, PublicKey};
use crate::ssh_wire::Fields;
use alloc::string::ToString;
use alloc::vec::Vec;
use minicbor::Decoder;
use ring::digest::{SHA256, digest};

const MAGIC: &[u8] = b"ssh-sk-attest-v01";
const OLD_MAGIC: &[u8] = b"ssh-sk-attest-v00";

// 1.3.6.1.4.1.45724.1.1.4 (WebAuthn 8.2.1) and 1.3.6.1.4.1.41482.13.1 (Yubico), both an OCTET STRING within.
const AAGUID: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xe5\x1c\x01\x01\x04";
const FIRMWARE: &[u8] = b"\x2b\x06\x01\x04\x01\x82\xc4\x0a\x0d\x01";

/// The level of credProtect with which a token never signs without its PIN (userVerificationRequired).
const PIN_REQUIRED: u8 = 3;

/// The parts of an attestation.
#[derive(Clone, Copy, Debug)]
pub struct Attestation<'a> {
    /// The certificate of the token's batch, DER.
    pub certificate: &'a [u8],
    /// The token's signature.
    pub signature: &'a [u8],
    /// What it signed, beside the challenge.
    pub authenticator_data: &'a [u8],
}

impl<'a> Attestation<'a> {
    /// Reads the file that ssh-keygen wrote.
    ///
    /// # Errors
    /// [`Refusal::Form`] and its like say what is wrong with it.
    pub fn read(file: &'a [u8]) -> Result<Self, Refusal> {
        if file.len() > LARGEST {
            return Err(Refusal::Form("it is larger than any attestation"));
        }
        let mut reader = Fields::of(file);
        let cut_short = |_| Refusal::Form("it is cut short");
        match reader.string().map_err(cut_short)? {
            MAGIC => {}
            OLD_MAGIC => return Err(Refusal::OldForm("ssh-sk-attest-v00".to_string())),
            _ => return Err(Refusal::Form("it does not begin with ssh-sk-attest-v01")),
        }
        let certificate = reader.string().map_err(cut_short)?;
        let signature = reader.string().map_err(cut_short)?;
        let encoded = reader.string().map_err(cut_short)?;
        let flags = reader.u32().map_err(cut_short)?;
        let reserved = reader.string().map_err(cut_short)?;
        if flags != 0 || !reserved.is_empty() {
            return Err(Refusal::Form("a reserved field is not empty"));
        }
        reader.end().map_err(|_| Refusal::Form("bytes behind its end"))?;
        let mut decoder = Decoder::new(encoded);
        let authenticator_data =
            decoder.bytes().map_err(|_| Refusal::Form("the authenticator data is no CBOR byte string"))?;
        if decoder.position() != encoded.len() {
            return Err(Refusal::Form("bytes behind the authenticator data"));
        }
        Ok(Self { certificate, signature, authenticator_data })
    }
}

/// Verifies that the key lives in a token, and says what the token's maker attests of it.
///
/// # Errors
/// Says which rule refuses it.
pub fn verify(key: &PublicKey, attestation: &[u8], challenge: &[u8], trust: &Trust) -> Result<Attested, Refusal> {
    verify_parts(key, Attestation::read(attestation)?, challenge, trust)
}

/// The same, of parts that were taken out of their file.
///
/// # Errors
/// Says which rule refuses it.
pub fn verify_parts(
    key: &PublicKey,
    attestation: Attestation<'_>,
    challenge: &[u8],
    trust: &Trust,
) -> Result<Attested, Refusal> {
    let (attested, data) = verify_statement(attestation, challenge, trust)?;
    // It is for this key and its application.
    let (own, application) = parts_of(key).ok_or(Refusal::WrongKind)?;
    if digest(&SHA256, application).as_ref() != data.application_digest {
        return Err(Refusal::OtherApplication);
    }
    if own != data.key {
        return Err(Refusal::OtherKey);
    }
    Ok(attested)
}

/// What a token says of whatever key it made, for whatever application.
///
/// # Errors
/// Says which rule refuses it.
pub fn read_statement(attestation: Attestation<'_>, challenge: &[u8], trust: &Trust) -> Result<Attested, Refusal> {
    verify_statement(attestation, challenge, trust).map(|(attested, _)| attested)
}

fn verify_statement<'a>(
    attestation: Attestation<'a>,
    challenge: &[u8],
    trust: &Trust,
) -> Result<(Attested, AuthenticatorData<'a>), Refusal> {
    if challenge.is_empty() {
        return Err(Refusal::ChallengeEmpty);
    }
    // The maker made the token.
    let certificate = read_certificate(attestation.certificate)?;
    let anchor = trust.issuer_of(&certificate, Form::Fido).ok_or_else(|| nobody(Part::Attestation, &certificate))?;
    is_a_token(&certificate)?;
    // The token signed this, for this challenge.
    let mut signed: Vec<u8> = attestation.authenticator_data.to_vec();
    signed.extend_from_slice(digest(&SHA256, challenge).as_ref());
    if !certificate.key.verifies(SignatureAlgorithm::EcdsaSha256, &signed, attestation.signature) {
        return Err(Refusal::ChallengeWrong);
    }
    let data = AuthenticatorData::read(attestation.authenticator_data).map_err(Refusal::Form)?;
    // It is of the model of the certificate.
    if certificate.extension(AAGUID).and_then(octets) != Some(data.aaguid) {
        return Err(Refusal::OtherModel);
    }
    if data.may_be_backed_up {
        return Err(Refusal::Synchronised);
    }
    let model = trust.model(data.aaguid).map(ToString::to_string);
    let facts = Facts {
        form: Form::Fido,
        vendor: anchor.vendor.clone(),
        fips: model.as_ref().map(|name| name.contains("FIPS")),
        model,
        serial: None,
        firmware: certificate.extension(FIRMWARE).and_then(octets).map(|[major, minor, patch]: &[u8; 3]| Firmware {
            major: *major,
            minor: *minor,
            patch: *patch,
        }),
        pin: (data.protection == Some(PIN_REQUIRED)).then_some(PinRule::Always),
        touch: None,
        origin: Some(Origin::Generated),
        slot: None,
    };
    Ok((Attested { facts, shortfall: shortfall(&data), anchor: anchor.digest }, data))
}

/// One certificate, and nothing behind it: OpenSSH writes those of issuers, if there are any, one after the other.
fn read_certificate(bytes: &[u8]) -> Result<Certificate<'_>, Refusal> {
    Certificate::read(bytes).map_err(|damage| {
        let first = der::SliceReader::new(bytes).and_then(|mut reader| der::Reader::tlv_bytes(&mut reader));
        match first {
            Ok(first) if first.len() < bytes.len() && Certificate::read(first).is_ok() => Refusal::SeveralCertificates,
            Ok(_) | Err(_) => Refusal::Certificate(Part::Attestation, damage),
        }
    })
}

/// A certificate that a token attests with (WebAuthn 8.2.1): not an issuer, P-256. The parts of its name say nothing
/// that the issuer's signature does not; what tells it from other certificates of the same issuer is the AAGUID,
/// which is demanded here.
fn is_a_token(certificate: &Certificate<'_>) -> Result<(), Refusal> {
    let lacks = |what| Refusal::Lacks(Part::Attestation, what);
    let is_issuer = certificate.is_issuer().map_err(|damage| Refusal::Certificate(Part::Attestation, damage))?;
    if is_issuer == Some(true) {
        return Err(lacks("CA:FALSE"));
    }
    if certificate.has_unknown_critical_extension(&[]) {
        return Err(lacks("a critical extension that is not known"));
    }
    if certificate.key.kind != KeyKind::P256 {
        return Err(lacks("a P-256 key"));
    }
    Ok(())
}

/// The content of an OCTET STRING of this length.
fn octets<const N: usize>(encoded: &[u8]) -> Option<&[u8; N]> {
    let (header, octets) = encoded.split_first_chunk::<2>()?;
    let octets: &[u8; N] = octets.try_into().ok()?;
    (header.first() == Some(&0x04) && header.last().copied().map(usize::from) == Some(N)).then_some(octets)
}

/// Key and application of an SSH key on a token (OpenSSH PROTOCOL.u2f).
fn parts_of(key: &PublicKey) -> Option<(CoseKey<'_>, &[u8])> {
    let mut fields = Fields::of(key.blob());
    fields.string().ok()?;
    match key.key_type() {
        KeyType::SkEd25519 => Some((CoseKey::Ed25519(fields.string().ok()?), fields.string().ok()?)),
        KeyType::SkEcdsaP256 => {
            fields.string().ok()?;
            let (x, y) = fields.string().ok()?.strip_prefix(b"\x04")?.split_at_checked(32)?;
            Some((CoseKey::P256 { x, y }, fields.string().ok()?))
        }
        KeyType::Ed25519 | KeyType::Rsa | KeyType::EcdsaP256 | KeyType::EcdsaP384 | KeyType::EcdsaP521 => None,
    }
}

fn shortfall(data: &AuthenticatorData<'_>) -> Option<Shortfall> {
    if !data.user_present {
        return Some(Shortfall::UserNotPresent);
    }
    if !data.user_verified {
        return Some(Shortfall::UserNotVerified);
    }
    (data.protection != Some(PIN_REQUIRED)).then_some(Shortfall::NotProtected)
}
