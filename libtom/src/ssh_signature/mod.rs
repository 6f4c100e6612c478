//! Signatures over a message, as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig), by a key in a
//! file or on a security key (PROTOCOL.u2f).
//!
//! A signature has one form only: what is cut, lengthened, padded or written in another way is refused before
//! any cryptography. What it says about itself (namespace, hash, flags, counter) is believed because it is
//! signed, and can be read from a [`Verified`] alone, which nothing but [`SshSignature::verify`] makes.
//!
//! One thing is left as OpenSSH has it: ECDSA's s may be on either side of half the curve's order, for tokens
//! make both. Whoever sees such a signature can write its twin, over the same message: it identifies nothing.
//!
//! What must never happen here: a signature made for one purpose that counts for another. The caller names the
//! namespace that is expected, and an empty one is never right.
//!
//! Whether the key may sign at all is not asked here: compare [`Verified::public_key`] with the key you trust.

mod by_key;

use crate::public_key::{PublicKey, PublicKeyError};
use crate::ssh_wire::{Fields, WireError};
use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};
use by_key::Verifying;
use ring::digest::{Algorithm, SHA256, SHA512, digest};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const MAGIC: &[u8; 6] = b"SSHSIG";
const VERSION: u32 = 1;

/// No signature of the types below comes near it, whatever its namespace and application.
const MAX_ARMOUR: usize = 4096;
const MAX_BLOB: usize = 3072;
const MAX_NAMESPACE: usize = 255;

/// The flags of an authenticator (WebAuthn, "authenticator data").
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SshSignatureError {
    /// No armour of an SSH signature, or something before or behind it.
    #[error("is no SSH signature: {0}")]
    Armour(&'static str),
    /// The bytes inside have not their one form.
    #[error("is a damaged SSH signature ({0})")]
    Blob(&'static str),
    /// Made by a later version of OpenSSH.
    #[error("is an SSH signature of version {0}, which is not known")]
    Version(u32),
    /// The key inside is none, or a certificate, or of a type that is never taken.
    #[error("is made by a key that {0}")]
    Key(#[from] PublicKeyError),
    /// A key type whose signatures are not verified.
    #[error("is made by a key of type {0}, whose signatures are not taken")]
    KeyType(&'static str),
    /// Signed for another purpose.
    #[error("is made for the namespace '{found}', not for '{expected}'")]
    Namespace {
        /// What the caller wants.
        expected: String,
        /// What the signature says.
        found: String,
    },
    /// Not made by this key over this message.
    #[error("does not belong to this message and key")]
    Wrong,
}

impl From<WireError> for SshSignatureError {
    fn from(error: WireError) -> Self {
        Self::Blob(error.0)
    }
}

/// A signature that was read and not yet verified: it says nothing about anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a signature that nobody verifies proves nothing"]
pub struct SshSignature {
    public_key: PublicKey,
    key: Verifying,
    namespace: String,
    hash: Hash,
    /// Ed25519's 64 bytes, or r and s of ECDSA, each padded to the length of its curve.
    raw: Vec<u8>,
    token: Option<TokenData>,
}

/// A signature that was verified: the key, and what it signed besides the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    public_key: PublicKey,
    namespace: String,
    token: Option<TokenData>,
}

impl Verified {
    /// The key that signed. Whose it is, or whether it may, is for the caller to know.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The purpose.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// What a security key says about the moment of signing; nothing for a key in a file.
    #[must_use]
    pub const fn token(&self) -> Option<TokenData> {
        self.token
    }
}

/// What a security key signs about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenData {
    flags: u8,
    counter: u32,
}

impl TokenData {
    /// All flags, as they were signed.
    #[must_use]
    pub const fn flags(self) -> u8 {
        self.flags
    }

    /// Was the token touched?
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.flags & USER_PRESENT != 0
    }

    /// Was the PIN entered, or a finger recognised?
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.flags & USER_VERIFIED != 0
    }

    /// How many signatures the token has made, if it counts them.
    #[must_use]
    pub const fn counter(self) -> u32 {
        self.counter
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn named(name: &[u8]) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.name().as_bytes() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Sha256 => &SHA256,
            Self::Sha512 => &SHA512,
        }
    }
}

impl SshSignature {
    /// Reads a signature in its armour, as it stands in a `.sig` file. Lines may end in `\n` or `\r\n`.
    ///
    /// # Errors
    /// Says what is wrong with it: see [`SshSignatureError`].
    pub fn parse(armoured: &[u8]) -> Result<Self, SshSignatureError> {
        if armoured.len() > MAX_ARMOUR {
            return Err(SshSignatureError::Armour("it is too long"));
        }
        let text = str::from_utf8(armoured).map_err(|_| SshSignatureError::Armour("it is no text"))?;
        let mut lines = text.lines();
        if lines.next() != Some(BEGIN) {
            return Err(SshSignatureError::Armour("its first line is another"));
        }
        let mut encoded = String::new();
        let mut ended = false;
        for line in lines.by_ref() {
            if line == END {
                ended = true;
                break;
            }
            encoded.push_str(line);
        }
        if !ended {
            return Err(SshSignatureError::Armour("its last line is missing"));
        }
        if lines.next().is_some() {
            return Err(SshSignatureError::Armour("something stands behind its last line"));
        }
        Self::from_blob(&Base64::decode_vec(&encoded).map_err(|_| SshSignatureError::Blob("not base64"))?)
    }

    /// Takes a signature without its armour.
    ///
    /// # Errors
    /// Says what is wrong with it: see [`SshSignatureError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, SshSignatureError> {
        if blob.len() > MAX_BLOB {
            return Err(SshSignatureError::Blob("too long"));
        }
        let mut fields = Fields::of(blob);
        if fields.array()? != MAGIC {
            return Err(SshSignatureError::Blob("another kind of file"));
        }
        let version = fields.u32()?;
        if version != VERSION {
            return Err(SshSignatureError::Version(version));
        }
        let public_key = PublicKey::from_blob(fields.string()?)?;
        let namespace = namespace(fields.string()?)?;
        if !fields.string()?.is_empty() {
            return Err(SshSignatureError::Blob("something in the reserved field"));
        }
        let hash = Hash::named(fields.string()?).ok_or(SshSignatureError::Blob("an unknown hash"))?;
        let signature = fields.string()?;
        fields.end()?;

        let key = Verifying::by(&public_key)?;
        let (raw, token) = key.signature(public_key.key_type(), signature)?;
        Ok(Self { public_key, key, namespace, hash, raw, token })
    }

    /// The key that the signature claims to be made with: to look up, and not to trust.
    #[must_use]
    pub const fn claimed_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Verifies that the signature was made over this message, for this purpose, with the key that it names.
    ///
    /// # Errors
    /// [`SshSignatureError::Namespace`] or [`SshSignatureError::Wrong`].
    pub fn verify(&self, message: &[u8], expected_namespace: &str) -> Result<Verified, SshSignatureError> {
        if self.namespace != expected_namespace {
            return Err(SshSignatureError::Namespace {
                expected: String::from(expected_namespace),
                found: self.namespace.clone(),
            });
        }
        self.key.verify(&self.raw, self.token, &self.signed(message)).map_err(|_| SshSignatureError::Wrong)?;
        Ok(Verified { public_key: self.public_key.clone(), namespace: self.namespace.clone(), token: self.token })
    }

    /// The bytes that are signed in place of the message.
    fn signed(&self, message: &[u8]) -> Vec<u8> {
        let mut signed = Vec::from(MAGIC);
        for string in [
            self.namespace.as_bytes(),
            &[],
            self.hash.name().as_bytes(),
            digest(self.hash.algorithm(), message).as_ref(),
        ] {
            // Each is short: a namespace has a limit, and a digest a length.
            signed.extend_from_slice(&u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
            signed.extend_from_slice(string);
        }
        signed
    }
}

/// A namespace may be any string; ours are words that can be shown in a message.
fn namespace(bytes: &[u8]) -> Result<String, SshSignatureError> {
    if bytes.is_empty() {
        return Err(SshSignatureError::Blob("an empty namespace"));
    }
    if bytes.len() > MAX_NAMESPACE || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(SshSignatureError::Blob("a namespace that cannot be used"));
    }
    Ok(bytes.iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public_key::KeyType;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;

    /// A well-formed signature by an Ed25519 key, of which a part is replaced.
    fn with(replaced: &str, by: &[u8]) -> Result<SshSignature, SshSignatureError> {
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        let part = |name: &str, sound: &[u8]| if name == replaced { by.to_vec() } else { sound.to_vec() };
        let name = part("signature type", b"ssh-ed25519");
        let signature = [string(&name), string(&part("raw", &[7; 64])), part("behind raw", b"")].concat();
        let key = part("key", &[string(b"ssh-ed25519"), string(&[1; 32])].concat());
        let blob = [
            part("magic", b"SSHSIG"),
            part("version", &[0, 0, 0, 1]),
            string(&key),
            string(&part("namespace", b"file")),
            string(&part("reserved", b"")),
            string(&part("hash", b"sha512")),
            string(&signature),
            part("end", b""),
        ]
        .concat();
        SshSignature::from_blob(&blob)
    }

    #[test]
    fn each_field_has_one_form() {
        let sound = with("nothing", b"").unwrap();
        assert_eq!(sound.claimed_key().key_type(), KeyType::Ed25519);
        assert_eq!(sound.verify(b"x", "file"), Err(SshSignatureError::Wrong));
        assert!(with("hash", b"sha256").is_ok());
        let certificate = [&[0, 0, 0, 32][..], b"ssh-ed25519-cert-v01@openssh.com", &[0; 200]].concat();
        let rsa = [&[0, 0, 0, 7][..], b"ssh-rsa", &[0, 0, 0, 1, 3, 0, 0, 0, 1, 5]].concat();
        let long = [b'a'; 256];
        for (part, by) in [
            ("magic", &b"SSHSIh"[..]),
            ("magic", b""),
            ("version", &[0, 0, 0, 0]),
            ("version", &[0, 0, 0, 2]),
            ("key", b""),
            ("key", &certificate),
            ("key", &rsa),
            ("namespace", b""),
            ("namespace", b"a b"),
            ("namespace", b"a\0"),
            ("namespace", "ä".as_bytes()),
            ("namespace", &long),
            ("reserved", b"x"),
            ("hash", b""),
            ("hash", b"sha1"),
            ("hash", b"SHA512"),
            ("signature type", b"ssh-rsa"),
            ("signature type", b"sk-ssh-ed25519@openssh.com"),
            ("raw", &[7; 63]),
            ("raw", &[7; 65]),
            ("behind raw", b"\x05\0\0\0\x01"),
            ("end", b"\0"),
        ] {
            let error = with(part, by).expect_err(part).to_string();
            assert!(error.starts_with("is ") && error.is_ascii(), "{part}: {error}");
        }
        assert!(with("namespace", &long[..255]).is_ok());
    }

    #[test]
    fn a_signature_counts_for_its_own_purpose_alone() {
        let found = with("namespace", b"git").unwrap().verify(b"x", "tom-policy");
        assert_eq!(found.unwrap_err().to_string(), "is made for the namespace 'git', not for 'tom-policy'");
        assert!(with("namespace", b"").is_err());
    }

    #[test]
    fn the_armour_is_two_lines_and_base64_between() {
        let inner = "U1NIU0lH"; // SSHSIG, and then nothing
        let reads = |text: &str| !matches!(SshSignature::parse(text.as_bytes()), Err(SshSignatureError::Armour(_)));
        assert!(reads(&format!("{BEGIN}\n{inner}\n{END}\n")));
        assert!(reads(&format!("{BEGIN}\r\n{inner}\r\n{END}\r\n")));
        assert!(reads(&format!("{BEGIN}\n{inner}\n{END}")));
        for text in [
            String::new(),
            format!("{BEGIN}\n{inner}\n"),
            format!("\n{BEGIN}\n{inner}\n{END}\n"),
            format!("{BEGIN} \n{inner}\n{END}\n"),
            format!("{BEGIN}\n{inner}\n{END}\n\n"),
            format!("{BEGIN}\n{inner}\n{END}\n{BEGIN}\n{inner}\n{END}\n"),
            format!("{BEGIN}\n{}\n{END}\n", "A".repeat(5000)),
        ] {
            assert!(!reads(&text), "{text}");
        }
        for inner in ["U1NIU0lH=", "U1NI U0lH", "U1NI\tU0lH", "U1NIU0l", "U1NIU0l-"] {
            let text = format!("{BEGIN}\n{inner}\n{END}\n");
            assert_eq!(SshSignature::parse(text.as_bytes()), Err(SshSignatureError::Blob("not base64")), "{inner}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            prop_assert!(SshSignature::parse(&bytes).is_err());
            prop_assert!(SshSignature::from_blob(&bytes).is_err());
            prop_assert!(SshSignature::from_blob(&[&b"SSHSIG\0\0\0\x01"[..], &bytes].concat()).is_err());
        }
    }
}
