//! Changes of policy and configuration: one that waits, what takes it back, what was undone.

use super::finding::{Finding, Findings};
use super::mode::Mode;
use std::fs;
use std::path::Path;

/// A change that waits for `tom confirm`.
const PENDING: &str = "/var/lib/tom/rollback/pending";
/// Takes a change back that nobody confirms, started by a timer.
const UNIT: &str = "tom-rollback.service";
/// The same, when the host starts.
const AT_BOOT: &str = "tom-rollback-at-boot.service";
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Keys that `tom disable --leave-keys` leaves to sshd.
const LEFT_KEYS: &str = "/etc/ssh/tom-left-keys";

/// Looks at all of it.
pub(super) fn check(mode: Mode, findings: &mut Findings) {
    if Path::new(PENDING).symlink_metadata().is_ok() {
        findings.add(
            Finding::warning("change-pending", "a change waits for 'tom confirm'")
                .why("it is undone when its time is over, or when the host starts")
                .fix("'tom confirm' from a new login, or 'tom rollback'")
                .at(PENDING),
        );
    }
    if Path::new(LEFT_KEYS).symlink_metadata().is_ok() {
        let what = "keys of the policy are left behind for sshd, from when tom was taken away";
        let finding = match mode {
            // Nothing reads them there.
            Mode::Enforce => Finding::note("left-keys", what),
            Mode::Observe | Mode::NotEnabled | Mode::Unknown => Finding::warning("left-keys", what),
        };
        findings.add(
            finding
                .why("they let in whoever had them then, revoked or not: they no longer follow the policy")
                .fix("take the directory out once administrators have another way in")
                .at(LEFT_KEYS),
        );
    }
    // Without systemd a process of its own waits, and there is no unit.
    if mode != Mode::NotEnabled && Path::new("/run/systemd/system").is_dir() {
        findings.add_all(unit());
    }
}

fn unit() -> Option<Finding> {
    let is_there = |unit: &str| UNITS.iter().any(|directory| Path::new(directory).join(unit).exists());
    let is_masked = |unit: &str| {
        UNITS.iter().any(|directory| {
            fs::read_link(Path::new(directory).join(unit)).is_ok_and(|target| target == Path::new("/dev/null"))
        })
    };
    let what = if let Some(unit) = [UNIT, AT_BOOT].into_iter().find(|unit| is_masked(unit)) {
        format!("the unit {unit} is masked")
    } else if let Some(unit) = [UNIT, AT_BOOT].into_iter().find(|unit| !is_there(unit)) {
        format!("the unit {unit} is missing")
    } else if !is_enabled(AT_BOOT) {
        format!("the unit {AT_BOOT} is not enabled")
    } else {
        return None;
    };
    Some(
        Finding::warning("rollback-unit", what)
            .why("a change that locks administrators out is not taken back")
            .fix(format!("install the package again; 'systemctl unmask {UNIT}', 'systemctl enable {AT_BOOT}'")),
    )
}

fn is_enabled(unit: &str) -> bool {
    UNITS.iter().any(|directory| {
        let Ok(entries) = fs::read_dir(directory) else { return false };
        entries.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let pulls = name.ends_with(".wants") || name.ends_with(".requires");
            pulls && entry.path().join(unit).symlink_metadata().is_ok()
        })
    })
}
