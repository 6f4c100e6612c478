//! Certificates as a token stores them: 70 the certificate, 71 whether it is compressed, FE an empty check.

use thiserror::Error;

/// Why the content of an object is no certificate.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ObjectError {
    #[error("it is not built as PIV has it")]
    Malformed,
    #[error("it is compressed")]
    Compressed,
    #[error("it is too long")]
    TooLong,
}

const CERTIFICATE: u8 = 0x70;
const COMPRESSED: u8 = 0x71;
const CHECK: u8 = 0xfe;

/// The bytes of the certificate as they are: taken apart and put together again they might not be those that were
/// signed.
pub(crate) fn certificate_in(object: &[u8]) -> Result<&[u8], ObjectError> {
    let (tag, certificate, mut rest) = element(object).ok_or(ObjectError::Malformed)?;
    if tag != CERTIFICATE || certificate.is_empty() {
        return Err(ObjectError::Malformed);
    }
    while !rest.is_empty() {
        let (tag, value, next) = element(rest).ok_or(ObjectError::Malformed)?;
        if tag == COMPRESSED && value != [0] {
            return Err(ObjectError::Compressed);
        }
        rest = next;
    }
    Ok(certificate)
}

/// The object that holds this certificate.
pub(crate) fn object_with(certificate: &[u8]) -> Result<Vec<u8>, ObjectError> {
    let length = u16::try_from(certificate.len()).map_err(|_| ObjectError::TooLong)?;
    let mut object = vec![CERTIFICATE];
    match length.to_be_bytes() {
        [0, short @ 0..=0x7f] => object.push(short),
        [0, long] => object.extend([0x81, long]),
        [high, low] => object.extend([0x82, high, low]),
    }
    object.extend(certificate);
    object.extend([COMPRESSED, 1, 0, CHECK, 0]);
    Ok(object)
}

/// Tag, value and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, tag, rest) = match bytes {
        [tag, 0x82, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]).into(), *tag, rest),
        [tag, 0x81, length, rest @ ..] => (usize::from(*length), *tag, rest),
        [tag, length @ 0..=0x7f, rest @ ..] => (usize::from(*length), *tag, rest),
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        for length in [1, 0x7f, 0x80, 0xff, 0x100, 900, 2000] {
            let certificate = vec![0x30; length];
            let object = object_with(&certificate).unwrap();
            assert_eq!(certificate_in(&object), Ok(certificate.as_slice()), "{length}");
        }
        assert_eq!(object_with(&[0; 0x1_0000]), Err(ObjectError::TooLong));
    }

    #[test]
    fn other_objects_are_no_certificates() {
        for object in
            [&b""[..], b"\x70", b"\x70\x00", b"\x70\x05\x30", b"\x53\x01\x30", b"\x70\x01\x30\x71", b"\x70\x80"]
        {
            assert_eq!(certificate_in(object), Err(ObjectError::Malformed), "{object:?}");
        }
        assert_eq!(certificate_in(b"\x70\x01\x30\x71\x01\x01\xfe\x00"), Err(ObjectError::Compressed));
        assert_eq!(certificate_in(b"\x70\x01\x30"), Ok(&b"\x30"[..]));
    }
}
