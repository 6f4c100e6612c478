//! What a name may look like. Everything that is later printed into a key line, a log or a command
//! passes here first, so that no text of a policy can forge another field (case 14).

use super::super::problem::Problems;
use super::super::section::{Text, is_invisible, printable};
use alloc::format;

/// Why a text cannot be used.
type Fault = &'static str;

/// `[a-z][a-z0-9-]{0,31}`: the id of a person.
pub(super) fn person_id(text: &str) -> Result<(), Fault> {
    let mut characters = text.chars();
    let begins = characters.next().is_some_and(|c| c.is_ascii_lowercase());
    let goes_on = characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if begins && goes_on && text.len() <= 32 {
        Ok(())
    } else {
        Err("must be 1 to 32 of a-z, 0-9 and '-', and begin with a letter")
    }
}

/// The id of a grant, machine, customer or network, and a class: one word.
pub(super) fn word(text: &str) -> Result<(), Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !text.is_empty() && text.len() <= 64 && text.chars().all(plain) {
        Ok(())
    } else {
        Err("must be 1 to 64 of letters, digits, '-', '_' and '.'")
    }
}

/// A name of a person or of a key: it stands in logs and in the comment of a key line.
pub(super) fn name(text: &str) -> Result<(), Fault> {
    sentence(text)?;
    if text.trim() != text || text.chars().any(|c| c.is_whitespace() && c != ' ') {
        return Err("begins or ends with a space, or holds another one than the plain space");
    }
    if text.chars().any(|c| matches!(c, '"' | ',' | ':' | '\\')) {
        return Err("may not hold quotation marks, commas, colons or backslashes");
    }
    Ok(())
}

/// Free text: a role, a reason.
pub(super) fn sentence(text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() {
        return Err("is empty");
    }
    if text.chars().any(is_invisible) {
        return Err("holds control characters or invisible ones");
    }
    if text.len() > 256 {
        return Err("is longer than 256 bytes");
    }
    Ok(())
}

/// An account, group or PAM service of the host.
pub(super) fn account(text: &str) -> Result<(), Fault> {
    let forbidden = |c: char| c.is_whitespace() || is_invisible(c) || ":/,\"\\{}*?".contains(c);
    if text.is_empty() || text.len() > 256 || text.starts_with('-') || text.chars().any(forbidden) {
        Err("is no name that an account, group or service can have")
    } else {
        Ok(())
    }
}

/// What a request of `[[expect]]` may say: any text that a request can hold and a line can show.
pub(super) fn visible(text: &str) -> Result<(), Fault> {
    if text.chars().any(is_invisible) { Err("holds control characters or invisible ones") } else { Ok(()) }
}

/// A glob on host ids.
pub(super) fn host_glob(text: &str) -> Result<(), Fault> {
    if text.is_empty() || text.len() > 253 || text.chars().any(|c| c.is_whitespace() || is_invisible(c)) {
        Err("is no pattern for a host id")
    } else {
        Ok(())
    }
}

/// The name of a file below the evidence directory.
pub(super) fn evidence_file(text: &str) -> Result<(), Fault> {
    let climbs = text.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if climbs || text.len() > 255 || text.chars().any(is_invisible) {
        Err("must be the name of a file below the evidence directory")
    } else {
        Ok(())
    }
}

/// Notes a text that breaks its rule; tells whether it is sound.
pub(super) fn check(
    what: &str,
    text: &Text,
    rule: fn(&str) -> Result<(), Fault>,
    advice: &str,
    problems: &mut Problems<'_>,
) -> bool {
    match rule(&text.text) {
        Ok(()) => true,
        Err(fault) => {
            problems.add(&text.span, format!("{what} '{}' {fault}", printable(&text.text)), advice);
            false
        }
    }
}
