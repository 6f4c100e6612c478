//! What `tom` reads: one line of JSON.

use crate::factory::Puk;
use crate::slot::Slot;
use crate::token::Token;
use base64ct::{Base64, Encoding};
use serde::Serialize;
use std::io::{self, Write};
use thiserror::Error;

/// The key is made, and the line could not be handed over.
#[derive(Debug, Error)]
#[error("the key is made and its certificate stored, but the result could not be written: {0}")]
pub(crate) struct ReportError(#[from] io::Error);

/// The answer. `reader`, `serial` and `firmware` are what the token and pcscd say; the certificates prove.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    reader: &'a str,
    serial: u32,
    firmware: String,
    slot: String,
    slot_certificate: String,
    device_certificate: String,
    puk: Puk,
    pin: Pin,
}

/// The factory's PIN never comes this far.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Pin {
    Changed,
}

impl<'a> Report<'a> {
    /// The certificates are DER.
    pub(crate) fn new(
        token: &'a Token,
        slot: Slot,
        slot_certificate: &[u8],
        device_certificate: &[u8],
        puk: Puk,
    ) -> Self {
        Self {
            reader: token.reader(),
            serial: token.serial(),
            firmware: token.firmware().to_string(),
            slot: slot.to_string(),
            slot_certificate: pem(slot_certificate),
            device_certificate: pem(device_certificate),
            puk,
            pin: Pin::Changed,
        }
    }

    /// Writes the line on stdout.
    pub(crate) fn write(&self) -> Result<(), ReportError> {
        let mut line = serde_json::to_string(self).map_err(io::Error::from)?;
        line.push('\n');
        let mut output = io::stdout().lock();
        output.write_all(line.as_bytes())?;
        output.flush()?;
        Ok(())
    }
}

/// A certificate as text (RFC 7468).
fn pem(der: &[u8]) -> String {
    let base64 = Base64::encode_string(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_text_of_64_columns() {
        assert_eq!(pem(b"0"), "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n");
        let two_lines = pem(&[0; 49]);
        let lengths: Vec<_> = two_lines.lines().map(str::len).collect();
        assert_eq!(lengths, [27, 64, 4, 25]);
        assert_eq!(pem(&[0; 48]).lines().count(), 3);
    }

    #[test]
    fn the_answer_is_one_line() {
        let report = Report {
            reader: "Virtual PCD 00 00",
            serial: 4_711,
            firmware: "5.7.1".to_owned(),
            slot: "9a".to_owned(),
            slot_certificate: pem(b"0"),
            device_certificate: pem(b"1"),
            puk: Puk::Unknown,
            pin: Pin::Changed,
        };
        let line = serde_json::to_string(&report).unwrap();
        assert_eq!(
            line,
            "{\"reader\":\"Virtual PCD 00 00\",\"serial\":4711,\"firmware\":\"5.7.1\",\"slot\":\"9a\",\
             \"slot_certificate\":\"-----BEGIN CERTIFICATE-----\\nMA==\\n-----END CERTIFICATE-----\\n\",\
             \"device_certificate\":\"-----BEGIN CERTIFICATE-----\\nMQ==\\n-----END CERTIFICATE-----\\n\",\
             \"puk\":\"unknown\",\"pin\":\"changed\"}"
        );
    }
}
