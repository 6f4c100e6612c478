//! A writer of DER: definite, shortest lengths.

/// Tag, length, value.
#[must_use]
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    if value.len() < 0x80 {
        out.push(value.len() as u8);
    } else {
        let length = value.len().to_be_bytes();
        let length = without_leading_zeros(&length);
        out.push(0x80 | length.len() as u8);
        out.extend_from_slice(length);
    }
    out.extend_from_slice(value);
    out
}

/// SEQUENCE of what is encoded already.
#[must_use]
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// SET with one element, which needs no order.
#[must_use]
pub fn set_of_one(element: &[u8]) -> Vec<u8> {
    tlv(0x31, element)
}

/// INTEGER, not negative, from big-endian bytes.
#[must_use]
pub fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let digits = without_leading_zeros(big_endian);
    let mut value = Vec::new();
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        value.push(0);
    }
    value.extend_from_slice(digits);
    tlv(0x02, &value)
}

/// BOOLEAN
#[must_use]
pub fn boolean(value: bool) -> Vec<u8> {
    tlv(0x01, &[if value { 0xff } else { 0 }])
}

/// NULL
#[must_use]
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// OCTET STRING
#[must_use]
pub fn octets(value: &[u8]) -> Vec<u8> {
    tlv(0x04, value)
}

/// BIT STRING without unused bits
#[must_use]
pub fn bits(value: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], value].concat())
}

/// OBJECT IDENTIFIER from its arcs.
#[must_use]
pub fn oid(arcs: &[u64]) -> Vec<u8> {
    let mut value = Vec::new();
    let first = arcs[0] * 40 + arcs[1];
    for arc in std::iter::once(&first).chain(&arcs[2..]) {
        let groups = (0..10).rev().map(|group| (arc >> (7 * group)) as u8 & 0x7f);
        let mut groups: Vec<u8> = groups.skip_while(|group| *group == 0).collect();
        let last = groups.pop().unwrap_or(0);
        value.extend(groups.iter().map(|group| group | 0x80));
        value.push(last);
    }
    tlv(0x06, &value)
}

/// UTF8String
#[must_use]
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// PrintableString
#[must_use]
pub fn printable(text: &str) -> Vec<u8> {
    tlv(0x13, text.as_bytes())
}

/// `YYYYMMDDHHMMSSZ` as RFC 5280 wants it: UTCTime to 2049, GeneralizedTime from 2050.
#[must_use]
pub fn time(text: &str) -> Vec<u8> {
    if ("1950".."2050").contains(&&text[..4]) { tlv(0x17, &text.as_bytes()[2..]) } else { tlv(0x18, text.as_bytes()) }
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_the_canonical_ones() {
        assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
        assert_eq!(unsigned(&[0, 0xf0, 0x0f]), [2, 3, 0, 0xf0, 0x0f]);
        assert_eq!(unsigned(&[0x7f]), [2, 1, 0x7f]);
        assert_eq!(oid(&[1, 2, 840, 10045, 2, 1]), [6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]);
        assert_eq!(oid(&[2, 5, 29, 0]), [6, 3, 0x55, 0x1d, 0]);
        assert_eq!(tlv(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(tlv(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(tlv(4, &[0; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(time("20491231235959Z")[..2], [0x17, 13]);
        assert_eq!(time("99991231235959Z")[..2], [0x18, 15]);
    }
}
