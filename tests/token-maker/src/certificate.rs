//! X.509 certificates, written without a thought about whether they make sense.

use base64ct::{Base64, Encoding};

use crate::der;
use crate::key::{PrivateKey, SubjectKey, sha256};

const ECDSA_WITH_SHA256: &[u64] = &[1, 2, 840, 10045, 4, 3, 2];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const YUBICO: [u64; 7] = [1, 3, 6, 1, 4, 1, 41482];

/// A distinguished name: its parts in order, each an object identifier and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub Vec<(Vec<u64>, String)>);

impl Name {
    /// `CN=…`
    #[must_use]
    pub fn common(name: &str) -> Self {
        Self(vec![(vec![2, 5, 4, 3], name.to_owned())])
    }

    /// `C=SE, O=Simulated, OU=Authenticator Attestation, CN=…`, as a FIDO attestation wants it.
    #[must_use]
    pub fn authenticator(common_name: &str) -> Self {
        Self(vec![
            (vec![2, 5, 4, 6], "SE".to_owned()),
            (vec![2, 5, 4, 10], "Simulated".to_owned()),
            (vec![2, 5, 4, 11], "Authenticator Attestation".to_owned()),
            (vec![2, 5, 4, 3], common_name.to_owned()),
        ])
    }

    fn der(&self) -> Vec<u8> {
        let parts = self.0.iter().map(|(oid, text)| {
            let country = oid[..] == [2, 5, 4, 6];
            let text = if country { der::printable(text) } else { der::utf8(text) };
            der::set_of_one(&der::sequence(&[&der::oid(oid), &text]))
        });
        der::tlv(0x30, &parts.collect::<Vec<_>>().concat())
    }
}

/// An extension of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The arcs of its object identifier.
    pub oid: Vec<u64>,
    /// Whether who does not know it must refuse the certificate.
    pub critical: bool,
    /// What is inside the OCTET STRING.
    pub value: Vec<u8>,
}

impl Extension {
    /// One that is not critical.
    #[must_use]
    pub fn new(oid: &[u64], value: &[u8]) -> Self {
        Self { oid: oid.to_vec(), critical: false, value: value.to_vec() }
    }

    /// basicConstraints, critical. DER leaves out what is the default: CA:FALSE is empty.
    #[must_use]
    pub fn basic_constraints(is_ca: bool, path_length: Option<u8>) -> Self {
        let is_ca = if is_ca { der::boolean(true) } else { Vec::new() };
        let path_length = path_length.map(|length| der::unsigned(&[length])).unwrap_or_default();
        Self { oid: BASIC_CONSTRAINTS.to_vec(), critical: true, value: der::sequence(&[&is_ca, &path_length]) }
    }

    fn der(&self) -> Vec<u8> {
        let critical = if self.critical { der::boolean(true) } else { Vec::new() };
        der::sequence(&[&der::oid(&self.oid), &critical, &der::octets(&self.value)])
    }
}

/// An object identifier below Yubico's arc: `arc(&[3, 8])` is 1.3.6.1.4.1.41482.3.8.
#[must_use]
pub fn arc(rest: &[u64]) -> Vec<u64> {
    [&YUBICO, rest].concat()
}

/// Who signs the certificate of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The maker's root, as it should be.
    Root,
    /// The same maker's root for tokens of another kind: FIDO for PIV, otherwise PIV.
    WrongRoot,
    /// Another key under the root's name.
    OtherKey,
    /// The token itself.
    SelfSigned,
}

/// What a certificate says, before it is signed.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// 2 is version 3; `None` leaves the field out, which is version 1.
    pub version: Option<u8>,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// AlgorithmIdentifier inside what is signed, as DER.
    pub algorithm: Vec<u8>,
    /// AlgorithmIdentifier beside the signature, as DER; they must be the same.
    pub outer_algorithm: Vec<u8>,
    /// Who signs, by name.
    pub issuer: Name,
    /// `YYYYMMDDHHMMSSZ`
    pub not_before: String,
    /// `YYYYMMDDHHMMSSZ`
    pub not_after: String,
    /// Whose key it is.
    pub subject: Name,
    /// The key.
    pub key: SubjectKey,
    /// In this order; the same one twice if a test wants it.
    pub extensions: Vec<Extension>,
}

impl Certificate {
    /// A certificate like those of real tokens, without extensions.
    #[must_use]
    pub fn new(issuer: Name, subject: Name, key: SubjectKey) -> Self {
        let algorithm = der::sequence(&[&der::oid(ECDSA_WITH_SHA256)]);
        let mut serial = sha256(&[issuer.der(), subject.der(), key.spki()].concat())[..16].to_vec();
        serial[0] = 1;
        Self {
            version: Some(2),
            serial,
            outer_algorithm: algorithm.clone(),
            algorithm,
            issuer,
            not_before: "20241201000000Z".to_owned(),
            not_after: "99991231235959Z".to_owned(),
            subject,
            key,
            extensions: Vec::new(),
        }
    }

    /// TBSCertificate, as DER.
    #[must_use]
    pub fn to_be_signed(&self) -> Vec<u8> {
        let version = self.version.map(|version| der::tlv(0xa0, &der::unsigned(&[version]))).unwrap_or_default();
        let extensions = if self.extensions.is_empty() {
            Vec::new()
        } else {
            let each: Vec<u8> = self.extensions.iter().flat_map(Extension::der).collect();
            der::tlv(0xa3, &der::tlv(0x30, &each))
        };
        der::sequence(&[
            &version,
            &der::unsigned(&self.serial),
            &self.algorithm,
            &self.issuer.der(),
            &der::sequence(&[&der::time(&self.not_before), &der::time(&self.not_after)]),
            &self.subject.der(),
            &self.key.spki(),
            &extensions,
        ])
    }

    /// The certificate as DER, signed by that key, whoever `issuer` names.
    #[must_use]
    pub fn signed_by(&self, key: &PrivateKey) -> Vec<u8> {
        let signed = self.to_be_signed();
        let signature = key.sign(&signed);
        der::sequence(&[&signed, &self.outer_algorithm, &der::bits(&signature)])
    }
}

/// A certificate as PEM.
#[must_use]
pub fn pem(certificate: &[u8]) -> String {
    let text = Base64::encode_string(certificate);
    let mut out = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

/// The same with its last bit turned over: in a certificate, the signature's.
#[must_use]
pub fn damaged(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}
