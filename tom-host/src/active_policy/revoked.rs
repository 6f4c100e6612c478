//! /var/lib/tom/revoked: keys that `tom revoke` took out. One key a line, as in a .pub file; what
//! follows the key, and lines that begin with `#`, are for people.

use crate::trusted_file::{self, TrustError};
use libtom::public_key::{PublicKey, PublicKeyError};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Keys taken out on this host; survives apply and rollback.
pub(super) const REVOKED: &str = "/var/lib/tom/revoked";

pub(super) const LARGEST_LIST: u64 = 1 << 20;

/// Why the list of revoked keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RevokedError {
    /// It cannot be read, or could have been written by others than root.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// A line is no key.
    #[error("{REVOKED}, line {line}: this {error}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        error: PublicKeyError,
    },
}

/// The blobs that are revoked, as far as they can be read, and what is wrong with the list. A list that
/// is not there revokes nothing.
///
/// A list that others than root could have written is a fault, and is read all the same: it can only deny.
/// Otherwise a wrong umask would bring the key of a stolen token back.
pub(super) fn read() -> (Vec<Vec<u8>>, Option<RevokedError>) {
    match trusted_file::read(Path::new(REVOKED), LARGEST_LIST) {
        Ok(bytes) => parse(&bytes),
        Err(error) if error.is_not_found() => (Vec::new(), None),
        Err(error) => {
            let (blobs, _) = parse(&read_to_deny().unwrap_or_default());
            (blobs, Some(error.into()))
        }
    }
}

pub(super) fn read_to_deny() -> std::io::Result<Vec<u8>> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    // Asked before it is opened, too: opening a device can do things.
    if !std::fs::symlink_metadata(REVOKED)?.is_file() {
        return Ok(Vec::new());
    }
    let file = File::options().read(true).custom_flags(flags).open(REVOKED)?;
    let mut bytes = Vec::new();
    if file.metadata()?.is_file() {
        // Further than a sound list goes: the newest lines stand last.
        file.take(super::LARGEST_POLICY).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

pub(super) fn parse(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<RevokedError>) {
    // What is no text stands in a comment, or makes the line no key.
    let text = String::from_utf8_lossy(bytes);
    let mut blobs = Vec::new();
    let mut fault = None;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match PublicKey::parse(line) {
            Ok(key) => blobs.push(key.blob().to_vec()),
            Err(error) if fault.is_none() => {
                fault = Some(RevokedError::Line { line: number.saturating_add(1), error });
            }
            Err(_) => {}
        }
    }
    (blobs, fault)
}

#[cfg(test)]
mod tests {
    use super::parse;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBZM4pHC9C+FWrK6Vsh5ZFqJ9QxRrMMVWbDF+3x4rjYI";

    #[test]
    fn reads_keys_and_passes_comments() {
        let (blobs, fault) = parse(format!("# lost on 2026-11-20\n\n{KEY} anna:blue\n").as_bytes());
        assert_eq!((blobs.len(), fault.is_none()), (1, true));
    }

    /// A line that cannot be read may be the key of a stolen token: it must not pass unseen, and the
    /// other lines must still count.
    #[test]
    fn a_damaged_line_is_a_fault_and_the_others_count() {
        let (blobs, fault) = parse(format!("ssh-ed25519 AAAA\n{KEY}\n").as_bytes());
        assert_eq!(blobs.len(), 1);
        assert!(fault.unwrap().to_string().contains("line 1"));
        assert!(parse(b"\xff\xfe").1.is_some());
        // Found by an attacker: one Latin-1 byte in a comment brought every revoked key back.
        let (blobs, fault) = parse(&[KEY.as_bytes(), b" J\xfcrgen's\n"].concat());
        assert_eq!((blobs.len(), fault.is_none()), (1, true));
    }
}
