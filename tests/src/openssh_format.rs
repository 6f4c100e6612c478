//! OpenSSH's key formats: public blobs and unencrypted `openssh-key-v1` private keys.
//!
//! Written here rather than by ssh-keygen, because a test makes many keys and some on purpose
//! wrong (a token's key whose file says that no PIN is needed).

use base64ct::{Base64, Encoding};

/// Length-prefixed bytes, one after the other: the wire format of SSH.
#[derive(Clone, Default)]
pub(crate) struct Wire(Vec<u8>);

impl Wire {
    pub(crate) fn string(mut self, bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("a short string");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// A positive number: no leading zeros, and none that looks negative.
    pub(crate) fn number(self, bytes: &[u8]) -> Self {
        let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        let mut digits = bytes[first..].to_vec();
        if digits.first().is_some_and(|byte| byte & 0x80 != 0) {
            digits.insert(0, 0);
        }
        self.string(&digits)
    }

    pub(crate) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    fn word(mut self, word: u32) -> Self {
        self.0.extend_from_slice(&word.to_be_bytes());
        self
    }

    fn append(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }
}

/// `TYPE BASE64`: a public key without its comment.
pub(crate) fn public_line(key_type: &str, blob: &Wire) -> String {
    format!("{key_type} {}", Base64::encode_string(&blob.0))
}

/// A private key file without a passphrase. `fields` are the key's private fields, its type first.
pub(crate) fn private_key_file(public: &Wire, fields: &Wire, comment: &str) -> String {
    const BLOCK: usize = 8;
    // Two equal numbers tell OpenSSH that decryption worked; nothing is encrypted here.
    let mut secret = Wire::default().word(1).word(1).append(fields).string(comment.as_bytes());
    let padding = (BLOCK - secret.0.len() % BLOCK) % BLOCK;
    for byte in (1..).take(padding) {
        secret = secret.byte(byte);
    }
    let mut file = Wire(b"openssh-key-v1\0".to_vec());
    file = file.string(b"none").string(b"none").string(b"").word(1);
    file = file.string(&public.0).string(&secret.0);

    let encoded = Base64::encode_string(&file.0);
    let mut text = format!("-----BEGIN {LABEL}-----\n");
    for line in encoded.as_bytes().chunks(70) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str(&format!("-----END {LABEL}-----\n"));
    text
}

const LABEL: &str = "OPENSSH PRIVATE KEY";
