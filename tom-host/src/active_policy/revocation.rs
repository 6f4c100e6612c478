//! Taking keys out and letting them count again, in what logins read: the list of revoked keys, and the copies of
//! it that the active policy and the fallback hold for the day on which the list cannot be read.
//!
//! What must never happen: that a line of the list is lost, that a damaged list becomes a sound one by our
//! hand, that a key which is let in again stays out by a copy. One run at a time, under the lock of `tom apply`.

use super::exchange::{clear_away, failed, make_durable, rename, write_file};
use super::revoked::{self, REVOKED, RevokedError};
use super::{ACTIVE_DIRECTORY, ExchangeError, FALLBACK, LARGEST_POLICY, RESOLVED, STATE_DIRECTORY, Turn};
use crate::trusted_file::{self, TrustError};
use libtom::host_policy::HostPolicy;
use libtom::host_policy::stored::{self, SourceDigest};
use libtom::public_key::{PublicKey, encode_blob};
use rustix::fs::{CWD, Gid, Mode, Uid};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const NEW_LIST: &str = "/var/lib/tom/revoked.new";
const NEW_RESOLVED: &str = "/var/lib/tom/resolved.new";
const NEW_FALLBACK: &str = "/var/lib/tom/fallback.new";

/// A key to take out.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The key.
    pub key: PublicKey,
    /// What people read behind it: one line.
    pub remark: String,
}

/// Why nothing, or not everything, was done.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// A step failed.
    #[error(transparent)]
    Step(#[from] ExchangeError),
    /// The list cannot be trusted or read.
    #[error("the list of revoked keys cannot be written anew: {0}")]
    List(#[from] RevokedError),
    /// Something that is no file stands in the list's place.
    #[error("{REVOKED} is no regular file, and cannot be written anew")]
    NoFile,
}

/// What was done, and what is left to be told.
#[derive(Debug, Default)]
#[must_use = "what went wrong is for the administrator"]
pub struct Revised {
    /// Blobs for which there was nothing to do.
    pub unchanged: Vec<Vec<u8>>,
    /// What is wrong with the list, and was so before.
    pub fault: Option<RevokedError>,
    /// What failed of the list itself: the copies that logins fall back to were revised all the same.
    pub list: Option<RevocationError>,
    /// The copies hold the change: in the active policy, in the fallback.
    pub copies: [bool; 2],
    /// Steps that failed beside.
    pub warnings: Vec<ExchangeError>,
}

/// Takes keys out: from the next login on they are nobody's. A list that is damaged stays so, with all its lines, and
/// gets ours.
pub fn revoke(revocations: &[Revocation], readers: u32, _turn: &Turn) -> Revised {
    let mut revised = Revised::default();
    match add_lines(revocations, readers, &mut revised) {
        Ok(()) => {}
        Err(error) => revised.list = Some(error),
    }
    let blobs: Vec<Vec<u8>> = revocations.iter().map(|revocation| revocation.key.blob().to_vec()).collect();
    revise_copies(|policy| policy.with_revoked(blobs.clone()), readers, &mut revised);
    revised
}

/// Lets keys count again: exactly their lines are taken off the list, and they from the copies.
///
/// # Errors
/// The list is such that others could have written it, or a step failed; then nothing has changed.
pub fn lift(blobs: &[Vec<u8>], readers: u32, _turn: &Turn) -> Result<Revised, RevocationError> {
    let mut revised = Revised::default();
    let bytes = match trusted_file::read(Path::new(REVOKED), revoked::LARGEST_LIST) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(RevokedError::from(error).into()),
    };
    let (listed, fault) = revoked::parse(&bytes);
    revised.fault = fault;
    if blobs.iter().any(|blob| listed.contains(blob)) {
        let kept = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_line_of(line, blobs)).flatten();
        replace_list(&kept.copied().collect::<Vec<u8>>(), readers, None)?;
    }
    let held = held_in_copies(blobs);
    revised.unchanged = blobs.iter().filter(|blob| !listed.contains(blob) && !held.contains(blob)).cloned().collect();
    revise_copies(|policy| policy.without_revoked(blobs), readers, &mut revised);
    Ok(revised)
}

/// Lets the copies hold what the list says, after an older policy has become active again: it holds what was revoked
/// when it was applied, and a key that was lifted since would be out. Where the list is damaged nothing is done: the copies are
/// for that day.
pub fn renew_copies(readers: u32, _turn: &Turn) -> Revised {
    let mut revised = Revised::default();
    match revoked::read() {
        (blobs, None) => {
            revise_copies(|policy| policy.with_exactly_revoked(blobs.clone()), readers, &mut revised);
        }
        (_, fault) => revised.fault = fault,
    }
    revised
}

fn is_line_of(line: &[u8], blobs: &[Vec<u8>]) -> bool {
    let line = String::from_utf8_lossy(line);
    !line.starts_with('#') && PublicKey::parse(&line).is_ok_and(|key| blobs.iter().any(|blob| blob == key.blob()))
}

fn add_lines(revocations: &[Revocation], readers: u32, revised: &mut Revised) -> Result<(), RevocationError> {
    let (mut bytes, owner) = read_all(revised)?;
    let (listed, _) = revoked::parse(&bytes);
    let mut added = false;
    for Revocation { key, remark } in revocations {
        if listed.iter().any(|blob| blob == key.blob()) {
            revised.unchanged.push(key.blob().to_vec());
            continue;
        }
        // The line before may have been cut short.
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        let line = format!("{} {} {remark}\n", key.key_type().name(), encode_blob(key.blob()));
        bytes.extend_from_slice(line.as_bytes());
        added = true;
    }
    if added { replace_list(&bytes, readers, owner) } else { Ok(()) }
}

/// Owner, group and mode of a list that has other ones than it should.
type Ownership = (u32, u32, u32);

/// The whole list; where it could have been written by others, with whose it is: what they may have taken away from
/// it is not made good by giving it to root, and the fault must stay seen.
fn read_all(revised: &mut Revised) -> Result<(Vec<u8>, Option<Ownership>), RevocationError> {
    let error = match trusted_file::read(Path::new(REVOKED), revoked::LARGEST_LIST) {
        Ok(bytes) => {
            revised.fault = revoked::parse(&bytes).1;
            return Ok((bytes, None));
        }
        Err(error) if error.is_not_found() => return Ok((Vec::new(), None)),
        Err(error) => error,
    };
    let status = fs::symlink_metadata(REVOKED).map_err(failed(REVOKED, "examined"))?;
    if !status.is_file() {
        revised.fault = Some(error.into());
        return Err(RevocationError::NoFile);
    }
    if status.len() > LARGEST_POLICY {
        return Err(RevokedError::from(error).into());
    }
    let bytes = revoked::read_to_deny().map_err(failed(REVOKED, "read"))?;
    let is_anothers = matches!(error, TrustError::Untrusted { .. });
    revised.fault = Some(error.into());
    Ok((bytes, is_anothers.then_some((status.uid(), status.gid(), status.mode()))))
}

fn replace_list(bytes: &[u8], readers: u32, owner: Option<Ownership>) -> Result<(), RevocationError> {
    clear_away(NEW_LIST)?;
    let replaced = write_file(Path::new(NEW_LIST), bytes, readers)
        .and_then(|()| owner.map_or(Ok(()), |owner| give_back(NEW_LIST, owner)))
        .and_then(|()| rename(NEW_LIST, REVOKED));
    if let Err(error) = replaced {
        let _ = clear_away(NEW_LIST);
        return Err(error.into());
    }
    Ok(make_durable(STATE_DIRECTORY)?)
}

fn give_back(path: &str, (uid, gid, mode): Ownership) -> Result<(), ExchangeError> {
    let refused = |errno: rustix::io::Errno| failed(path, "given its owner and mode")(errno.into());
    rustix::fs::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))).map_err(refused)?;
    let mode = Mode::from_raw_mode(mode) & (Mode::RWXU | Mode::RWXG | Mode::RWXO);
    rustix::fs::chmodat(CWD, path, mode, rustix::fs::AtFlags::empty()).map_err(refused)
}

/// Which of these the copies hold as revoked.
fn held_in_copies(blobs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let copies = [super::read_active(), trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY)];
    let mut held = Vec::new();
    for bytes in copies.into_iter().flatten() {
        if let Ok((policy, _)) = stored::decode(&bytes) {
            held.extend(blobs.iter().filter(|blob| policy.is_revoked(blob)).cloned());
        }
    }
    held
}

/// Writes the copies anew. One that cannot be read is no use to logins either, and is left.
fn revise_copies(revise: impl Fn(HostPolicy<'_>) -> HostPolicy<'_>, readers: u32, revised: &mut Revised) {
    let active = super::read_active().ok();
    let active = active.as_deref().and_then(|bytes| stored::decode(bytes).ok());
    let fallback = trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY).ok();
    let fallback = fallback.as_deref().and_then(|bytes| stored::decode(bytes).ok());
    let active = active.map(|(policy, digest)| (revise(policy), digest));
    // The fallback is cut out of the active policy, which knows the keys that it lacks for being revoked.
    let whole = active.clone().or_else(|| fallback.map(|(policy, digest)| (revise(policy), digest)));
    let written = [
        active.and_then(|policy| write_copy(&policy, stored::encode, NEW_RESOLVED, &resolved(), readers)),
        whole.and_then(|policy| write_copy(&policy, stored::encode_fallback, NEW_FALLBACK, FALLBACK, readers)),
    ];
    revised.copies = written.map(|written| match written {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            revised.warnings.push(error);
            false
        }
        None => false,
    });
}

fn resolved() -> String {
    format!("{ACTIVE_DIRECTORY}/{RESOLVED}")
}

type Encode = fn(&HostPolicy<'_>, &SourceDigest, libtom::moment::Moment) -> Vec<u8>;

/// Nothing where the policy does not say when it was applied: none that `tom apply` wrote.
fn write_copy(
    (policy, digest): &(HostPolicy<'_>, SourceDigest),
    encode: Encode,
    new: &str,
    path: &str,
    readers: u32,
) -> Option<Result<(), ExchangeError>> {
    let bytes = encode(policy, digest, policy.applied()?);
    // What logins could not read must not take the place of what they can.
    if let Err(error) = stored::decode(&bytes) {
        return Some(Err(failed(path, "encoded")(io::Error::other(error.to_string()))));
    }
    let written = clear_away(new)
        .and_then(|()| write_file(Path::new(new), &bytes, readers))
        .and_then(|()| rename(new, path))
        .inspect_err(|_| {
            let _ = clear_away(new);
        });
    Some(written)
}

#[cfg(test)]
mod tests;
