//! The two encodings of the SSH wire that tokens need.

use base64ct::{Base64, Encoding};

/// A string: its length in four bytes, then its bytes.
#[must_use]
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// An mpint that is not negative, from big-endian bytes.
#[must_use]
pub fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let digits = &big_endian[zeros..];
    let sign: &[u8] = if digits.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    string(&[sign, digits].concat())
}

/// A public key as it stands in authorized_keys: the type, which is also the first string of the
/// blob, and the rest of the blob.
#[must_use]
pub fn line(key_type: &str, rest: &[u8]) -> String {
    let blob = [&string(key_type.as_bytes()), rest].concat();
    format!("{key_type} {}", Base64::encode_string(&blob))
}
