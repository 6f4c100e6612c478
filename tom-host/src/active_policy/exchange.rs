//! Making a candidate the active policy, in one step.
//!
//! A new directory is written beside the active one, made durable, and exchanged with it by one
//! rename. Killed at any point before that, logins are decided as before; at any point after, by the new
//! policy. The fallback and the list of governed accounts go before: the newer ones beside the older
//! policy name whom the newer governs, while an older fallback could bring back a break-glass key that
//! was taken out. The list names whom either governs until the new policy is active. What a killed run left
//! behind is cleared away by the next.

use super::{ACTIVE_DIRECTORY, ANCHORS, EVIDENCE, FALLBACK, LARGEST_POLICY, PROOF, RESOLVED, SOURCE, STATE_DIRECTORY};
use crate::trusted_file::{TrustError, TrustedDirectory};
use rustix::fs::{CWD, FlockOperation, Gid, Mode, RenameFlags, Uid, flock, renameat, renameat_with};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const LOCK: &str = "/var/lib/tom/lock";
const NEW_DIRECTORY: &str = "/var/lib/tom/active.new";
const NEW_FALLBACK: &str = "/var/lib/tom/fallback.new";
const NEW_GOVERNED: &str = "/etc/tom/governed.new";
const SNAPSHOTS: &str = "/var/lib/tom/rollback";
const PREVIOUS: &str = "/var/lib/tom/rollback/previous";
const OLDER: &str = "/var/lib/tom/rollback/older";

/// Everything that becomes active together.
#[derive(Debug)]
pub struct NewPolicy<'a> {
    /// The text the operator wrote.
    pub source: &'a [u8],
    /// The form that logins read.
    pub resolved: &'a [u8],
    /// What is left when that cannot be used.
    pub fallback: &'a [u8],
    /// Whom it governs, as a list (see [`super::governed_list`]).
    pub governed: &'a str,
    /// What the evidence proved, stored (see libtom's `proof::store`).
    pub proof: &'a [u8],
    /// The trust anchors that it rests on, PEM.
    pub anchors: &'a str,
    /// Evidence files: name below the evidence directory, content.
    pub evidence: &'a [(String, Vec<u8>)],
    /// The group of `_tom`, which reads all this.
    pub readers: u32,
}

/// Why nothing was exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The state directory could have been changed by others than root.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// It is larger than what logins read.
    #[error("the policy takes {size} bytes in the form that logins read, more than {LARGEST_POLICY}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Another run holds the lock.
    #[error("another 'tom apply' is at work: wait for it, or see 'fuser {LOCK}'")]
    Busy,
    /// A step failed.
    #[error("{} could not be {step}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

pub(super) fn failed(path: impl AsRef<Path>, step: &'static str) -> impl FnOnce(io::Error) -> ExchangeError {
    let path = path.as_ref().to_path_buf();
    move |source| ExchangeError::Io { path, step, source }
}

/// A policy that has become active, and what went wrong after that.
#[derive(Debug, Default)]
#[must_use = "the warnings are for the administrator"]
pub struct Exchanged {
    /// Steps that failed after the new policy was active: it is, all the same.
    pub warnings: Vec<ExchangeError>,
}

/// The right to exchange the active policy; it ends with the process, or when it is dropped.
#[derive(Debug)]
pub struct Turn {
    lock: File,
}

impl Turn {
    /// The turn as an open file, for a program that is started to change something: as long as it runs nobody else has
    /// the turn, also after this process was killed.
    ///
    /// # Errors
    /// There are no descriptors left.
    pub fn to_hand_on(&self) -> io::Result<File> {
        self.lock.try_clone()
    }
}

/// Takes the turn. Whoever reads a candidate before and exchanges after it could put an older text, read before another
/// run applied a newer one, in the newer one's place.
///
/// # Errors
/// Another run has it, or the state directory could have been changed by others than root.
pub fn take_turn() -> Result<Turn, ExchangeError> {
    TrustedDirectory::open(Path::new(STATE_DIRECTORY))?;
    lock().map(|lock| Turn { lock })
}

/// Makes a policy the active one. The one before is kept for a rollback.
///
/// # Errors
/// Says which step failed; the active policy is then what it was before.
pub fn exchange(new: &NewPolicy<'_>, _turn: &Turn) -> Result<Exchanged, ExchangeError> {
    for content in [new.source, new.resolved, new.fallback, new.governed.as_bytes(), new.proof, new.anchors.as_bytes()]
    {
        check_size(content)?;
    }
    clear_away(NEW_DIRECTORY)?;
    clear_away(NEW_FALLBACK)?;
    if let Err(error) = write_all(new) {
        // Nothing is active of this; a disk that was full is given its space back.
        let _ = clear_away(NEW_DIRECTORY);
        let _ = clear_away(NEW_FALLBACK);
        return Err(error);
    }
    let mut warnings = Vec::new();
    let before = super::governed::read().ok();
    let either = super::governed::either(before.as_deref().unwrap_or_default(), new.governed);
    warnings.extend(write_governed(&either).err());
    let is_first = fs::symlink_metadata(FALLBACK).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if let Err(error) = swap_both(is_first) {
        let _ = before.map_or_else(|| clear_away(super::governed::LIST), |before| write_governed(&before));
        return Err(error);
    }
    // From here on the new policy is active, whatever else fails.
    warnings.extend(write_governed(new.governed).err());
    warnings.extend(make_durable(STATE_DIRECTORY).err());
    warnings.extend(keep_previous().err());
    warnings.extend(clear_away(NEW_FALLBACK).err());
    Ok(Exchanged { warnings })
}

/// Takes away what a run that was killed left beside the active policy. The caller has the turn.
///
/// # Errors
/// Says what could not be taken away.
pub fn clear_leftovers() -> Result<(), ExchangeError> {
    [NEW_DIRECTORY, NEW_FALLBACK, NEW_GOVERNED, OLDER].into_iter().try_for_each(clear_away)
}

/// What logins would refuse to read must not become active.
fn check_size(content: &[u8]) -> Result<(), ExchangeError> {
    match u64::try_from(content.len()) {
        Ok(size) if size <= LARGEST_POLICY => Ok(()),
        _ => Err(ExchangeError::TooLarge { size: content.len() }),
    }
}

/// The fallback and the active policy, or neither.
fn swap_both(is_first: bool) -> Result<(), ExchangeError> {
    swap(NEW_FALLBACK, FALLBACK)?;
    swap(NEW_DIRECTORY, ACTIVE_DIRECTORY).inspect_err(|_| {
        // The fallback of before belongs to the policy of before; where there was none, none is left.
        let _ = if is_first { clear_away(FALLBACK) } else { swap(NEW_FALLBACK, FALLBACK) };
    })
}

/// Readable by all, as sshd_config is: a program that asks PAM without being root has nothing else by which it can
/// tell an ordinary user.
fn write_governed(list: &str) -> Result<(), ExchangeError> {
    clear_away(NEW_GOVERNED)?;
    let written = (|| {
        write_file(Path::new(NEW_GOVERNED), list.as_bytes(), 0)?;
        rustix::fs::chmodat(CWD, NEW_GOVERNED, Mode::from_raw_mode(0o644), rustix::fs::AtFlags::empty())
            .map_err(|errno| failed(NEW_GOVERNED, "given its mode")(errno.into()))?;
        rename(NEW_GOVERNED, super::governed::LIST)
    })();
    if written.is_err() {
        let _ = clear_away(NEW_GOVERNED);
    }
    written
}

/// One exchange at a time; the lock ends with the process.
fn lock() -> Result<File, ExchangeError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(LOCK)
        .map_err(failed(LOCK, "opened"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(ExchangeError::Busy),
        Err(errno) => Err(failed(LOCK, "locked")(errno.into())),
    }
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}

fn write_all(new: &NewPolicy<'_>) -> Result<(), ExchangeError> {
    let directory = Path::new(NEW_DIRECTORY);
    make_directory(directory, new.readers)?;
    write_file(&directory.join(SOURCE), new.source, new.readers)?;
    write_file(&directory.join(RESOLVED), new.resolved, new.readers)?;
    write_file(&directory.join(PROOF), new.proof, new.readers)?;
    write_file(&directory.join(ANCHORS), new.anchors.as_bytes(), new.readers)?;
    let evidence = directory.join(EVIDENCE);
    make_directory(&evidence, new.readers)?;
    for (name, content) in new.evidence {
        let path = evidence.join(name);
        if let Some(parent) = path.parent().filter(|parent| *parent != evidence && !parent.exists()) {
            make_directory(parent, new.readers)?;
        }
        write_file(&path, content, new.readers)?;
    }
    make_durable(&evidence)?;
    make_durable(directory)?;
    write_file(Path::new(NEW_FALLBACK), new.fallback, new.readers)
}

fn make_directory(path: &Path, readers: u32) -> Result<(), ExchangeError> {
    DirBuilder::new().mode(0o750).recursive(true).create(path).map_err(failed(path, "made"))?;
    rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(0o750), rustix::fs::AtFlags::empty())
        .map_err(|errno| failed(path, "given its mode")(errno.into()))?;
    give(path, readers)
}

/// Owned by root, readable by `_tom` through its group, whatever the umask.
fn give(path: &Path, readers: u32) -> Result<(), ExchangeError> {
    rustix::fs::chown(path, Some(Uid::ROOT), Some(Gid::from_raw(readers)))
        .map_err(|errno| failed(path, "given to root and its readers")(errno.into()))
}

pub(super) fn write_file(path: &Path, content: &[u8], readers: u32) -> Result<(), ExchangeError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o640).open(path).map_err(failed(path, "created"))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o640))
        .map_err(|errno| failed(path, "given its mode")(errno.into()))?;
    give(path, readers)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed(path, "written"))
}

/// Exchanges two files or directories in one step; where there was none, the new one takes the place.
fn swap(new: &str, current: &str) -> Result<(), ExchangeError> {
    match renameat_with(CWD, new, CWD, current, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) => rename(new, current),
        Err(errno) => Err(failed(current, "exchanged")(errno.into())),
    }
}

pub(super) fn rename(from: &str, to: &str) -> Result<(), ExchangeError> {
    renameat(CWD, from, CWD, to).map_err(|errno| failed(to, "replaced")(errno.into()))
}

/// What was active before is now in the new directory's place.
fn keep_previous() -> Result<(), ExchangeError> {
    if fs::symlink_metadata(NEW_DIRECTORY).is_err() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).recursive(true).create(SNAPSHOTS).map_err(failed(SNAPSHOTS, "made"))?;
    clear_away(OLDER)?;
    if fs::symlink_metadata(PREVIOUS).is_ok() {
        rename(PREVIOUS, OLDER)?;
    }
    rename(NEW_DIRECTORY, PREVIOUS)?;
    clear_away(OLDER)
}

/// Removes a file, link or directory that may be there; links are not followed.
pub(super) fn clear_away(path: &str) -> Result<(), ExchangeError> {
    let result = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    result.map_err(failed(path, "cleared away"))
}

pub(super) fn make_durable(directory: impl AsRef<Path>) -> Result<(), ExchangeError> {
    let directory = directory.as_ref();
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(failed(directory, "made durable"))
}
