//! The wire format of SSH (RFC 4251 section 5), read strictly: each value in its one form, nothing missing
//! and nothing behind the end.

/// What is wrong with some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireError(pub(crate) &'static str);

/// What is left to read.
pub(crate) struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    pub(crate) const fn of(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// So many bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'b [u8; N], WireError> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or(WireError("cut short"))?;
        self.0 = rest;
        Ok(array)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// A length of 32 bits and so many bytes.
    pub(crate) fn string(&mut self) -> Result<&'b [u8], WireError> {
        let cut_short = WireError("cut short");
        let length = usize::try_from(self.u32()?).map_err(|_| cut_short)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(cut_short)?;
        self.0 = rest;
        Ok(string)
    }

    /// The magnitude of a positive multiple-precision integer in its one form: without the sign's byte, and
    /// without bytes of zero in front, with which one number would be two.
    pub(crate) fn number(&mut self) -> Result<&'b [u8], WireError> {
        match self.string()? {
            [0, magnitude @ ..] if magnitude.first().is_some_and(|first| first & 0x80 != 0) => Ok(magnitude),
            magnitude if magnitude.first().is_some_and(|first| *first != 0 && first & 0x80 == 0) => Ok(magnitude),
            _ => Err(WireError("a number that is not positive, or not in its one form")),
        }
    }

    /// There must be nothing left.
    pub(crate) const fn end(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError("bytes behind its end")) }
    }
}
