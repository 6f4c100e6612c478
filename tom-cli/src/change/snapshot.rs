//! What was there before a change, kept so that it can come back byte for byte.
//!
//! The files that decide logins, with owner, mode and time: PAM's stacks and what pam-auth-update remembers, tom's
//! drop-in for sshd, the active policy with its fallback and list. Coming back goes in the order in which tom's lines
//! are taken out, so that a power cut in the middle leaves administrators a way in; it can be done again at any time.

use crate::change::configuration::{self, ENABLED};
use crate::change::file::{self, Attributes};
use crate::change::{left_keys, pam_lines, sshd_lines};
use list::{List, Was};
use rustix::fs::{CWD, Gid, Mode, RenameFlags, Uid};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, FALLBACK};

mod list;

/// Whom the active policy governs, as a list.
const GOVERNED: &str = "/etc/tom/governed";
/// The policy before the active one: undoing a change also brings back what `tom rollback` would go back to.
const PREVIOUS: &str = "/var/lib/tom/rollback/previous";

/// Single files. One that was not there is taken away again.
const FILES: [&str; 4] = [sshd_lines::DROP_IN, ENABLED, GOVERNED, FALLBACK];
/// Directories of which each regular file comes back. What is new there stays, but for what pam-auth-update made.
const DIRECTORIES: [&str; 2] = [pam_lines::DIRECTORY, pam_lines::PROFILE_STATE];
/// Directories that come back whole.
const TREES: [&str; 3] = [ACTIVE_DIRECTORY, PREVIOUS, left_keys::DIRECTORY];
/// What pam-auth-update or a run of ours leaves when it is killed.
const LEFTOVERS: [&str; 4] = [".tom-new", ".pam-new", ".pam-old", ".returning"];

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

/// What is at a path, or that nothing is; whatever else the system says is an error.
fn look_at(path: &Path) -> Result<Option<fs::Metadata>, SnapshotError> {
    match path.symlink_metadata() {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "looked at")(error)),
    }
}

/// Keeps everything below `directory`, which is new.
pub(crate) fn take(directory: &Path) -> Result<(), SnapshotError> {
    make_directory(directory, 0o700)?;
    let mut list = List::default();
    for path in FILES.map(Path::new) {
        if look_at(path)?.is_some() {
            keep_file(directory, path, &mut list)?;
        } else {
            list.add(Was::Absent, path);
        }
    }
    for path in DIRECTORIES.map(Path::new) {
        list.add(if look_at(path)?.is_some() { Was::Directory } else { Was::Absent }, path);
        for name in names_in(path)? {
            let path = path.join(name);
            // A link or a device among PAM's stacks is nothing that tom writes.
            if look_at(&path)?.is_some_and(|metadata| metadata.is_file()) {
                keep_file(directory, &path, &mut list)?;
            }
        }
    }
    for path in TREES.map(Path::new) {
        if look_at(path)?.is_some() {
            let copy = kept(directory, path);
            make_directory(copy.parent().unwrap_or(directory), 0o700)?;
            copy_tree(path, &copy, Copying::Anew)?;
            list.add(Was::Tree, path);
        } else {
            list.add(Was::Absent, path);
        }
    }
    list.write_to(directory)
}

/// Keeps PAM's files as a change has left them.
pub(crate) fn take_made(directory: &Path) -> Result<(), SnapshotError> {
    make_directory(directory, 0o700)?;
    let mut list = List::default();
    for path in DIRECTORIES.map(Path::new) {
        for name in names_in(path)? {
            let path = path.join(name);
            if look_at(&path)?.is_some_and(|metadata| metadata.is_file()) {
                keep_file(directory, &path, &mut list)?;
            }
        }
    }
    Ok(())
}

/// Where a path of the host is kept.
fn kept(directory: &Path, path: &Path) -> PathBuf {
    directory.join(path.strip_prefix("/").unwrap_or(path))
}

fn keep_file(directory: &Path, path: &Path, list: &mut List) -> Result<(), SnapshotError> {
    let read = file::read(path).map_err(failed(path, "read"))?;
    let (content, attributes) = read.ok_or_else(|| failed(path, "read")(io::ErrorKind::NotFound.into()))?;
    let copy = kept(directory, path);
    make_directory(copy.parent().unwrap_or(directory), 0o700)?;
    file::write_new(&copy, &content, attributes).map_err(failed(&copy, "written"))?;
    list.add(Was::File, path);
    Ok(())
}

/// How the files of a tree come to their new place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Copying {
    Anew,
    /// As further names of the same files, which a full disk does not prevent; anew where that cannot be.
    Linked,
}

/// Regular files and directories; nothing else stands below the active policy.
fn copy_tree(from: &Path, to: &Path, copying: Copying) -> Result<(), SnapshotError> {
    let metadata = from.symlink_metadata().map_err(failed(from, "read"))?;
    make_directory(to, 0o700)?;
    for name in names_in(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let kind = source.symlink_metadata().map_err(failed(&source, "read"))?;
        if kind.is_dir() {
            copy_tree(&source, &target, copying)?;
        } else if kind.is_file() && !(copying == Copying::Linked && fs::hard_link(&source, &target).is_ok()) {
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

/// What came back, and what did not.
#[derive(Debug)]
pub(crate) struct BroughtBack {
    /// What sshd said against its reload.
    pub(crate) reload: Option<String>,
    /// Files of PAM's that others have changed.
    pub(crate) others: Vec<PathBuf>,
}

/// Brings everything back that `directory` holds, but for files of PAM's that are no longer as the change left them
/// (`made`): a package or an operator has changed those, and what they say now may be what keeps people in. `reload`
/// lets sshd know; where it could not, why is handed on, and what the running sshd still asks has not gone yet.
///
/// Where tom's lines decided before, they come back with the policy that they ask behind them. Elsewhere the policy
/// goes last: until then both may ask it.
pub(crate) fn bring_back(
    directory: &Path,
    made: Option<&Path>,
    reload: impl FnOnce() -> Result<(), String>,
) -> Result<BroughtBack, SnapshotError> {
    let list = List::read_from(directory)?;
    // All of it is there, or nothing is touched.
    for (was, path) in list.entries() {
        let copy = kept(directory, path);
        if *was != Was::Absent && *was != Was::Directory && look_at(&copy)?.is_none() {
            return Err(failed(&copy, "found")(io::ErrorKind::NotFound.into()));
        }
    }
    let decided = match list.get(Path::new(ENABLED))? {
        Was::File => configuration::mode_of(&kept(directory, Path::new(ENABLED))) == configuration::Mode::Enforce,
        Was::Absent | Was::Directory | Was::Tree => false,
    };
    if decided {
        bring_policy_back(directory, &list)?;
        // Lines that read the keys that were left behind are the ones that go.
        bring_file_back(directory, &list, Path::new(sshd_lines::DROP_IN))?;
    } else {
        bring_tree_back(directory, &list, Path::new(left_keys::DIRECTORY))?;
    }
    let others = bring_directory_back(directory, &list, made, Path::new(pam_lines::DIRECTORY))?;
    bring_file_back(directory, &list, Path::new(sshd_lines::DROP_IN))?;
    bring_file_back(directory, &list, Path::new(ENABLED))?;
    // An sshd that could not be told still goes by what it read: that stays until it is.
    if let Err(untold) = reload() {
        return Ok(BroughtBack { reload: Some(untold), others });
    }
    if decided {
        bring_tree_back(directory, &list, Path::new(left_keys::DIRECTORY))?;
    } else {
        bring_policy_back(directory, &list)?;
    }
    // It decides nothing.
    bring_directory_back(directory, &list, made, Path::new(pam_lines::PROFILE_STATE))?;
    Ok(BroughtBack { reload: None, others })
}

fn bring_policy_back(directory: &Path, list: &List) -> Result<(), SnapshotError> {
    bring_file_back(directory, list, Path::new(GOVERNED))?;
    bring_file_back(directory, list, Path::new(FALLBACK))?;
    bring_tree_back(directory, list, Path::new(ACTIVE_DIRECTORY))?;
    bring_tree_back(directory, list, Path::new(PREVIOUS))?;
    active_policy::clear_leftovers()
        .map_err(|error| failed(Path::new(ACTIVE_DIRECTORY), "tidied")(io::Error::other(error)))
}

/// In one step, as it was made active.
fn bring_tree_back(directory: &Path, list: &List, path: &Path) -> Result<(), SnapshotError> {
    let returning = with_ending(path, ".returning");
    remove_tree(&returning)?;
    if list.get(path)? == Was::Absent {
        return remove_tree(path);
    }
    copy_tree(&kept(directory, path), &returning, Copying::Linked)?;
    match rustix::fs::renameat_with(CWD, &returning, CWD, path, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::NOENT) => {
            file::rename(&returning, path).map_err(failed(path, "brought back"))?;
        }
        result => result.map_err(|errno| failed(path, "brought back")(errno.into()))?,
    }
    remove_tree(&returning)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    file::make_durable(parent).map_err(failed(parent, "made durable"))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn bring_file_back(directory: &Path, list: &List, path: &Path) -> Result<(), SnapshotError> {
    file::clear_leftover(path).map_err(failed(path, "tidied"))?;
    if list.get(path)? == Was::Absent {
        return file::remove(path).map_err(failed(path, "removed"));
    }
    let copy = kept(directory, path);
    let before = file::read(&copy).map_err(failed(&copy, "read"))?;
    let before = before.ok_or_else(|| failed(&copy, "read")(io::ErrorKind::NotFound.into()))?;
    if file::read(path).ok().flatten().is_some_and(|now| now == before) {
        return Ok(());
    }
    file::put(&copy, path, &before).map_err(failed(path, "brought back"))
}

/// Tells which files stay as others have changed them.
fn bring_directory_back(
    directory: &Path,
    list: &List,
    made: Option<&Path>,
    path: &Path,
) -> Result<Vec<PathBuf>, SnapshotError> {
    let mut others = Vec::new();
    for file in list.files_in(path) {
        if is_others(made, file) {
            others.push(file.to_path_buf());
        } else {
            bring_file_back(directory, list, file)?;
        }
    }
    for name in names_in(path)? {
        let file = path.join(&name);
        let made_by_tool = path == Path::new(pam_lines::PROFILE_STATE);
        let is_leftover = made_by_tool || LEFTOVERS.iter().any(|ending| name.ends_with(ending));
        let is_leftover = is_leftover && !(made_by_tool && is_others(made, &file));
        if is_leftover && !list.files_in(path).any(|listed| listed == file) {
            file::remove(&file).map_err(failed(&file, "removed"))?;
        }
    }
    Ok(others)
}

/// Has somebody changed or made this file, or taken it away, since the change was made? Of a change that was interrupted that is
/// not known: what it had written down by then may be half of it. What is no file is nothing that others leave in the place of one.
fn is_others(made: Option<&Path>, path: &Path) -> bool {
    let Some(made) = made else { return false };
    let then = file::read(&kept(made, path)).ok().flatten().map(|(content, _)| content);
    match file::read(path) {
        Ok(Some((now, _))) => then.map_or_else(|| made.exists(), |then| then != now),
        Ok(None) => then.is_some(),
        Err(_) => false,
    }
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
        let name = entry.map_err(failed(directory, "read"))?.file_name().into_string().ok();
        names.extend(name.filter(|name| !name.contains(char::is_control)));
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
