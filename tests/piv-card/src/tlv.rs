//! BER-TLV as PIV uses it: tags of one to three bytes, lengths up to 65535.

/// One element.
pub(crate) fn element(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let length = value.len();
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..0x80 => bytes.push(low),
        0x80..0x100 => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    bytes.extend_from_slice(value);
    bytes
}

/// The first element with this tag among those of `bytes`.
pub(crate) fn find(tag: u32, bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (found, value, after) = take(rest)?;
        if found == tag {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// Tag, value and what follows; `None` if this is no element.
fn take(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let mut tag = u32::from(first);
    if first & 0x1f == 0x1f {
        loop {
            let (&next, after) = rest.split_first()?;
            rest = after;
            tag = tag.checked_mul(0x100)?.checked_add(u32::from(next))?;
            if next & 0x80 == 0 {
                break;
            }
        }
    }
    let (&short, after) = rest.split_first()?;
    let (length, after) = match short {
        0..=0x7f => (usize::from(short), after),
        0x81 => {
            let (&length, after) = after.split_first()?;
            (usize::from(length), after)
        }
        0x82 => {
            let (length, after) = after.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), after)
        }
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    Some((tag, value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 700] {
            let value = vec![7; length];
            for tag in [0x53, 0x7f49, 0x5f_c105] {
                let mut bytes = element(0x5c, &[1, 2, 3]);
                bytes.extend(element(tag, &value));
                assert_eq!(find(tag, &bytes), Some(&value[..]), "{tag:x} {length}");
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        assert_eq!(find(0x53, &[0x53, 4, 1]), None);
        assert_eq!(find(0x53, &[0x5f]), None);
        assert_eq!(find(0x53, &[0x53, 0x82, 1]), None);
    }
}
