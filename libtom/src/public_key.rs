//! SSH public keys as the policy names them and as sshd offers them: `TYPE BASE64 [comment]`.
//!
//! A key is its type and its blob; a comment never counts. The blob is taken apart (RFC 4253
//! section 6.6, RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f), so that a key cut short in a paste or
//! pasted under another type is found when the policy is read, and not at three in the morning.

use crate::ssh_wire::{Fields, WireError};
use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Base64Unpadded, Encoding};
use core::fmt;

/// The key types tom knows. Certificates are none: they would bring an authority of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum KeyType {
    /// `ssh-ed25519`
    #[n(0)]
    Ed25519,
    /// `ssh-rsa`
    #[n(1)]
    Rsa,
    /// `ecdsa-sha2-nistp256`
    #[n(2)]
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    #[n(3)]
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    #[n(4)]
    EcdsaP521,
    /// `sk-ssh-ed25519@openssh.com`
    #[n(5)]
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`
    #[n(6)]
    SkEcdsaP256,
}

impl KeyType {
    const ALL: [Self; 7] = [
        Self::Ed25519,
        Self::Rsa,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::SkEd25519,
        Self::SkEcdsaP256,
    ];

    /// The name of the type in key files and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::Rsa => "ssh-rsa",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::EcdsaP521 => "ecdsa-sha2-nistp521",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Is it a FIDO (security key) type, which alone carries the flags that sshd can demand?
    #[must_use]
    pub const fn is_fido(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }
}

/// Why a text is no public key, in words for the person who pasted it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not `TYPE BASE64`.
    #[error("is not of the form 'TYPE BASE64'")]
    Form,
    /// A type that tom does not take: DSA, a certificate, an option in front of the type.
    #[error("has a type that cannot be used: '{0}'")]
    Type(String),
    /// Not base64, or cut short, or with something behind the end.
    #[error("has a damaged blob ({0})")]
    Blob(&'static str),
    /// The blob says another type than the word in front of it.
    #[error("says '{outer}', but its blob is of type '{inner}'")]
    OtherType {
        /// The word in front.
        outer: &'static str,
        /// The type inside the blob.
        inner: String,
    },
}

/// A public key: type and blob.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey {
    key_type: KeyType,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads `TYPE BASE64 [comment]`.
    ///
    /// # Errors
    /// Says what is wrong with the text: see [`PublicKeyError`].
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let mut words = text.split_ascii_whitespace();
        let (type_name, encoded) = words.next().zip(words.next()).ok_or(PublicKeyError::Form)?;
        let key_type = KeyType::from_name(type_name).ok_or_else(|| PublicKeyError::Type(escaped(type_name)))?;
        let blob = Base64::decode_vec(encoded).map_err(|_| PublicKeyError::Blob("not base64"))?;
        check_blob(key_type, &blob)?;
        Ok(Self { key_type, blob })
    }

    /// Takes a blob, which names its own type.
    ///
    /// # Errors
    /// Says what is wrong with the blob: see [`PublicKeyError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, PublicKeyError> {
        let name = Fields::of(blob).string()?;
        let key_type = str::from_utf8(name)
            .ok()
            .and_then(KeyType::from_name)
            .ok_or_else(|| PublicKeyError::Type(printable(name)))?;
        check_blob(key_type, blob)?;
        Ok(Self { key_type, blob: Vec::from(blob) })
    }

    /// The type of the key.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The key in its wire form, which starts with the name of its type.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

/// Base64 of a blob, as it stands in key files.
#[must_use]
pub fn encode_blob(blob: &[u8]) -> String {
    Base64::encode_string(blob)
}

/// The SHA-256 fingerprint of a key blob, printed as `ssh-keygen -l` prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a key in wire form.
    #[must_use]
    pub fn of(blob: &[u8]) -> Self {
        let mut sum = [0; 32];
        for (to, from) in sum.iter_mut().zip(ring::digest::digest(&ring::digest::SHA256, blob).as_ref()) {
            *to = *from;
        }
        Self(sum)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", Base64Unpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Walks through the fields of a blob; nothing may be missing, and nothing may follow.
fn check_blob(key_type: KeyType, blob: &[u8]) -> Result<(), PublicKeyError> {
    let mut fields = Fields::of(blob);
    let inner = fields.string()?;
    if inner != key_type.name().as_bytes() {
        return Err(PublicKeyError::OtherType { outer: key_type.name(), inner: printable(inner) });
    }
    match key_type {
        KeyType::Ed25519 => of_length(&mut fields, 32)?,
        KeyType::SkEd25519 => {
            of_length(&mut fields, 32)?;
            application(&mut fields)?;
        }
        KeyType::Rsa => {
            fields.number()?;
            fields.number()?;
        }
        KeyType::EcdsaP256 => point(&mut fields, "nistp256", 65)?,
        KeyType::EcdsaP384 => point(&mut fields, "nistp384", 97)?,
        KeyType::EcdsaP521 => point(&mut fields, "nistp521", 133)?,
        KeyType::SkEcdsaP256 => {
            point(&mut fields, "nistp256", 65)?;
            application(&mut fields)?;
        }
    }
    Ok(fields.end()?)
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().take(64).map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '?' }).collect()
}

/// A foreign word in a message: types are plain ASCII, so that anything else is shown by its number.
fn escaped(word: &str) -> String {
    let mut shown = String::new();
    for c in word.chars().take(64) {
        if c.is_ascii_graphic() {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
}

fn of_length(fields: &mut Fields<'_>, length: usize) -> Result<(), PublicKeyError> {
    if fields.string()?.len() == length { Ok(()) } else { Err(PublicKeyError::Blob("a key of the wrong length")) }
}

/// A curve's name and an uncompressed point on it.
fn point(fields: &mut Fields<'_>, curve: &str, length: usize) -> Result<(), PublicKeyError> {
    if fields.string()? != curve.as_bytes() {
        return Err(PublicKeyError::Blob("another curve"));
    }
    let point = fields.string()?;
    if point.len() == length && point.first() == Some(&4) {
        Ok(())
    } else {
        Err(PublicKeyError::Blob("a point of the wrong form"))
    }
}

/// The FIDO application, `ssh:` or a string that begins so (OpenSSH's PROTOCOL.u2f): a key made for
/// a web site is none of ours.
fn application(fields: &mut Fields<'_>) -> Result<(), PublicKeyError> {
    if fields.string()?.starts_with(b"ssh:") {
        Ok(())
    } else {
        Err(PublicKeyError::Blob("an application that does not begin with 'ssh:'"))
    }
}

impl From<WireError> for PublicKeyError {
    fn from(error: WireError) -> Self {
        Self::Blob(error.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::{format, vec};
    use proptest::prelude::*;

    // Made with ssh-keygen; the private halves were thrown away.
    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBZM4pHC9C+FWrK6Vsh5ZFqJ9QxRrMMVWbDF+3x4rjYI anna@office";

    fn wire(strings: &[&[u8]]) -> Vec<u8> {
        let mut blob = Vec::new();
        for string in strings {
            blob.extend_from_slice(&u32::try_from(string.len()).unwrap().to_be_bytes());
            blob.extend_from_slice(string);
        }
        blob
    }

    #[test]
    fn takes_every_known_type_and_no_comment_counts() {
        let point = |n: usize| {
            let mut p = vec![7; n];
            p[0] = 4;
            p
        };
        for (name, rest) in [
            ("ssh-ed25519", vec![vec![1; 32]]),
            ("ssh-rsa", vec![vec![1, 0, 1], vec![0x11; 256]]),
            ("ecdsa-sha2-nistp256", vec![b"nistp256".to_vec(), point(65)]),
            ("ecdsa-sha2-nistp384", vec![b"nistp384".to_vec(), point(97)]),
            ("ecdsa-sha2-nistp521", vec![b"nistp521".to_vec(), point(133)]),
            ("sk-ssh-ed25519@openssh.com", vec![vec![1; 32], b"ssh:".to_vec()]),
            ("sk-ecdsa-sha2-nistp256@openssh.com", vec![b"nistp256".to_vec(), point(65), b"ssh:".to_vec()]),
        ] {
            let mut strings: Vec<&[u8]> = vec![name.as_bytes()];
            strings.extend(rest.iter().map(Vec::as_slice));
            let blob = wire(&strings);
            let text = format!("{name} {}", encode_blob(&blob));
            let key = PublicKey::parse(&text).unwrap();
            assert_eq!(key.key_type().name(), name);
            assert_eq!(PublicKey::parse(&format!("{text} some comment")).unwrap(), key);
            assert_eq!(PublicKey::from_blob(&blob).unwrap(), key);
            for cut in 0..blob.len() {
                let text = format!("{name} {}", encode_blob(&blob[..cut]));
                assert!(PublicKey::parse(&text).is_err(), "{name} cut at {cut}");
                assert!(PublicKey::from_blob(&blob[..cut]).is_err(), "{name} cut at {cut}");
            }
            let longer = format!("{name} {}", encode_blob(&[&blob[..], b"x"].concat()));
            assert!(PublicKey::parse(&longer).is_err());
        }
    }

    /// Found by an attacker: numbers of RSA padded with zeros made two keys of one, past "stands twice"
    /// and past a revocation; a FIDO key made for a web site was taken.
    #[test]
    fn a_key_has_one_form_and_is_made_for_ssh() {
        let rsa = |e: &[u8], n: &[u8]| format!("ssh-rsa {}", encode_blob(&wire(&[b"ssh-rsa", e, n])));
        let n = [0x11; 256];
        assert!(PublicKey::parse(&rsa(&[1, 0, 1], &n)).is_ok());
        assert!(PublicKey::parse(&rsa(&[1, 0, 1], &[&[0][..], &[0x91; 256]].concat())).is_ok());
        for (e, n) in
            [(&[1, 0, 1][..], &[&[0][..], &n].concat()[..]), (&[0, 1, 0, 1], &n), (&[], &n), (&[0], &n), (&[0x81], &n)]
        {
            assert!(PublicKey::parse(&rsa(e, n)).is_err(), "{e:?}");
        }
        for application in ["", "evil.example.com", "SSH:", "xssh:"] {
            let blob = wire(&[b"sk-ssh-ed25519@openssh.com", &[1; 32], application.as_bytes()]);
            assert!(PublicKey::parse(&format!("sk-ssh-ed25519@openssh.com {}", encode_blob(&blob))).is_err());
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let key = PublicKey::parse(ED25519).unwrap();
        let other = format!("ssh-rsa {}", encode_blob(key.blob()));
        assert!(matches!(PublicKey::parse(&other), Err(PublicKeyError::OtherType { .. })));
        assert_eq!(PublicKey::parse("ssh-ed25519"), Err(PublicKeyError::Form));
        for text in [
            "ssh-dss AAAA",
            "ssh-ed25519-cert-v01@openssh.com AAAA",
            "verify-required sk-ssh-ed25519@openssh.com AAAA",
            "ssh-ed25519\u{a0}AAAA x",
        ] {
            assert!(matches!(PublicKey::parse(text), Err(PublicKeyError::Type(_))), "{text}");
        }
    }

    /// Found while the fuzz target key_line was written: the message went into the journal and to terminals as it was
    /// written in a list of revoked keys.
    #[test]
    fn a_foreign_type_is_shown_and_not_obeyed() {
        let error = PublicKey::parse("ssh-\u{1b}[2J\u{202e}\u{a0}rsa AAAA").unwrap_err();
        assert_eq!(error.to_string(), r"has a type that cannot be used: 'ssh-\u{1b}[2J\u{202e}\u{a0}rsa'");
        let long = PublicKey::parse(&format!("{} AAAA", "x".repeat(5000))).unwrap_err();
        assert!(long.to_string().len() < 200);
    }

    #[test]
    fn fingerprints_as_ssh_keygen_does() {
        let key = PublicKey::parse(ED25519).unwrap();
        let printed = Fingerprint::of(key.blob()).to_string();
        assert!(printed.starts_with("SHA256:") && printed.len() == 50 && !printed.ends_with('='), "{printed}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = PublicKey::parse(&text);
        }

        #[test]
        fn any_blob_is_read_or_refused(blob: Vec<u8>) {
            prop_assert!(PublicKey::from_blob(&blob).is_err());
            for t in KeyType::ALL {
                let _ = PublicKey::parse(&format!("{} {}", t.name(), encode_blob(&blob)));
            }
        }
    }
}
