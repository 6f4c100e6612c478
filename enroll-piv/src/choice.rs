//! Choosing the one token among those found.

use std::fmt::Write as _;
use thiserror::Error;

/// A token that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) reader: String,
    pub(crate) serial: u32,
}

/// A reader whose card is no token for us, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassedOver {
    pub(crate) reader: String,
    pub(crate) reason: String,
}

/// Why no token was chosen.
#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum ChoiceError {
    #[error("no token was found{}", told(.0))]
    None(Vec<PassedOver>),
    #[error("there are several tokens; name one with --serial or --reader:{}", listed(.0))]
    Several(Vec<Found>),
    #[error("no token with serial number {serial} is here. Found:{}", listed(.found))]
    NoSuchSerial { serial: u32, found: Vec<Found> },
}

/// The place of the token in `found`.
pub(crate) fn choose(found: &[Found], passed_over: Vec<PassedOver>, serial: Option<u32>) -> Result<usize, ChoiceError> {
    if found.is_empty() {
        return Err(ChoiceError::None(passed_over));
    }
    let mut matching = found.iter().enumerate().filter(|(_, token)| serial.is_none_or(|wanted| token.serial == wanted));
    match (matching.next(), matching.next(), serial) {
        (Some((place, _)), None, _) => Ok(place),
        (None, _, Some(serial)) => Err(ChoiceError::NoSuchSerial { serial, found: found.to_vec() }),
        _ => Err(ChoiceError::Several(found.to_vec())),
    }
}

/// The name of a reader comes from a device: nothing in it may steer a terminal.
pub(crate) fn shown(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// Whether the reader is the one asked for by its name or a part of it.
pub(crate) fn is_wanted(reader: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| reader.contains(wanted))
}

fn listed(found: &[Found]) -> String {
    found.iter().fold(String::new(), |mut text, token| {
        let _ = write!(text, "\n  --serial {}   in reader '{}'", token.serial, token.reader);
        text
    })
}

fn told(passed_over: &[PassedOver]) -> String {
    if passed_over.is_empty() {
        return ": is it plugged in?".to_owned();
    }
    passed_over.iter().fold(". Looked at:".to_owned(), |mut text, reader| {
        let _ = write!(text, "\n  reader '{}': {}", reader.reader, reader.reason);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(tokens: &[(&str, u32)]) -> Vec<Found> {
        tokens.iter().map(|(reader, serial)| Found { reader: (*reader).to_owned(), serial: *serial }).collect()
    }

    #[test]
    fn the_only_token_is_chosen() {
        assert_eq!(choose(&found(&[("A", 1)]), vec![], None), Ok(0));
        assert_eq!(choose(&found(&[("A", 1)]), vec![], Some(1)), Ok(0));
    }

    #[test]
    fn among_several_the_serial_number_chooses() {
        let two = found(&[("A 00", 1), ("B 00", 2)]);
        assert_eq!(choose(&two, vec![], Some(2)), Ok(1));
        let text = choose(&two, vec![], None).unwrap_err().to_string();
        assert!(text.contains("--serial 1   in reader 'A 00'"), "{text}");
        assert!(text.contains("--serial 2   in reader 'B 00'"), "{text}");
    }

    #[test]
    fn two_tokens_with_one_number_are_not_chosen_among() {
        let twins = found(&[("A", 7), ("B", 7)]);
        assert!(matches!(choose(&twins, vec![], Some(7)), Err(ChoiceError::Several(_))));
    }

    #[test]
    fn another_number_is_not_taken_for_the_one_asked_for() {
        let refused = choose(&found(&[("A", 1)]), vec![], Some(2));
        assert_eq!(refused, Err(ChoiceError::NoSuchSerial { serial: 2, found: found(&[("A", 1)]) }));
    }

    #[test]
    fn none_says_what_was_looked_at() {
        assert!(choose(&[], vec![], None).unwrap_err().to_string().contains("plugged in"));
        let foreign = PassedOver { reader: "Bank".to_owned(), reason: "no PIV".to_owned() };
        let text = choose(&[], vec![foreign], Some(1)).unwrap_err().to_string();
        assert!(text.contains("reader 'Bank': no PIV"), "{text}");
    }

    #[test]
    fn readers_are_named_by_a_part_and_shown_without_control_characters() {
        assert!(is_wanted("Virtual PCD 00 01", Some("00 01")));
        assert!(!is_wanted("Virtual PCD 00 01", Some("00 00")));
        assert!(is_wanted("anything", None));
        assert_eq!(shown("Evil\u{1b}[2J\n"), "Evil?[2J?");
    }
}
