//! PEM (RFC 7468), and certificates given as PEM or DER.

use super::certificate::Damage;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use base64ct::{Base64, Encoding};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// No certificate of a token is larger; real ones take about a kilobyte.
pub(super) const LARGEST: usize = 16 << 10;

/// One certificate in a text, with the lines in front of it.
pub(super) struct Block<'t> {
    pub(super) before: Vec<&'t str>,
    pub(super) der: Vec<u8>,
}

/// All certificates of a text. Lines outside of them are no part of any; those in front are handed over.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, Damage> {
    let mut blocks = Vec::new();
    let mut before = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        if line != BEGIN {
            if line.contains("-----BEGIN") || line.contains("-----END") {
                return Err(Damage::Pem);
            }
            before.push(line);
            continue;
        }
        let mut encoded = String::new();
        loop {
            match lines.next() {
                Some(END) => break,
                Some(line) => encoded.push_str(line),
                None => return Err(Damage::Pem),
            }
        }
        let der = Base64::decode_vec(&encoded).map_err(|_| Damage::Pem)?;
        blocks.push(Block { before: core::mem::take(&mut before), der });
    }
    Ok(blocks)
}

/// The one certificate that a file holds, as PEM or as DER.
pub(super) fn certificate(file: &[u8]) -> Result<Cow<'_, [u8]>, Damage> {
    if file.len() > LARGEST {
        return Err(Damage::TooLarge);
    }
    // DER of a certificate begins with a sequence and a length in its long form; PEM is text, and may begin with '0'.
    if matches!(file, [0x30, length, ..] if *length >= 0x80) {
        return Ok(Cow::Borrowed(file));
    }
    let mut blocks = blocks(str::from_utf8(file).map_err(|_| Damage::Pem)?)?;
    match (blocks.pop(), blocks.is_empty()) {
        (Some(block), true) => Ok(Cow::Owned(block.der)),
        (Some(_), false) => Err(Damage::Several),
        (None, _) => Err(Damage::Pem),
    }
}

/// A certificate as PEM.
#[must_use]
pub fn encode(der: &[u8]) -> String {
    let encoded = Base64::encode_string(der);
    let mut text = String::from(BEGIN);
    text.push('\n');
    for (number, c) in encoded.chars().enumerate() {
        if number > 0 && number % 64 == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text.push('\n');
    text.push_str(END);
    text.push('\n');
    text
}
