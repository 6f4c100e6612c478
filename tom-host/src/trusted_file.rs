//! Opens the files that a login depends on, and only if root alone can have written them.
//!
//! What: one walk from `/`, component by component, each held by a descriptor and judged by what
//! the descriptor says: every directory and the file itself must belong to root and be writable by
//! nobody else, nothing may be a link, and the file must be a regular one of bounded size.
//!
//! Why: whoever can write the policy, or rename a directory above it, is an administrator. A check
//! by path, followed by an open by path, can be raced (CVE-2019-12209, CVE-2025-6020); here the
//! bytes come from the very inode that was judged.
//!
//! What must never happen: that a file, a link, a variable or a build changes the rule; that
//! opening something acts on it (a device, a FIFO) or waits; that the text of a file that was being
//! written is taken for the whole.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

pub use self::error::{Fault, TrustError};

/// A handle that names an object without opening it: no device wakes up, no FIFO waits.
const NAME_ONLY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How a file is opened to be read, once it is known to be a regular one. `NONBLOCK` is for the
/// case that it was exchanged for a FIFO in between.
const TO_READ: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// How often a file may be exchanged between its two opens before that is an error. `tom apply`
/// renames once; more than this is somebody playing.
const EXCHANGES: u32 = 8;

/// Reads a whole trusted file of at most `limit` bytes.
///
/// # Errors
/// Says which component of the path is missing, untrusted or unreadable.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, TrustError> {
    let bad = || TrustError::BadPath { path: path.into() };
    let parent = path.parent().ok_or_else(bad)?;
    let Some(Component::Normal(name)) = path.components().next_back() else {
        return Err(bad());
    };
    TrustedDirectory::open(parent)?.read(Path::new(name), limit)
}

/// A directory that root alone can have filled, held by a descriptor.
///
/// Several files read through one handle come from one directory, even if another is put in its
/// place meanwhile. If that other one then is the only one left and this one is cleared away,
/// reading says `NotFound` and [`is_removed`](Self::is_removed) says why: open it anew.
#[derive(Debug)]
pub struct TrustedDirectory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl TrustedDirectory {
    /// Walks from `/` to `path` and judges each directory on the way.
    ///
    /// # Errors
    /// Says which component of the path is missing, untrusted or unreadable.
    pub fn open(path: &Path) -> Result<Self, TrustError> {
        let mut components = path.components();
        if components.next() != Some(Component::RootDir) {
            return Err(TrustError::BadPath { path: path.into() });
        }
        let mut here = PathBuf::from("/");
        let root = rustix::fs::open("/", NAME_ONLY | OFlags::DIRECTORY, Mode::empty());
        let mut descriptor = root.map_err(|errno| unreadable(&here, "opened", errno))?;
        judge(&here, &status(&descriptor, &here)?)?;
        for component in components {
            let Component::Normal(name) = component else {
                return Err(TrustError::BadPath { path: path.into() });
            };
            here.push(name);
            let flags = NAME_ONLY | OFlags::DIRECTORY;
            descriptor = match openat(&descriptor, name, flags, Mode::empty()) {
                Ok(next) => next,
                Err(errno) => return Err(not_a_directory(&descriptor, name, here, errno)),
            };
            judge(&here, &status(&descriptor, &here)?)?;
        }
        let path = here;
        Ok(Self { descriptor, path })
    }

    /// Reads a whole file of this directory, of at most `limit` bytes.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn read(&self, name: impl AsRef<Path>, limit: u64) -> Result<Vec<u8>, TrustError> {
        self.file(name, limit)?.read_all()
    }

    /// Opens a file of this directory, of at most `limit` bytes, to read parts of it.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn file(&self, name: impl AsRef<Path>, limit: u64) -> Result<TrustedFile, TrustError> {
        let name = name.as_ref();
        let path = self.path.join(name);
        let mut parts = name.components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(only)), None) if only == name.as_os_str()) {
            return Err(TrustError::BadPath { path });
        }
        let mut exchanges = 0_u32;
        loop {
            let handle = openat(&self.descriptor, name, NAME_ONLY, Mode::empty())
                .map_err(|errno| unreadable(&path, "opened", errno))?;
            let named = status(&handle, &path)?;
            judge_file(&path, &named, limit)?;
            // Between the two opens the name may have come to mean something else, rightly by
            // `tom apply`, or wrongly. What is read must be what was judged.
            match openat(&self.descriptor, name, TO_READ, Mode::empty()) {
                Ok(opened) => {
                    let status = status(&opened, &path)?;
                    if (status.st_dev, status.st_ino) == (named.st_dev, named.st_ino) {
                        let size = judge_file(&path, &status, limit)?;
                        return Ok(TrustedFile { file: File::from(opened), path, size, status });
                    }
                }
                // A link or a socket has taken its place, or it has just been removed.
                Err(Errno::LOOP | Errno::NXIO | Errno::NOENT) => {}
                Err(errno) => return Err(unreadable(&path, "opened", errno)),
            }
            exchanges = exchanges.saturating_add(1);
            if exchanges == EXCHANGES {
                return Err(untrusted(&path, Fault::Exchanged, &named));
            }
        }
    }

    /// Whether the directory has been removed from its path since it was opened: deleted, or
    /// exchanged for another. While an exchanged one is cleared away its files go first, so that
    /// it still exists when they no longer do.
    ///
    /// # Errors
    /// What lies there now is untrusted, or the system could not say.
    pub fn is_removed(&self) -> Result<bool, TrustError> {
        let mine = status(&self.descriptor, &self.path)?;
        let there = match Self::open(&self.path) {
            Ok(directory) => status(&directory.descriptor, &self.path)?,
            Err(error) if error.is_not_found() => return Ok(true),
            Err(error) => return Err(error),
        };
        Ok((mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino))
    }
}

/// A file that root alone can have written, open to be read.
#[derive(Debug)]
pub struct TrustedFile {
    file: File,
    path: PathBuf,
    size: u64,
    status: Stat,
}

impl TrustedFile {
    /// How many bytes it had when it was judged.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Reads the bytes at `offset`, all that fit into `bytes`.
    ///
    /// # Errors
    /// The file is shorter than that by now, or can't be read.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<(), TrustError> {
        self.file.read_exact_at(bytes, offset).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof { self.changing() } else { self.failed(error) }
        })
    }

    /// Reads the whole file. One that no longer has the size it was judged with is refused: what
    /// logins read is exchanged in one step, never written in place.
    ///
    /// # Errors
    /// The file grew or shrank, or can't be read.
    pub fn read_all(self) -> Result<Vec<u8>, TrustError> {
        let mut bytes = Vec::new();
        // One more than expected: a file that grew shows by it.
        let wanted =
            usize::try_from(self.size.saturating_add(1)).map_err(|_| self.failed(io::ErrorKind::OutOfMemory.into()))?;
        bytes.try_reserve_exact(wanted).map_err(|_| self.failed(io::ErrorKind::OutOfMemory.into()))?;
        while bytes.len() < wanted {
            match rustix::io::read(&self.file, rustix::buffer::spare_capacity(&mut bytes)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed(errno.into())),
            }
        }
        if bytes.len().checked_add(1) != Some(wanted) {
            return Err(self.changing());
        }
        Ok(bytes)
    }

    fn changing(&self) -> TrustError {
        untrusted(&self.path, Fault::Changing, &self.status)
    }

    fn failed(&self, source: io::Error) -> TrustError {
        TrustError::Io { path: self.path.clone(), step: "read", source }
    }
}

/// The rule for every object on the way. A sticky bit changes nothing: in /tmp anybody may put
/// something beside the file, and its owner may take the file away.
fn judge(path: &Path, status: &Stat) -> Result<(), TrustError> {
    if status.st_uid != 0 {
        return Err(untrusted(path, Fault::Owner, status));
    }
    // With an ACL the group bits are its mask, so a right to write given there shows here too.
    if Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(untrusted(path, Fault::Writable, status));
    }
    Ok(())
}

/// The rule for the file itself; its size, if it passes.
fn judge_file(path: &Path, status: &Stat, limit: u64) -> Result<u64, TrustError> {
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(untrusted(path, Fault::Link, status)),
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => return Err(untrusted(path, Fault::NotAFile, status)),
    }
    judge(path, status)?;
    let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
    if size > limit {
        let path = path.into();
        return Err(TrustError::TooLarge { path, size, limit });
    }
    Ok(size)
}

fn status(descriptor: &OwnedFd, path: &Path) -> Result<Stat, TrustError> {
    // An error here is never "not there": the descriptor holds it.
    fstat(descriptor).map_err(|errno| TrustError::Io { path: path.into(), step: "examined", source: errno.into() })
}

fn untrusted(path: &Path, fault: Fault, status: &Stat) -> TrustError {
    TrustError::Untrusted {
        path: path.into(),
        fault,
        owner: status.st_uid,
        mode: Mode::from_raw_mode(status.st_mode).bits(),
    }
}

fn unreadable(path: &Path, step: &'static str, errno: Errno) -> TrustError {
    let path = path.into();
    if errno == Errno::NOENT {
        return TrustError::NotFound { path };
    }
    let source = errno.into();
    TrustError::Io { path, step, source }
}

/// Why a component could not be entered, for the message: `ENOTDIR` stands for a link too.
fn not_a_directory(parent: impl AsFd, name: &std::ffi::OsStr, path: PathBuf, errno: Errno) -> TrustError {
    if !matches!(errno, Errno::NOTDIR | Errno::LOOP) {
        return unreadable(&path, "opened", errno);
    }
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::Symlink => {
            untrusted(&path, Fault::Link, &status)
        }
        Ok(status) => untrusted(&path, Fault::NotADirectory, &status),
        Err(again) => unreadable(&path, "examined", again),
    }
}

mod error;
#[cfg(test)]
mod tests;
