//! FIDO security keys: the attestation that `ssh-keygen -O write-attestation` stores.

use crate::certificate::{Certificate, Extension, Issuer, Name, arc};
use crate::key::{PrivateKey, SubjectKey, sha256};
use crate::maker::{FIDO_ROOT, Maker};
use crate::{der, ssh};

/// The model of a token that names no other.
pub const SIMULATED_AAGUID: [u8; 16] = *b"simulated aaguid";

const AAGUID: &[u64] = &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];

/// A FIDO token at the moment when it makes a key for OpenSSH.
#[derive(Clone, Debug)]
pub struct FidoToken {
    /// Whose token it is.
    pub maker: Maker,
    /// The model, in the authenticator data.
    pub aaguid: [u8; 16],
    /// The model, in the certificate. `None`: the certificate does not say.
    pub cert_aaguid: Option<[u8; 16]>,
    /// Extension 13.1 of the certificate; older tokens have none.
    pub firmware: Option<[u8; 3]>,
    /// UP 0x01, UV 0x04, BE 0x08, BS 0x10, AT 0x40, ED 0x80.
    pub flags: u8,
    /// The extension credProtect of the authenticator data.
    pub cred_protect: Option<u8>,
    /// What the key is for.
    pub application: String,
    /// The signature counter.
    pub sign_count: u32,
    /// The key handle.
    pub credential_id: Vec<u8>,
    /// The key that was made: Ed25519 or P-256.
    pub key: SubjectKey,
    /// The bytes of the challenge file.
    pub challenge: Vec<u8>,

    /// Lie: another hash than that of `application`.
    pub rp_id_hash: Option<[u8; 32]>,
    /// Lie: the authenticator data has this key, the public line has `key`.
    pub attested_key: Option<SubjectKey>,
    /// Lie: another key than the certificate's signs the attestation.
    pub signed_by_other_key: bool,
    /// Lie: who signs the certificate.
    pub issuer: Issuer,
    /// basicConstraints of the certificate. `None`: it has none.
    pub certificate_is_ca: Option<bool>,
    /// Lie: more extensions of the certificate.
    pub extra_certificate_extensions: Vec<Extension>,
    /// Lie: more entries of the extension map of the authenticator data (small numbers).
    pub extra_auth_extensions: Vec<(String, u8)>,
    /// Lie: this instead of the authenticator data, and signed.
    pub raw_auth_data: Option<Vec<u8>>,
    /// Lie: signed bytes after the authenticator data.
    pub trailing_auth_data: Vec<u8>,
    /// Lie: bytes after the CBOR byte string, in the same SSH string.
    pub trailing_cbor: Vec<u8>,
    /// Lie: the CBOR byte string says its length in four bytes, where fewer are enough.
    pub long_cbor_length: bool,
    /// Lie: bytes after the attestation.
    pub trailing_blob: Vec<u8>,
    /// No authenticator data in the file, which is what version v00 had.
    pub omit_auth_data: bool,
    /// `ssh-sk-attest-v01`
    pub magic: String,
    /// Lie: a second certificate behind the first, in the same SSH string.
    pub second_certificate: Option<Vec<u8>>,
    /// Reserved by OpenSSH: 0.
    pub reserved_flags: u32,
    /// Reserved by OpenSSH: empty.
    pub reserved: Vec<u8>,
    /// Of the certificate.
    pub not_before: String,
    /// Of the certificate.
    pub not_after: String,
}

impl FidoToken {
    /// A token that is as it should be, at `-t ed25519-sk -O verify-required`: PIN and touch,
    /// credProtect 3.
    #[must_use]
    pub fn sound(maker: &Maker) -> Self {
        Self {
            maker: maker.clone(),
            aaguid: SIMULATED_AAGUID,
            cert_aaguid: Some(SIMULATED_AAGUID),
            firmware: Some([5, 7, 4]),
            flags: 0xc5,
            cred_protect: Some(3),
            application: "ssh:".to_owned(),
            sign_count: 1,
            credential_id: sha256(b"simulated credential").repeat(2),
            key: SubjectKey::ed25519("fido"),
            challenge: b"simulated challenge of 32 bytes.".to_vec(),
            rp_id_hash: None,
            attested_key: None,
            signed_by_other_key: false,
            issuer: Issuer::Root,
            certificate_is_ca: Some(false),
            extra_certificate_extensions: Vec::new(),
            extra_auth_extensions: Vec::new(),
            raw_auth_data: None,
            trailing_auth_data: Vec::new(),
            trailing_cbor: Vec::new(),
            long_cbor_length: false,
            trailing_blob: Vec::new(),
            omit_auth_data: false,
            magic: "ssh-sk-attest-v01".to_owned(),
            second_certificate: None,
            reserved_flags: 0,
            reserved: Vec::new(),
            not_before: "20241201000000Z".to_owned(),
            not_after: "99991231235959Z".to_owned(),
        }
    }

    /// A token at `-t ed25519-sk` alone: nobody was asked for a PIN.
    #[must_use]
    pub fn touched_only(maker: &Maker) -> Self {
        Self { flags: 0x41, cred_protect: None, ..Self::sound(maker) }
    }

    /// The key that attests: tokens of one batch share it.
    #[must_use]
    pub fn attestation_key(&self) -> PrivateKey {
        self.maker.key("FIDO attestation")
    }

    /// The authenticator data that is signed.
    #[must_use]
    pub fn auth_data(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw_auth_data {
            return raw.clone();
        }
        let mut data = self.rp_id_hash.unwrap_or_else(|| sha256(self.application.as_bytes())).to_vec();
        data.push(self.flags);
        data.extend_from_slice(&self.sign_count.to_be_bytes());
        data.extend_from_slice(&self.aaguid);
        data.extend_from_slice(&u16::try_from(self.credential_id.len()).expect("short").to_be_bytes());
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&cose_key(self.attested_key.as_ref().unwrap_or(&self.key)));
        data.extend_from_slice(&self.extension_map());
        data.extend_from_slice(&self.trailing_auth_data);
        data
    }

    /// The authenticator data as CBOR byte string, which is how libfido2 hands it on.
    #[must_use]
    pub fn wrapped_auth_data(&self) -> Vec<u8> {
        let data = self.auth_data();
        let head = if self.long_cbor_length {
            let length = u32::try_from(data.len()).expect("short");
            [&[0x5a][..], &length.to_be_bytes()].concat()
        } else {
            cbor_head(2, data.len())
        };
        [head, data, self.trailing_cbor.clone()].concat()
    }

    /// The certificate of the attestation key, DER.
    #[must_use]
    pub fn certificate(&self) -> Vec<u8> {
        self.maker.issue(FIDO_ROOT, self.issuer, self.unsigned_certificate(), &self.attestation_key())
    }

    /// What that certificate says, before it is signed.
    #[must_use]
    pub fn unsigned_certificate(&self) -> Certificate {
        let subject = Name::authenticator("Simulated FIDO EE Serial 140696673984437");
        let mut certificate = Certificate::new(Name::common(FIDO_ROOT), subject, self.attestation_key().public());
        certificate.not_before.clone_from(&self.not_before);
        certificate.not_after.clone_from(&self.not_after);
        if let Some(firmware) = self.firmware {
            certificate.extensions.push(Extension::new(&arc(&[13, 1]), &der::octets(&firmware)));
        }
        if let Some(aaguid) = self.cert_aaguid {
            certificate.extensions.push(Extension::new(AAGUID, &der::octets(&aaguid)));
        }
        if let Some(is_ca) = self.certificate_is_ca {
            certificate.extensions.push(Extension::basic_constraints(is_ca, None));
        }
        certificate.extensions.extend_from_slice(&self.extra_certificate_extensions);
        certificate
    }

    /// The signature over the authenticator data and the challenge's hash, DER.
    #[must_use]
    pub fn signature(&self) -> Vec<u8> {
        let key = if self.signed_by_other_key {
            self.maker.key("another key than the FIDO certificate's")
        } else {
            self.attestation_key()
        };
        key.sign(&[&self.auth_data()[..], &sha256(&self.challenge)].concat())
    }

    /// The file of `ssh-keygen -O write-attestation`.
    #[must_use]
    pub fn attestation(&self) -> Vec<u8> {
        let certificates = [self.certificate(), self.second_certificate.clone().unwrap_or_default()].concat();
        [
            ssh::string(self.magic.as_bytes()),
            ssh::string(&certificates),
            ssh::string(&self.signature()),
            if self.omit_auth_data { Vec::new() } else { ssh::string(&self.wrapped_auth_data()) },
            self.reserved_flags.to_be_bytes().to_vec(),
            ssh::string(&self.reserved),
            self.trailing_blob.clone(),
        ]
        .concat()
    }

    /// The public key as in authorized_keys, without a comment, for that application.
    #[must_use]
    pub fn public_line(&self, application: &str) -> String {
        let application = ssh::string(application.as_bytes());
        match &self.key {
            SubjectKey::Ed25519(key) => {
                ssh::line("sk-ssh-ed25519@openssh.com", &[ssh::string(key), application].concat())
            }
            SubjectKey::P256(point) => ssh::line(
                "sk-ecdsa-sha2-nistp256@openssh.com",
                &[ssh::string(b"nistp256"), ssh::string(point), application].concat(),
            ),
            SubjectKey::P384(_) | SubjectKey::Rsa { .. } => panic!("OpenSSH has no security keys of that kind"),
        }
    }

    fn extension_map(&self) -> Vec<u8> {
        let own = self.cred_protect.map(|level| ("credProtect".to_owned(), level));
        let mut entries: Vec<(String, u8)> = own.into_iter().chain(self.extra_auth_extensions.clone()).collect();
        if entries.is_empty() {
            return Vec::new();
        }
        // The canonical order of CTAP2: shorter names first.
        entries.sort_by_key(|(name, _)| (name.len(), name.clone()));
        let mut map = cbor_head(5, entries.len());
        for (name, value) in entries {
            map.extend_from_slice(&cbor_head(3, name.len()));
            map.extend_from_slice(name.as_bytes());
            map.extend_from_slice(&cbor_head(0, usize::from(value)));
        }
        map
    }
}

/// COSE_Key of the two kinds that OpenSSH has. Others have no number there: an empty map.
fn cose_key(key: &SubjectKey) -> Vec<u8> {
    let member = |label: u8, bytes: &[u8]| [&[label][..], &cbor_head(2, bytes.len()), bytes].concat();
    match key {
        // kty OKP, alg EdDSA, crv Ed25519
        SubjectKey::Ed25519(key) => [vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06], member(0x21, key)].concat(),
        // kty EC2, alg ES256, crv P-256
        SubjectKey::P256(point) => {
            [vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01], member(0x21, &point[1..33]), member(0x22, &point[33..])]
                .concat()
        }
        SubjectKey::P384(_) | SubjectKey::Rsa { .. } => vec![0xa0],
    }
}

/// The head of a CBOR item with the shortest length.
fn cbor_head(major: u8, argument: usize) -> Vec<u8> {
    let major = major << 5;
    match argument {
        0..24 => vec![major | argument as u8],
        24..0x100 => vec![major | 24, argument as u8],
        0x100..0x1_0000 => [&[major | 25][..], &(argument as u16).to_be_bytes()].concat(),
        _ => [&[major | 26][..], &u32::try_from(argument).expect("short").to_be_bytes()].concat(),
    }
}
