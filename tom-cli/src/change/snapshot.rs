//! What was there before a change, kept so that it can come back byte for byte.
//!
//! The files that decide logins, with owner, mode and time: PAM's stacks and what pam-auth-update remembers, tom's
//! drop-in for sshd, the active policy with its fallback and list. Coming back goes in the order in which tom's lines
//! are taken out, so that a power cut in the middle leaves administrators a way in; it can be done again at any time.

use crate::change::configuration::ENABLED;
use crate::change::file::{self, Attributes};
use crate::change::{pam_lines, sshd_lines};
use rustix::fs::{CWD, Gid, Mode, RenameFlags, Uid};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use tom_host::active_policy::{ACTIVE_DIRECTORY, FALLBACK};

/// Whom the active policy governs, as a list.
const GOVERNED: &str = "/etc/tom/governed";
/// While the active policy comes back.
const RETURNING: &str = "/var/lib/tom/active.returning";

/// Single files. One that was not there is taken away again.
const FILES: [&str; 4] = [sshd_lines::DROP_IN, ENABLED, GOVERNED, FALLBACK];
/// Directories of which each regular file comes back. What is new there stays, but for what pam-auth-update made.
const DIRECTORIES: [&str; 2] = [pam_lines::DIRECTORY, pam_lines::PROFILE_STATE];

/// Why it could not be kept, or not come back.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be {step}: {source}", path.display())]
pub(crate) struct SnapshotError {
    path: PathBuf,
    step: &'static str,
    source: io::Error,
}

fn failed(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_path_buf();
    move |source| SnapshotError { path, step, source }
}

/// Keeps everything below `directory`, which is new.
pub(crate) fn take(directory: &Path) -> Result<(), SnapshotError> {
    make_directory(directory, 0o700)?;
    for path in FILES {
        keep_file(directory, Path::new(path))?;
    }
    for path in DIRECTORIES {
        let path = Path::new(path);
        for name in names_in(path)? {
            keep_file(directory, &path.join(name))?;
        }
    }
    keep_tree(directory, Path::new(ACTIVE_DIRECTORY))
}

/// Where a path of the host is kept.
fn kept(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path.strip_prefix("/").unwrap_or(path))
}

fn keep_file(directory: &Path, path: &Path) -> Result<(), SnapshotError> {
    // A link or a device among PAM's stacks is nothing that tom writes.
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let Some((content, attributes)) = file::read(path).map_err(failed(path, "read"))? else { return Ok(()) };
    let copy = kept(directory, path);
    make_directory(copy.parent().unwrap_or(directory), 0o700)?;
    file::write_new(&copy, &content, attributes).map_err(failed(&copy, "written"))
}

fn keep_tree(directory: &Path, path: &Path) -> Result<(), SnapshotError> {
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        let copy = kept(directory, path);
        make_directory(copy.parent().unwrap_or(directory), 0o700)?;
        copy_tree(path, &copy)?;
    }
    Ok(())
}

/// Regular files and directories; nothing else stands below the active policy.
fn copy_tree(from: &Path, to: &Path) -> Result<(), SnapshotError> {
    let metadata = from.symlink_metadata().map_err(failed(from, "read"))?;
    make_directory(to, 0o700)?;
    for name in names_in(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let kind = source.symlink_metadata().map_err(failed(&source, "read"))?;
        if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else if kind.is_file() {
            let content = fs::read(&source).map_err(failed(&source, "read"))?;
            let attributes = Attributes {
                mode: kind.mode() & 0o7777,
                uid: kind.uid(),
                gid: kind.gid(),
                modified: kind.modified().ok(),
            };
            file::write_new(&target, &content, attributes).map_err(failed(&target, "written"))?;
        }
    }
    give(to, &metadata).map_err(failed(to, "given to its owner"))?;
    file::make_durable(to).map_err(failed(to, "made durable"))
}

fn give(path: &Path, like: &fs::Metadata) -> io::Result<()> {
    rustix::fs::chown(path, Some(Uid::from_raw(like.uid())), Some(Gid::from_raw(like.gid())))?;
    let mode = Mode::from_raw_mode(like.mode() & 0o7777);
    Ok(rustix::fs::chmodat(CWD, path, mode, rustix::fs::AtFlags::empty())?)
}

/// Brings everything back that `directory` holds. PAM first, then sshd's lines; `reload` lets sshd know; the policy
/// last, since until then both may ask it.
pub(crate) fn bring_back(
    directory: &Path,
    reload: impl FnOnce() -> Result<(), String>,
) -> Result<Option<String>, SnapshotError> {
    let enabled = kept(directory, Path::new(ENABLED)).exists();
    // Where tom's lines were there before, they come back with the policy that they ask behind them.
    if enabled {
        bring_policy_back(directory)?;
    }
    for path in DIRECTORIES {
        bring_directory_back(directory, Path::new(path))?;
    }
    bring_file_back(directory, Path::new(sshd_lines::DROP_IN))?;
    bring_file_back(directory, Path::new(ENABLED))?;
    let told = reload().err();
    if !enabled {
        bring_policy_back(directory)?;
    }
    Ok(told)
}

fn bring_policy_back(directory: &Path) -> Result<(), SnapshotError> {
    bring_file_back(directory, Path::new(GOVERNED))?;
    bring_file_back(directory, Path::new(FALLBACK))?;
    let (active, returning) = (Path::new(ACTIVE_DIRECTORY), Path::new(RETURNING));
    remove_tree(returning)?;
    let copy = kept(directory, active);
    if !copy.exists() {
        return remove_tree(active);
    }
    copy_tree(&copy, returning)?;
    match rustix::fs::renameat_with(CWD, returning, CWD, active, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::NOENT) => {
            file::rename(returning, active).map_err(failed(active, "brought back"))?;
        }
        result => result.map_err(|errno| failed(active, "brought back")(errno.into()))?,
    }
    remove_tree(returning)?;
    let parent = active.parent().unwrap_or(Path::new("/"));
    file::make_durable(parent).map_err(failed(parent, "made durable"))
}

fn bring_file_back(directory: &Path, path: &Path) -> Result<(), SnapshotError> {
    let copy = kept(directory, path);
    let _ = file::clear_leftover(path);
    match file::read(&copy).map_err(failed(&copy, "read"))? {
        None => file::remove(path).map_err(failed(path, "removed")),
        Some(before) if file::read(path).ok().flatten().is_some_and(|now| now == before) => Ok(()),
        Some((content, attributes)) => file::write(path, &content, attributes).map_err(failed(path, "brought back")),
    }
}

fn bring_directory_back(directory: &Path, path: &Path) -> Result<(), SnapshotError> {
    let copies = kept(directory, path);
    let before = names_in(&copies)?;
    for name in &before {
        bring_file_back(directory, &path.join(name))?;
    }
    for name in names_in(path)? {
        let made_by_tool = path == Path::new(pam_lines::PROFILE_STATE) || name.ends_with(".pam-old");
        if (made_by_tool || name.ends_with(".tom-new")) && !before.contains(&name) {
            let path = path.join(name);
            file::remove(&path).map_err(failed(&path, "removed"))?;
        }
    }
    Ok(())
}

/// Names in a directory, sorted; none where there is no such directory. A name that is no text is nothing of ours.
fn names_in(directory: &Path) -> Result<Vec<String>, SnapshotError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(directory, "read")(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed(directory, "read"))?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<(), SnapshotError> {
    DirBuilder::new().mode(mode).recursive(true).create(path).map_err(failed(path, "made"))
}

/// Removes a directory that may be there.
pub(crate) fn remove_tree(path: &Path) -> Result<(), SnapshotError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, "cleared away")(error)),
        _ => Ok(()),
    }
}
