//! SSH wire format: strings of a 32-bit length and so many bytes (RFC 4251 section 5).

/// Reads fields one after the other; nothing is copied, and a length is believed as far as there are bytes.
#[derive(Clone, Debug)]
pub(crate) struct WireReader<'b>(&'b [u8]);

impl<'b> WireReader<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// A 32-bit number.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    /// A string; nothing if it is cut short.
    pub(crate) fn string(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// Has everything been read?
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
