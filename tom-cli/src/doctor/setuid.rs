//! Programs that run as root whoever starts them: those that are new since the last look.
//!
//! The first look writes down what is there. What comes with a package that was installed since is written down too;
//! anything else stays a finding until somebody has looked at it.

use super::finding::{Finding, Findings};
use crate::inspection::command;
use rustix::fs::lgetxattr;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tom_host::trusted_file;

/// What was seen before.
const RECORD: &str = "/var/lib/tom/doctor/setuid";
const HEAD: &str = "# Programs that run as root whoever starts them, as 'tom doctor' has seen them. One path a line.\n\
                    # A line that you add is a program that you have looked at.\n";
const LARGEST: u64 = 4 << 20;
/// Where programs are looked for. Not below /home and /srv: what of root's is reached there, tom-perm-audit says.
const DIRECTORIES: [&str; 10] =
    ["/usr", "/bin", "/sbin", "/lib", "/opt", "/etc", "/var/lib", "/var/tmp", "/tmp", "/dev/shm"];
/// File systems that are not the host's own.
const FOREIGN: [&str; 8] = ["nfs", "nfs4", "cifs", "proc", "sysfs", "cgroup2", "fuse", "autofs"];
/// Below these there may be millions of files; a walk that is too long says so.
const PATIENCE: Duration = Duration::from_secs(12);
/// Shells and interpreters: setuid, each is a root shell.
const SHELLS: [&str; 22] = [
    "sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "env", "python3", "perl", "ruby", "lua", "php", "awk",
    "gawk", "find", "vim", "vi", "nano", "less", "cp", "tar",
];
/// Capabilities that are as good as root (linux/capability.h): CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, SETGID,
/// SETUID, SETPCAP, SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, SETFCAP, MAC_OVERRIDE, BPF.
const ROOT_CAPABILITIES: [u32; 14] = [0, 1, 2, 3, 6, 7, 8, 16, 17, 19, 21, 31, 32, 39];
const DPKG: &str = "/usr/bin/dpkg";
const DPKG_INFO: &str = "/var/lib/dpkg/info";
const LIMIT: Duration = Duration::from_secs(20);

/// Looks for them, and keeps the record.
pub(super) fn check(admin_gids: &BTreeSet<u32>, findings: &mut Findings) {
    let begun = Instant::now();
    let mut found = BTreeMap::new();
    let mut not_looked_at = Vec::new();
    for directory in DIRECTORIES {
        let mut walk = Walk { begun, admin_gids, found: &mut found };
        if !walk.directory(Path::new(directory), None) {
            not_looked_at.push(directory);
        }
    }
    if !not_looked_at.is_empty() {
        let what = format!("which programs in {} run as root whoever starts them", not_looked_at.join(", "));
        findings.not_known(
            "setuid",
            what,
            format!("there are more files than can be looked at in {} seconds", PATIENCE.as_secs()),
        );
    }
    for (path, how) in &found {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if SHELLS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')) || SHELLS.contains(&name) {
            findings.add(
                Finding::critical("setuid-shell", format!("{} {how}", path.display()))
                    .why("whoever starts it is root")
                    .fix(format!("find out who did that; 'chmod ug-s {0}' or 'setcap -r {0}'", path.display()))
                    .at(path.display().to_string()),
            );
        }
    }
    match known() {
        Ok(None) => {
            if let Err(error) = record(found.keys()) {
                findings.not_known("setuid-record", "which setuid programs will be new at the next look", error);
            }
        }
        Ok(Some((known, since))) => {
            let new: Vec<&PathBuf> = found.keys().filter(|path| !known.contains(&path.display().to_string())).collect();
            let (of_packages, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
                new.into_iter().partition(|path| came_with_package(path, since));
            for path in others {
                let how = found.get(path).map_or("", String::as_str);
                findings.add(
                    Finding::critical("setuid-new", format!("{} {how}, and did not at the last look", path.display()))
                        .why("it may be a way to become root, put there by whoever was root once")
                        .fix(format!(
                            "find out where it comes from; if it is to stay, add a line with its path to {RECORD}"
                        ))
                        .at(path.display().to_string()),
                );
            }
            if !of_packages.is_empty() {
                let all: BTreeSet<PathBuf> =
                    known.iter().map(PathBuf::from).chain(of_packages.into_iter().cloned()).collect();
                if let Err(error) = record(all.iter()) {
                    findings.not_known("setuid-record", "which setuid programs will be new at the next look", error);
                }
            }
        }
        Err(error) => findings.not_known("setuid-record", "which setuid programs are new", error),
    }
}

struct Walk<'w> {
    begun: Instant,
    admin_gids: &'w BTreeSet<u32>,
    found: &'w mut BTreeMap<PathBuf, String>,
}

impl Walk<'_> {
    /// Goes through a directory; false if there was no time for all of it.
    fn directory(&mut self, path: &Path, device: Option<u64>) -> bool {
        // A link (/bin to usr/bin) leads to what is looked at anyway.
        let Ok(metadata) = fs::symlink_metadata(path) else { return true };
        let is_of_root = metadata.uid() == 0 && metadata.mode() & 0o001 == 0;
        let is_roots_alone = is_of_root && (metadata.mode() & 0o010 == 0 || metadata.gid() == 0);
        // What nobody but root can reach (images of containers) makes nobody root.
        if !metadata.is_dir() || is_roots_alone {
            return true;
        }
        if device != Some(metadata.dev()) && counts_for_nothing(path) {
            return true;
        }
        let Ok(entries) = fs::read_dir(path) else { return true };
        for entry in entries.filter_map(Result::ok) {
            if self.begun.elapsed() > PATIENCE {
                return false;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !self.directory(&entry.path(), Some(metadata.dev())) {
                    return false;
                }
            } else if kind.is_file() {
                let path = entry.path();
                if let Ok(metadata) = entry.metadata()
                    && let Some(how) = runs_as_root(&path, &metadata, self.admin_gids)
                {
                    self.found.insert(path, how);
                }
            }
        }
        true
    }
}

fn runs_as_root(path: &Path, metadata: &Metadata, admin_gids: &BTreeSet<u32>) -> Option<String> {
    let mode = metadata.mode();
    if mode & 0o111 == 0 {
        return None;
    }
    if mode & 0o4000 != 0 && metadata.uid() == 0 {
        return Some("runs as root whoever starts it (setuid)".to_owned());
    }
    if mode & 0o2010 == 0o2010 && admin_gids.contains(&metadata.gid()) {
        return Some(format!("runs with the administrators' group {} (setgid)", metadata.gid()));
    }
    let mut value = [0_u8; 64];
    let length = lgetxattr(path, "security.capability", &mut value[..]).ok()?;
    is_root_by_capabilities(value.get(..length)?).then(|| "runs with root's capabilities".to_owned())
}

/// struct vfs_cap_data: a word of flags, then permitted and inheritable, 32 capabilities at a time, little endian.
fn is_root_by_capabilities(value: &[u8]) -> bool {
    let word = |at: usize| {
        let bytes = value.get(at..at.saturating_add(4)).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let permitted = u64::from(word(4)) | u64::from(word(12)) << 32;
    ROOT_CAPABILITIES.iter().any(|capability| permitted & 1_u64.wrapping_shl(*capability) != 0)
}

/// Whether the file system mounted there is one on which setuid counts for nothing, or none of the host's own.
fn counts_for_nothing(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        (Path::new(point) == path).then(|| (kind.to_owned(), options.to_owned()))
    });
    mounted.next_back().is_some_and(|(kind, options)| {
        FOREIGN.contains(&kind.split('.').next().unwrap_or_default())
            || options.split(',').any(|option| option == "nosuid")
    })
}

/// The paths of the record, and when it was written.
fn known() -> Result<Option<(BTreeSet<String>, std::time::SystemTime)>, String> {
    let bytes = match trusted_file::read(Path::new(RECORD), LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let since = fs::metadata(RECORD).and_then(|metadata| metadata.modified()).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(Some((lines.map(str::to_owned).collect(), since)))
}

fn record<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> io::Result<()> {
    let directory = Path::new(RECORD).parent().unwrap_or(Path::new("/"));
    if !directory.parent().is_some_and(Path::exists) {
        // No state of tom's here: nothing to compare with at the next look, either.
        return Ok(());
    }
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let new = format!("{RECORD}.new");
    let mut text = String::from(HEAD);
    for path in paths {
        text.push_str(&format!("{}\n", path.display()));
    }
    let _ = fs::remove_file(&new);
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, RECORD)
}

/// Whether a program belongs to a package that was installed or upgraded since then.
fn came_with_package(path: &Path, since: std::time::SystemTime) -> bool {
    let shown = path.display().to_string();
    let Ok(said) = command::stdout_of(DPKG, &["-S", &shown], LIMIT) else { return false };
    let Some((package, _)) = said.lines().next().and_then(|line| line.rsplit_once(": ")) else { return false };
    let Ok(metadata) = fs::metadata(format!("{DPKG_INFO}/{package}.list")) else { return false };
    metadata.modified().is_ok_and(|modified| modified > since)
}

#[cfg(test)]
mod tests {
    use super::is_root_by_capabilities;

    #[test]
    fn capabilities_that_are_as_good_as_root() {
        let data = |low: u32, high: u32| [[1, 0, 0, 2], low.to_le_bytes(), [0; 4], high.to_le_bytes(), [0; 4]].concat();
        assert!(is_root_by_capabilities(&data(1 << 7, 0)), "CAP_SETUID");
        assert!(is_root_by_capabilities(&data(0, 1 << 7)), "CAP_BPF");
        assert!(!is_root_by_capabilities(&data(1 << 13, 0)), "CAP_NET_RAW, as ping has it");
        assert!(!is_root_by_capabilities(&[]));
    }
}
