//! What the module is for on this host: its one option.

use std::ffi::CStr;

/// Does the stack go by the answer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does.
    Enforce,
    /// It does not (profile tom-observe): the answer is the true one, and the journal tells what it would have
    /// done. Nobody gets a name, and no session is on record: nothing has been checked.
    Observe,
}

impl Mode {
    /// Reads the options of a line in /etc/pam.d. One that is not known could have been meant to restrict: it is
    /// an error, and its text is given back.
    pub(crate) fn read<'a>(options: &[&'a CStr]) -> Result<Self, &'a CStr> {
        match options {
            [] => Ok(Self::Enforce),
            [only] if *only == c"observe" => Ok(Self::Observe),
            options => Err(options.iter().find(|option| **option != c"observe").copied().unwrap_or(c"observe observe")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn observing_is_asked_for_in_one_way() {
        assert_eq!(Mode::read(&[]), Ok(Mode::Enforce));
        assert_eq!(Mode::read(&[c"observe"]), Ok(Mode::Observe));
        for options in [
            &[c""][..],
            &[c"Observe"],
            &[c"observe="],
            &[c"observe", c"observe"],
            &[c"observe", c"debug"],
            &[c"debug", c"observe"],
        ] {
            assert!(Mode::read(options).is_err(), "{options:?}");
        }
        assert_eq!(Mode::read(&[c"observe", c"debug"]), Err(c"debug"));
    }
}
