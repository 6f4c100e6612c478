//! tom's own files: whose they are, who may write them, who may read them.

use super::finding::{Finding, Findings};
use super::hook::{HOOK, USER};
use crate::change::pam_lines::modules;
use crate::inspection::sshd::DROP_IN;
use crate::policy_source::{CANDIDATE, CANDIDATE_EVIDENCE};
use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tom_host::accounts;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Anybody.
    All,
    /// Root, and the group _tom has to.
    Group,
    /// Root, and the group _tom may.
    GroupOrRoot,
    /// Root alone.
    Root,
}

/// What a file is for, if it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    /// Logins, where tom decides.
    ToEnforce,
    /// Nothing depends on it.
    No,
}

struct Rule {
    path: String,
    readers: Readers,
    needed: Needed,
    /// It is a directory, and all below it is alike.
    below: bool,
}

fn rules() -> Vec<Rule> {
    let rule = |path: &str, readers, needed, below| Rule { path: path.to_owned(), readers, needed, below };
    vec![
        rule(HOOK, Readers::All, Needed::ToEnforce, false),
        rule("/usr/bin/tom", Readers::All, Needed::No, false),
        rule("/usr/sbin/tom-perm-audit", Readers::All, Needed::No, false),
        rule("/usr/share/tom", Readers::All, Needed::No, true),
        rule(&format!("{}/pam_tom.so", modules()), Readers::All, Needed::No, false),
        rule(DROP_IN, Readers::All, Needed::No, false),
        rule("/etc/ssh/sshd_config", Readers::All, Needed::No, false),
        rule("/etc/pam.d", Readers::All, Needed::No, true),
        rule("/etc/tom/governed", Readers::All, Needed::No, false),
        rule("/etc/tom/host.toml", Readers::All, Needed::No, false),
        rule("/etc/tom/trust", Readers::All, Needed::No, true),
        rule(CANDIDATE, Readers::GroupOrRoot, Needed::No, false),
        rule(CANDIDATE_EVIDENCE, Readers::All, Needed::No, true),
        rule("/var/lib/tom", Readers::Group, Needed::No, false),
        rule("/var/lib/tom/active", Readers::Group, Needed::No, true),
        rule("/var/lib/tom/fallback", Readers::Group, Needed::No, false),
        rule("/var/lib/tom/revoked", Readers::Group, Needed::No, false),
        rule("/var/lib/tom/enabled", Readers::GroupOrRoot, Needed::No, false),
        rule("/var/lib/tom/rollback", Readers::GroupOrRoot, Needed::No, false),
        rule("/var/lib/tom/doctor", Readers::GroupOrRoot, Needed::No, false),
        rule("/run/tom/sessions", Readers::Root, Needed::No, false),
    ]
}

/// Looks at all of them, and at every directory above.
pub(super) fn check(enforces: bool, findings: &mut Findings) {
    let group = accounts::look_up(USER).ok().map(|account| account.gid);
    let mut seen = BTreeSet::new();
    for rule in rules() {
        let path = Path::new(&rule.path);
        for directory in path.ancestors().skip(1) {
            if seen.insert(directory.to_owned())
                && let Ok(metadata) = fs::symlink_metadata(directory)
            {
                findings.add_all(writable(directory, &metadata));
            }
        }
        look(path, &rule, group, enforces, findings);
    }
}

fn look(path: &Path, rule: &Rule, group: Option<u32>, enforces: bool, findings: &mut Findings) {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if rule.needed == Needed::ToEnforce && enforces {
                findings.add(
                    Finding::critical("file-missing", format!("{} is missing", path.display()))
                        .why("sshd takes keys from nowhere else: no administrator gets in")
                        .fix("install the package again")
                        .at(path.display().to_string()),
                );
            }
            return;
        }
        Err(error) => return findings.not_known("file", format!("whose {} is", path.display()), error),
    };
    findings.add_all(writable(path, &metadata));
    findings.add_all(readable(path, &metadata, rule.readers, group));
    if rule.below && metadata.is_dir() {
        let entries: io::Result<Vec<PathBuf>> =
            fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        match entries {
            Ok(entries) => entries.iter().for_each(|entry| look(entry, rule, group, enforces, findings)),
            Err(error) => findings.not_known("file", format!("what is in {}", path.display()), error),
        }
    }
}

/// Whoever can write it, or put another in its place, decides who is an administrator.
fn writable(path: &Path, metadata: &Metadata) -> Option<Finding> {
    let mode = metadata.mode();
    let how = if metadata.file_type().is_symlink() {
        // A link on the way to the host's own files (/lib, /bin); one in place of ours is refused when it is read.
        return None;
    } else if metadata.uid() != 0 {
        format!("belongs to uid {}", metadata.uid())
    } else if mode & 0o022 != 0 {
        format!("can be written by {}", if mode & 0o002 != 0 { "everybody" } else { "its group" })
    } else {
        return None;
    };
    // Debian's /var/local and the like are no concern of ours; what stands here lies on the way to our files.
    Some(
        Finding::critical("file-writable", format!("{} {how} (mode {:04o})", path.display(), mode & 0o7777))
            .why("whoever can write it decides who is an administrator; what reads it refuses it, which locks out")
            .fix(format!("'chown root {0}' and 'chmod go-w {0}'", path.display()))
            .at(path.display().to_string()),
    )
}

fn readable(path: &Path, metadata: &Metadata, readers: Readers, group: Option<u32>) -> Option<Finding> {
    let mode = metadata.mode();
    let shown = path.display();
    let may = if metadata.is_dir() { 0o050 } else { 0o040 };
    if readers == Readers::Group
        && let Some(group) = group
        && (metadata.gid() != group || mode & may != may)
        && mode & (may >> 3) != may >> 3
    {
        return Some(
            Finding::critical(
                "file-unreadable",
                format!("{shown} cannot be read by the group {USER} (mode {:04o})", mode & 0o7777),
            )
            .why("tom-authorized-keys runs as that user: no administrator gets in")
            .fix(format!("'chgrp {USER} {shown}' and 'chmod g+r{} {shown}'", if metadata.is_dir() { "x" } else { "" }))
            .at(shown.to_string()),
        );
    }
    let open = match readers {
        Readers::All => 0,
        Readers::Group | Readers::GroupOrRoot => 0o007,
        Readers::Root => 0o077,
    };
    (mode & open != 0 && !metadata.file_type().is_symlink()).then(|| {
        Finding::warning("file-readable", format!("{shown} can be read by others (mode {:04o})", mode & 0o7777))
            .why("it says who the administrators are, from where they come, and when")
            .fix(format!("'chmod {} {shown}'", if readers == Readers::Root { "go=" } else { "o=" }))
            .at(shown.to_string())
    })
}
