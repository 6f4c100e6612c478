//! Makes SSH signatures as OpenSSH and security keys do (PROTOCOL.sshsig, PROTOCOL.u2f), from fixed seeds, so
//! that every run sees the same bytes. Written from the documents, and not from the code under test.

use p256::ecdsa::{SigningKey, signature::Signer as _};
use ring::digest::{SHA256, SHA512, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// The four types that can be made from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ed25519,
    EcdsaP256,
    SkEd25519,
    SkEcdsaP256,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Ed25519, Self::EcdsaP256, Self::SkEd25519, Self::SkEcdsaP256];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    pub(crate) const fn is_token(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }

    const fn is_ed25519(self) -> bool {
        matches!(self, Self::Ed25519 | Self::SkEd25519)
    }
}

/// What is signed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Maker<'m> {
    pub(crate) kind: Kind,
    pub(crate) seed: u8,
    pub(crate) namespace: &'m str,
    pub(crate) hash: &'m str,
    pub(crate) application: &'m str,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
}

impl Maker<'_> {
    /// An ordinary signature: touched, PIN entered.
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { kind, seed: 7, namespace: "file", hash: "sha512", application: "ssh:", flags: 5, counter: 0x0102_0304 }
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        let mut blob = string(self.kind.name().as_bytes());
        if self.kind.is_ed25519() {
            blob.extend(string(self.ed25519().public_key().as_ref()));
        } else {
            blob.extend(string(b"nistp256"));
            blob.extend(string(self.p256().verifying_key().to_encoded_point(false).as_bytes()));
        }
        if self.kind.is_token() {
            blob.extend(string(self.application.as_bytes()));
        }
        blob
    }

    pub(crate) fn blob(&self, message: &[u8]) -> Vec<u8> {
        let hashed = digest(if self.hash == "sha256" { &SHA256 } else { &SHA512 }, message);
        let mut to_sign = b"SSHSIG".to_vec();
        for part in [self.namespace.as_bytes(), b"", self.hash.as_bytes(), hashed.as_ref()] {
            to_sign.extend(string(part));
        }
        if self.kind.is_token() {
            to_sign = [
                digest(&SHA256, self.application.as_bytes()).as_ref(),
                &[self.flags],
                &self.counter.to_be_bytes(),
                digest(&SHA256, &to_sign).as_ref(),
            ]
            .concat();
        }
        let raw = if self.kind.is_ed25519() {
            self.ed25519().sign(&to_sign).as_ref().to_vec()
        } else {
            let signature: p256::ecdsa::Signature = self.p256().sign(&to_sign);
            let (r, s) = signature.split_bytes();
            [mpint(&r), mpint(&s)].concat()
        };
        let mut signature = [string(self.kind.name().as_bytes()), string(&raw)].concat();
        if self.kind.is_token() {
            signature.push(self.flags);
            signature.extend(self.counter.to_be_bytes());
        }
        let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
        for part in [&self.public_key(), self.namespace.as_bytes(), b"", self.hash.as_bytes(), &signature] {
            blob.extend(string(part));
        }
        blob
    }

    fn ed25519(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[self.seed; 32]).unwrap()
    }

    fn p256(&self) -> SigningKey {
        SigningKey::from_bytes(&[self.seed; 32].into()).unwrap()
    }
}

/// In the armour, in lines of 70 as ssh-keygen writes them.
pub(crate) fn armour(blob: &[u8]) -> String {
    let encoded = libtom::public_key::encode_blob(blob);
    let lines: Vec<&str> = encoded.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn mpint(magnitude: &[u8]) -> Vec<u8> {
    let first = magnitude.iter().position(|byte| *byte != 0).unwrap();
    let sign: &[u8] = if magnitude[first] & 0x80 == 0 { &[] } else { &[0] };
    string(&[sign, &magnitude[first..]].concat())
}
