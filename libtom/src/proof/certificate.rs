//! X.509 certificates (RFC 5280), as far as tokens have them: strict DER, version 3, no path building.

use super::algorithm::{CertifiedKey, SignatureAlgorithm, signature_algorithm, whole_bytes};
use alloc::string::String;
use alloc::vec::Vec;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// Why bytes are no certificate that tom takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Not DER, cut short, or with bytes behind its end.
    #[error("it is no certificate: not DER, cut short, or with bytes behind its end")]
    Form,
    /// Neither PEM nor DER.
    #[error("it is neither PEM nor DER")]
    Pem,
    /// More than one certificate where one is meant.
    #[error("it holds more than one certificate")]
    Several,
    /// Not version 3.
    #[error("it is no X.509 certificate of version 3")]
    Version,
    /// A key or signature of a kind that tokens do not have.
    #[error("its key or signature is of a kind that tokens do not use")]
    Algorithm,
    /// An extension twice, or a critical one whose meaning is not known.
    #[error("it has an extension twice, or a critical extension whose meaning is not known")]
    Extension,
    /// Larger than any attestation.
    #[error("it is larger than any attestation")]
    TooLarge,
}

impl From<der::Error> for Damage {
    fn from(_: der::Error) -> Self {
        Self::Form
    }
}

/// An extension: object identifier and content, both as they stand.
#[derive(Clone, Copy, Debug)]
struct Extension<'c> {
    oid: &'c [u8],
    is_critical: bool,
    content: &'c [u8],
}

/// A certificate taken apart, not yet believed.
#[derive(Clone, Debug)]
pub(super) struct Certificate<'c> {
    signed: &'c [u8],
    algorithm: SignatureAlgorithm,
    signature: &'c [u8],
    /// The issuer's name, encoded.
    pub(super) issuer: &'c [u8],
    /// The subject's name, encoded.
    pub(super) subject: &'c [u8],
    /// The subject's key.
    pub(super) key: CertifiedKey<'c>,
    extensions: Vec<Extension<'c>>,
}

// RFC 5280 sections 4.2.1.9 and 4.2.1.3, X.520.
const BASIC_CONSTRAINTS: &[u8] = b"\x55\x1d\x13";
const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
const COMMON_NAME: &[u8] = b"\x55\x04\x03";
const ORGANIZATION: &[u8] = b"\x55\x04\x0a";

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { number: TagNumber(number), constructed: true }
}

/// The content of the next value, which must have this tag.
fn next<'c>(reader: &mut SliceReader<'c>, tag: Tag) -> Result<&'c [u8], Damage> {
    let any = AnyRef::decode(reader)?;
    if any.tag() == tag { Ok(any.value()) } else { Err(Damage::Form) }
}

/// The content of the one value that the bytes hold.
fn only(bytes: &[u8], tag: Tag) -> Result<&[u8], Damage> {
    let mut reader = SliceReader::new(bytes)?;
    let content = next(&mut reader, tag)?;
    reader.finish()?;
    Ok(content)
}

impl<'c> Certificate<'c> {
    /// Takes a certificate apart.
    pub(super) fn read(bytes: &'c [u8]) -> Result<Self, Damage> {
        let mut outer = SliceReader::new(only(bytes, Tag::Sequence)?)?;
        let signed = outer.tlv_bytes()?;
        let algorithm = outer.tlv_bytes()?;
        let signature = whole_bytes(AnyRef::decode(&mut outer)?).ok_or(Damage::Form)?;
        outer.finish()?;

        let mut fields = SliceReader::new(only(signed, Tag::Sequence)?)?;
        // Version 1 is what is not written.
        let version = AnyRef::decode(&mut fields)?;
        if version.tag() != context(0) || version.value() != b"\x02\x01\x02" {
            return Err(Damage::Version);
        }
        next(&mut fields, Tag::Integer)?;
        // The algorithm stands twice, once where the signature covers it.
        if fields.tlv_bytes()? != algorithm {
            return Err(Damage::Algorithm);
        }
        let issuer = fields.tlv_bytes()?;
        next(&mut fields, Tag::Sequence)?;
        let subject = fields.tlv_bytes()?;
        let key = CertifiedKey::read(next(&mut fields, Tag::Sequence)?)?;
        let extensions = if fields.is_finished() {
            Vec::new()
        } else {
            read_extensions(only(next(&mut fields, context(3))?, Tag::Sequence)?)?
        };
        fields.finish()?;
        let algorithm = signature_algorithm(algorithm).ok_or(Damage::Algorithm)?;
        Ok(Self { signed, algorithm, signature, issuer, subject, key, extensions })
    }

    /// Did this key sign the certificate?
    pub(super) fn is_signed_by(&self, key: &CertifiedKey<'_>) -> bool {
        key.verifies(self.algorithm, self.signed, self.signature)
    }

    /// Did it sign itself?
    pub(super) fn is_self_signed(&self) -> bool {
        self.issuer == self.subject && self.is_signed_by(&self.key)
    }

    /// The content of an extension.
    pub(super) fn extension(&self, oid: &[u8]) -> Option<&'c [u8]> {
        self.extensions.iter().find(|extension| extension.oid == oid).map(|extension| extension.content)
    }

    /// Has it an extension below this arc?
    pub(super) fn has_extension_below(&self, arc: &[u8]) -> bool {
        self.extensions.iter().any(|extension| extension.oid.starts_with(arc))
    }

    /// May it issue certificates? Nothing where it does not say.
    pub(super) fn is_issuer(&self) -> Result<Option<bool>, Damage> {
        let Some(content) = self.extension(BASIC_CONSTRAINTS) else { return Ok(None) };
        let constraints = only(content, Tag::Sequence)?;
        Ok(Some(constraints.starts_with(b"\x01\x01\xff")))
    }

    /// A critical extension whose meaning is not known forbids to use the certificate (RFC 5280 section 4.2).
    pub(super) fn has_unknown_critical_extension(&self, known: &[&[u8]]) -> bool {
        self.extensions.iter().any(|extension| {
            extension.is_critical
                && extension.oid != BASIC_CONSTRAINTS
                && extension.oid != KEY_USAGE
                && !known.contains(&extension.oid)
        })
    }

    /// The issuer's common name, else its organization.
    pub(super) fn issuer_name(&self) -> Option<String> {
        name_part(self.issuer, COMMON_NAME).or_else(|| name_part(self.issuer, ORGANIZATION))
    }

    /// The subject's common name.
    pub(super) fn common_name(&self) -> Option<String> {
        name_part(self.subject, COMMON_NAME)
    }

    /// The subject's organization, else its common name.
    pub(super) fn organization(&self) -> Option<String> {
        name_part(self.subject, ORGANIZATION).or_else(|| self.common_name())
    }
}

fn read_extensions(list: &[u8]) -> Result<Vec<Extension<'_>>, Damage> {
    let mut reader = SliceReader::new(list)?;
    let mut extensions: Vec<Extension<'_>> = Vec::new();
    while !reader.is_finished() {
        let mut fields = SliceReader::new(next(&mut reader, Tag::Sequence)?)?;
        let oid = next(&mut fields, Tag::ObjectIdentifier)?;
        let mut value = AnyRef::decode(&mut fields)?;
        let is_critical = value.tag() == Tag::Boolean;
        if is_critical {
            // DER leaves out what is the default: a written FALSE is none.
            if value.value() != b"\xff" {
                return Err(Damage::Form);
            }
            value = AnyRef::decode(&mut fields)?;
        }
        fields.finish()?;
        if value.tag() != Tag::OctetString {
            return Err(Damage::Form);
        }
        if extensions.iter().any(|extension| extension.oid == oid) {
            return Err(Damage::Extension);
        }
        extensions.push(Extension { oid, is_critical, content: value.value() });
    }
    Ok(extensions)
}

/// One part of a name, printable; the last if it stands there more than once.
fn name_part(name: &[u8], oid: &[u8]) -> Option<String> {
    let mut found = None;
    let mut sets = SliceReader::new(only(name, Tag::Sequence).ok()?).ok()?;
    while !sets.is_finished() {
        let mut parts = SliceReader::new(next(&mut sets, Tag::Set).ok()?).ok()?;
        while !parts.is_finished() {
            let mut part = SliceReader::new(next(&mut parts, Tag::Sequence).ok()?).ok()?;
            let is_wanted = next(&mut part, Tag::ObjectIdentifier).ok()? == oid;
            let value = AnyRef::decode(&mut part).ok()?;
            part.finish().ok()?;
            if is_wanted && matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String) {
                found = str::from_utf8(value.value()).ok();
            }
        }
    }
    let shown = |c: char| if crate::policy::is_invisible(c) { '?' } else { c };
    found.map(|text| text.chars().take(MOST_SHOWN).map(shown).collect())
}

/// Names of certificates are foreign text: so much of one is shown.
const MOST_SHOWN: usize = 128;
