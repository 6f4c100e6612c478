//! tom's lines in /etc/pam.d, from the texts that the product installs (packaging/pam).

use std::fs;
use std::path::Path;

/// The profile for pam-auth-update.
pub const PROFILE: &str = include_str!("../../packaging/pam/tom");
/// The profile of a host that observes.
pub const OBSERVE_PROFILE: &str = include_str!("../../packaging/pam/tom-observe");
/// The line of the services where somebody proves a token to PAM.
pub const AUTH_LINE: &str = include_str!("../../packaging/pam/auth-line");
/// sudo's line, which it asks where it asks nothing else.
pub const ACCOUNT_LINE: &str = include_str!("../../packaging/pam/account-line");

/// Which of tom's phases are in the stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PamLayers {
    pub(crate) auth: bool,
    pub(crate) account: bool,
    pub(crate) session: bool,
}

impl PamLayers {
    pub(crate) const ALL: Self = Self { auth: true, account: true, session: true };

    /// Writes the lines below `root` as pam-auth-update would (bench_itself.rs compares), which
    /// takes far longer than a login.
    pub(crate) fn write(self, root: &Path) {
        if self.account {
            insert(root, "common-account", PROFILE_END, &profile_line(PROFILE, "account"));
        }
        if self.session {
            insert(root, "common-session", PROFILE_END, &profile_line(PROFILE, "session"));
            insert(root, "common-session-noninteractive", PROFILE_END, &profile_line(PROFILE, "session"));
        }
        if self.auth {
            // su-l includes su.
            for service in ["login", "su", "sudo", "sudo-i"] {
                insert(root, service, "@include common-auth", AUTH_LINE);
            }
        }
        if self.account {
            for service in ["sudo", "sudo-i"] {
                insert(root, service, "@include common-account", ACCOUNT_LINE);
            }
        }
    }
}

/// Writes the lines of a host that observes.
pub(crate) fn write_observing(root: &Path) {
    insert(root, "common-account", PROFILE_END, &profile_line(OBSERVE_PROFILE, "account"));
    for file in ["common-session", "common-session-noninteractive"] {
        insert(root, file, PROFILE_END, &profile_line(OBSERVE_PROFILE, "session"));
    }
}

/// pam-auth-update's last line.
const PROFILE_END: &str = "# end of pam-auth-update config";

/// The profile's line of a phase, with its phase in front.
fn profile_line(profile: &str, phase: &str) -> String {
    let heading = format!("{phase}:");
    let line = profile
        .lines()
        .skip_while(|line| !line.eq_ignore_ascii_case(&heading))
        .nth(1)
        .unwrap_or_else(|| panic!("the profile has no {phase}"));
    format!("{phase}\t{}\n", line.trim())
}

/// Puts `line` before the line that starts with `mark`.
fn insert(root: &Path, file: &str, mark: &str, line: &str) {
    let path = root.join("etc/pam.d").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let place = text
        .lines()
        .position(|line| line.starts_with(mark))
        .unwrap_or_else(|| panic!("no {mark:?} in /etc/pam.d/{file}"));
    let mut lines: Vec<&str> = text.lines().collect();
    lines.insert(place, line.trim_end());
    fs::write(&path, lines.join("\n") + "\n").expect("written");
}
