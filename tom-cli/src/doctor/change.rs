//! Changes of policy and configuration: one that waits, what takes it back, what was undone.

use super::finding::{Finding, Findings};
use super::mode::Mode;
use std::fs;
use std::path::Path;

/// A change that waits for `tom confirm`.
const PENDING: &str = "/var/lib/tom/rollback/pending";
/// Takes a change back that nobody confirms, by timer and when the host starts.
const UNIT: &str = "tom-rollback.service";
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Looks at both.
pub(super) fn check(mode: Mode, findings: &mut Findings) {
    if Path::new(PENDING).symlink_metadata().is_ok() {
        findings.add(
            Finding::warning("change-pending", "a change waits for 'tom confirm'")
                .why("it is undone when its time is over, or when the host starts")
                .fix("'tom confirm' from a new login, or 'tom rollback'")
                .at(PENDING),
        );
    }
    // Without systemd a process of its own waits, and there is no unit.
    if mode != Mode::NotEnabled && Path::new("/run/systemd/system").is_dir() {
        findings.add_all(unit());
    }
}

fn unit() -> Option<Finding> {
    let finding = |what: String| {
        Finding::warning("rollback-unit", what)
            .why("a change that locks administrators out is not taken back when the host starts")
            .fix(format!("install the package again; 'systemctl enable {UNIT}'"))
    };
    let is_masked = |directory: &str| {
        fs::read_link(Path::new(directory).join(UNIT)).is_ok_and(|target| target == Path::new("/dev/null"))
    };
    if UNITS.iter().any(|directory| is_masked(directory)) {
        return Some(finding(format!("the unit {UNIT} is masked")));
    }
    if !UNITS.iter().any(|directory| Path::new(directory).join(UNIT).exists()) {
        return Some(finding(format!("the unit {UNIT} is missing")));
    }
    let wanted = UNITS.iter().any(|directory| {
        let Ok(entries) = fs::read_dir(directory) else { return false };
        entries.filter_map(Result::ok).any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            (name.ends_with(".wants") || name.ends_with(".requires"))
                && entry.path().join(UNIT).symlink_metadata().is_ok()
        })
    });
    (!wanted).then(|| finding(format!("the unit {UNIT} is not enabled")))
}
