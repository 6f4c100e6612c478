//! Files that are replaced in one step, or not at all.
//!
//! Whoever reads /etc/pam.d/login while it is written sees the old text or the new one. Owner, mode and, for what comes
//! back, the time of the last change stay as they were.

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files in /etc that tom writes are small; one that is not is none of them.
const LARGEST: u64 = 1 << 20;

/// What a file is beside its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) modified: Option<SystemTime>,
}

impl Attributes {
    /// Root's, with this mode.
    pub(crate) const fn of_root(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0, modified: None }
    }

    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            modified: metadata.modified().ok(),
        }
    }
}

/// A regular file that is there: its content and attributes. A link is not followed.
pub(crate) fn read(path: &Path) -> io::Result<Option<(Vec<u8>, Attributes)>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is larger than a file that tom writes"));
    }
    let mut content = Vec::new();
    file.take(LARGEST).read_to_end(&mut content)?;
    Ok(Some((content, Attributes::of(&metadata))))
}

/// Puts a new file in the place of `path`, with these attributes.
pub(crate) fn write(path: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
    let new = beside(path)?;
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let result = write_new(&new, content, attributes).and_then(|()| fs::rename(&new, path));
    if result.is_err() {
        let _ = fs::remove_file(&new);
    }
    result.and_then(|()| make_durable(path.parent().unwrap_or(Path::new("/"))))
}

/// Writes a file that is not there yet.
pub(crate) fn write_new(path: &Path, content: &[u8], attributes: Attributes) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    rustix::fs::fchown(&file, Some(Uid::from_raw(attributes.uid)), Some(Gid::from_raw(attributes.gid)))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(attributes.mode))?;
    if let Some(modified) = attributes.modified {
        file.set_modified(modified)?;
    }
    file.sync_all()
}

/// Writes new content into the place of a file, which keeps its attributes; a new one is root's, 0644.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let attributes = match read(path)? {
        Some((before, _)) if before == content => return Ok(()),
        Some((_, attributes)) => Attributes { modified: None, ..attributes },
        None => Attributes::of_root(0o644),
    };
    write(path, content, attributes)
}

/// Puts a file that was kept in the place of `path`, as a further name of it, which a full disk does not prevent;
/// where that cannot be (another file system), as a copy.
pub(crate) fn put(kept: &Path, path: &Path, (content, attributes): &(Vec<u8>, Attributes)) -> io::Result<()> {
    let new = beside(path)?;
    if fs::hard_link(kept, &new).is_err() {
        return write(path, content, *attributes);
    }
    // Two names of one file are left as they are by rename(2).
    fs::rename(&new, path).and_then(|()| remove(&new))?;
    make_durable(path.parent().unwrap_or(Path::new("/")))
}

/// Removes a file that may be there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    // Looked at first: on a file system that cannot be written, one that is not there is no error.
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.and_then(|()| make_durable(path.parent().unwrap_or(Path::new("/")))),
    }
}

/// What is written in a directory survives a power cut.
pub(crate) fn make_durable(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Takes away what a run that was killed left beside `path`.
pub(crate) fn clear_leftover(path: &Path) -> io::Result<()> {
    remove(&beside(path)?)
}

/// Renames within one file system, and makes that durable.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    rustix::fs::renameat(CWD, from, CWD, to)?;
    make_durable(to.parent().unwrap_or(Path::new("/")))
}

/// The name under which a new file is written: hidden, and read by neither sshd's Include nor PAM.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(path.with_file_name(format!(".{name}.tom-new")))
}
