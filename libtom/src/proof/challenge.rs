//! The challenge of an enrolment: for whom a key was made, and when. A FIDO attestation is fresh only when it is
//! made, so the challenge itself has to say what it was made for; the policy takes none twice.

use crate::moment::Moment;
use alloc::format;
use alloc::string::String;

const HEAD: &str = "tom enrolment 1";

/// What `tom enroll` lets a token sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolmentChallenge<'t> {
    /// The person's id.
    pub person: &'t str,
    /// The label of the key.
    pub label: &'t str,
}

impl<'t> EnrolmentChallenge<'t> {
    /// The challenge as it is signed, with the moment and random bytes.
    #[must_use]
    pub fn text(&self, at: Moment, nonce: &[u8; 32]) -> String {
        let (person, label, nonce) = (self.person, self.label, super::hexadecimal(nonce));
        format!("{HEAD}\nperson: {person}\nlabel: {label}\ndate: {at}\nnonce: {nonce}\n")
    }

    /// Was it made by `tom enroll`? Then for whom; the inner nothing if it cannot be read.
    #[allow(clippy::option_option, reason = "of another program, and unreadable, are two answers")]
    pub(super) fn read(challenge: &'t [u8]) -> Option<Option<Self>> {
        let rest = challenge.strip_prefix(HEAD.as_bytes())?;
        let read = || {
            let mut lines = str::from_utf8(rest).ok()?.strip_prefix('\n')?.lines();
            let person = lines.next()?.strip_prefix("person: ")?;
            let label = lines.next()?.strip_prefix("label: ")?;
            // All of it: a line break in a name would make it another's.
            let _ = (lines.next()?.strip_prefix("date: ")?, lines.next()?.strip_prefix("nonce: ")?);
            lines.next().is_none().then_some(Self { person, label })
        };
        Some(read())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_for_whom_it_was_made() {
        let made = EnrolmentChallenge { person: "anna", label: "blue" };
        let text = made.text(Moment::from_unix(0), &[7; 32]);
        assert_eq!(EnrolmentChallenge::read(text.as_bytes()), Some(Some(made)));
        assert!(text.contains("date: 1970-01-01T00:00:00Z"), "{text}");
        assert_eq!(EnrolmentChallenge::read(b"sixteen random b"), None);
        assert_eq!(EnrolmentChallenge::read(b"tom enrolment 1 anna"), Some(None));
    }
}
