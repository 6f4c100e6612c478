//! Users of the host, written as the lines of its databases.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

/// The password of every account of a bench that has one.
pub const PASSWORD: &str = "bench-password";
/// `openssl passwd -6 -salt bench bench-password`
const PASSWORD_HASH: &str =
    "$6$bench$KPKgHNbzf5O7L5CsfGuyBalHgoEyQ3Ul/TZbk0MSM7pK0Rrv2zAyaU833JNXRzm5sQlRkfjk.TIVQVBuXvp5M.";

/// The shell of system accounts.
const NO_SHELL: &str = "/usr/sbin/nologin";

/// A user of the host.
#[derive(Clone, Debug)]
pub struct Account {
    name: String,
    uid: u32,
    groups: Vec<String>,
    password: bool,
    shell: &'static str,
}

impl Account {
    /// A person with a home directory, /bin/bash, a group of their own and [`PASSWORD`].
    #[must_use]
    pub fn person(name: &str, uid: u32) -> Self {
        let shell = "/bin/bash";
        Self { name: name.to_owned(), uid, groups: Vec::new(), password: true, shell }
    }

    /// The same without a password: nobody logs in to it by one.
    #[must_use]
    pub fn locked(mut self) -> Self {
        self.password = false;
        self
    }

    /// A system account without a password, a shell or a home directory.
    #[must_use]
    pub fn system(name: &str, uid: u32) -> Self {
        Self { name: name.to_owned(), uid, groups: Vec::new(), password: false, shell: NO_SHELL }
    }

    /// Puts the account into this group too, made now if the host lacks it.
    #[must_use]
    pub fn in_group(mut self, group: &str) -> Self {
        self.groups.push(group.to_owned());
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Writes the account into the databases below `root`.
    pub(crate) fn add_to(&self, root: &Path) {
        let Self { name, uid, .. } = self;
        let own_group = if *uid == 0 { 0 } else { *uid };
        let home = match *uid {
            0 => format!("/root-of-{name}"),
            // As Debian's policy has it for system accounts that own no files.
            _ if self.shell == NO_SHELL => "/nonexistent".to_owned(),
            _ => format!("/home/{name}"),
        };
        let mut passwd = read(root, "etc/passwd");
        let mut shadow = read(root, "etc/shadow");
        let mut group = read(root, "etc/group");
        let hash = if self.password { PASSWORD_HASH } else { "*" };
        let _ = writeln!(passwd, "{name}:x:{uid}:{own_group}::{home}:{}", self.shell);
        let _ = writeln!(shadow, "{name}:{hash}:20000:0:99999:7:::");
        if own_group != 0 {
            let _ = writeln!(group, "{name}:x:{own_group}:");
        }
        for wanted in &self.groups {
            group = with_member(&group, wanted, name);
        }
        write(root, "etc/passwd", &passwd);
        write(root, "etc/shadow", &shadow);
        write(root, "etc/group", &group);

        if self.shell == NO_SHELL {
            return;
        }
        let home = root.join(home.trim_start_matches('/'));
        fs::create_dir_all(&home).expect("a home directory");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o750)).expect("its mode");
        chown(&home, Some(*uid), Some(own_group)).expect("its owner");
    }
}

/// The group file with `member` in `group`.
fn with_member(file: &str, group: &str, member: &str) -> String {
    let mut out = String::new();
    let mut found = false;
    for line in file.lines() {
        out.push_str(line);
        if line.split(':').next() == Some(group) {
            found = true;
            if !line.ends_with(':') {
                out.push(',');
            }
            out.push_str(member);
        }
        out.push('\n');
    }
    if !found {
        let gid = 900 + file.lines().count();
        let _ = writeln!(out, "{group}:x:{gid}:{member}");
    }
    out
}

fn read(root: &Path, file: &str) -> String {
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn write(root: &Path, file: &str, text: &str) {
    fs::write(root.join(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
}
