//! /run/tom/sessions, held by a descriptor: root's alone, links not followed.

use super::{SESSIONS, SessionsError, failed};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, mkdirat, open, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const TO_WRITE: OFlags =
    OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const TO_READ: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// No record is longer.
const LARGEST_RECORD: u64 = 16 << 10;
/// What a record's name begins with while it is written.
const BEING_WRITTEN: &str = "new.";

/// The directory of records.
#[derive(Debug)]
pub(super) struct Directory(OwnedFd);

impl Directory {
    /// The directory; nothing where there is none yet.
    pub(super) fn open() -> Result<Option<Self>, SessionsError> {
        match open(SESSIONS, DIRECTORY, Mode::empty()) {
            Ok(directory) => judge_way().and_then(|()| judge(directory, SESSIONS, Mode::RWXG | Mode::RWXO)).map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(failed(SESSIONS, "opened")(errno)),
        }
    }

    /// The directory, made where there is none.
    pub(super) fn open_or_make() -> Result<Self, SessionsError> {
        if let Some(directory) = Self::open()? {
            return Ok(directory);
        }
        let run = open("/run", DIRECTORY, Mode::empty()).map_err(failed("/run", "opened"))?;
        // Others keep their things in /run/tom; the sessions are root's to see.
        let tom = make(&run, "tom", 0o755, "/run/tom", Mode::WGRP | Mode::WOTH)?;
        make(&tom, "sessions", 0o700, SESSIONS, Mode::RWXG | Mode::RWXO).map(Self)
    }

    /// Writes a record in one step, in the place of one that may be there.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), SessionsError> {
        let temporary = format!("{BEING_WRITTEN}{name}");
        let create = || openat(&self.0, &temporary, TO_WRITE, Mode::from_raw_mode(0o600));
        let created = create().or_else(|errno| {
            // Only this process writes this name: what is there is of an attempt that failed.
            if errno == Errno::EXIST {
                self.remove(&temporary);
                return create();
            }
            Err(errno)
        });
        let mut file = File::from(created.map_err(failed(path_of(&temporary), "created"))?);
        let written = file.write_all(text.as_bytes()).map_err(|source| SessionsError::Io {
            path: path_of(&temporary),
            step: "written",
            source,
        });
        written
            .and_then(|()| renameat(&self.0, &temporary, &self.0, name).map_err(failed(path_of(name), "replaced")))
            .inspect_err(|_| self.remove(&temporary))
    }

    /// Reads a record; nothing where there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, SessionsError> {
        let path = path_of(name);
        let opened = match openat(&self.0, name, TO_READ, Mode::empty()) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(path, "opened")(errno)),
        };
        let status = fstat(&opened).map_err(failed(path.clone(), "examined"))?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile
            || !is_roots(&status, Mode::WGRP | Mode::WOTH)
        {
            return Err(SessionsError::Untrusted { path });
        }
        let mut bytes = Vec::new();
        match File::from(opened).take(LARGEST_RECORD).read_to_end(&mut bytes) {
            Ok(_) => Ok(Some(bytes)),
            Err(source) => Err(SessionsError::Io { path, step: "read", source }),
        }
    }

    /// Removes a record; nothing is to be done where that fails.
    pub(super) fn remove(&self, name: &str) {
        let _ = unlinkat(&self.0, name, AtFlags::empty());
    }

    /// The names of all entries.
    pub(super) fn names(&self) -> Result<Vec<String>, SessionsError> {
        let entries = Dir::read_from(&self.0).map_err(failed(SESSIONS, "read"))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed(SESSIONS, "read"))?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(String::from_utf8_lossy(name).into_owned()),
            }
        }
        Ok(names)
    }
}

/// The name of the record that this one is going to be.
pub(super) fn being_written(name: &str) -> Option<&str> {
    name.strip_prefix(BEING_WRITTEN)
}

/// Where a record is.
pub(super) fn path_of(name: &str) -> PathBuf {
    Path::new(SESSIONS).join(name)
}

fn make(parent: &OwnedFd, name: &str, mode: u32, path: &str, others: Mode) -> Result<OwnedFd, SessionsError> {
    match mkdirat(parent, name, Mode::from_raw_mode(mode)) {
        // Two logins at once: the other has made it.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed(path, "made")(errno)),
    }
    let directory = openat(parent, name, DIRECTORY, Mode::empty()).map_err(failed(path, "opened"))?;
    judge(directory, path, others).map(|Directory(directory)| directory)
}

/// A link in /run/tom's place, or one that others may write, could lead anywhere.
fn judge_way() -> Result<(), SessionsError> {
    let tom = open("/run/tom", DIRECTORY, Mode::empty()).map_err(failed("/run/tom", "opened"))?;
    judge(tom, "/run/tom", Mode::WGRP | Mode::WOTH).map(|_| ())
}

fn judge(directory: OwnedFd, path: &str, others: Mode) -> Result<Directory, SessionsError> {
    let status = fstat(&directory).map_err(failed(path, "examined"))?;
    if is_roots(&status, others) {
        Ok(Directory(directory))
    } else {
        Err(SessionsError::Untrusted { path: path.into() })
    }
}

/// It belongs to root, and has none of these rights for others.
fn is_roots(status: &Stat, others: Mode) -> bool {
    status.st_uid == 0 && !Mode::from_raw_mode(status.st_mode).intersects(others)
}
