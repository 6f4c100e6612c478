//! Commands and answers of ISO 7816-4, short and extended.

/// A command as the reader sends it.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) class: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Vec<u8>,
    /// The longest answer that the reader takes.
    pub(crate) longest: usize,
}

impl Command {
    /// `None` if the lengths do not agree.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[class, instruction, p1, p2], body) = bytes.split_first_chunk::<4>()?;
        let (data, longest) = match body {
            [] => (&[][..], 256),
            [length] => (&[][..], short(*length)),
            [0, high, low] => (&[][..], long(*high, *low)),
            [0, high, low, rest @ ..] => {
                let (data, expected) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
                match expected {
                    [] => (data, 256),
                    [high, low] => (data, long(*high, *low)),
                    _ => return None,
                }
            }
            [length, rest @ ..] => {
                let (data, expected) = rest.split_at_checked(usize::from(*length))?;
                match expected {
                    [] => (data, 256),
                    [length] => (data, short(*length)),
                    _ => return None,
                }
            }
        };
        Some(Self { class, instruction, p1, p2, data: data.to_vec(), longest })
    }
}

fn short(length: u8) -> usize {
    if length == 0 { 256 } else { usize::from(length) }
}

fn long(high: u8, low: u8) -> usize {
    let length = u16::from_be_bytes([high, low]);
    if length == 0 { 0x1_0000 } else { usize::from(length) }
}

/// Why a command failed: its status word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16);

impl Status {
    pub(crate) const SUCCESS: Self = Self(0x9000);
    pub(crate) const WRONG_LENGTH: Self = Self(0x6700);
    pub(crate) const NOT_ALLOWED_YET: Self = Self(0x6982);
    pub(crate) const BLOCKED: Self = Self(0x6983);
    pub(crate) const CONDITIONS: Self = Self(0x6985);
    pub(crate) const WRONG_DATA: Self = Self(0x6a80);
    pub(crate) const NO_SUCH_OBJECT: Self = Self(0x6a82);
    pub(crate) const NO_SUCH_REFERENCE: Self = Self(0x6a88);
    pub(crate) const WRONG_SLOT: Self = Self(0x6b00);
    pub(crate) const UNKNOWN_INSTRUCTION: Self = Self(0x6d00);

    /// A wrong PIN or PUK, and how many tries are left.
    pub(crate) fn wrong(left: u8) -> Self {
        Self(0x63c0 | u16::from(left.min(15)))
    }
}

/// What a command answers: data, or a status other than success.
pub(crate) type Answer = Result<Vec<u8>, Status>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_cases_short_and_extended() {
        let parsed = |bytes: &[u8]| Command::parse(bytes).map(|command| (command.data, command.longest));
        assert_eq!(parsed(&[0, 0xfd, 0, 0]), Some((vec![], 256)));
        assert_eq!(parsed(&[0, 0xfd, 0, 0, 0]), Some((vec![], 256)));
        assert_eq!(parsed(&[0, 0xfd, 0, 0, 3]), Some((vec![], 3)));
        assert_eq!(parsed(&[0, 0xcb, 0, 0, 2, 7, 8]), Some((vec![7, 8], 256)));
        assert_eq!(parsed(&[0, 0xcb, 0, 0, 2, 7, 8, 4]), Some((vec![7, 8], 4)));
        assert_eq!(parsed(&[0, 0xcb, 0, 0, 0, 0, 0]), Some((vec![], 0x1_0000)));
        assert_eq!(parsed(&[0, 0xcb, 0, 0, 0, 0, 1, 7, 1, 0]), Some((vec![7], 256)));
        assert_eq!(parsed(&[0, 0xcb, 0, 0, 3, 7, 8]), None);
        assert_eq!(parsed(&[0, 0xcb, 0]), None);
    }
}
