//! Tests that need other files in /etc, /run or /dev run in a process with mounts of its own.
//!
//! The shipped code has no knob for paths or owners, so the test changes the world instead: it
//! starts this same test binary again under `unshare --mount`, for one test, after a few lines of
//! shell that arrange that world. The machine's own files are never touched.

use std::io::Write;
use std::process::{Command, Stdio};

const INSIDE: &str = "TOM_TEST_PRIVATE_MOUNTS";

/// Before anything is mounted: stop if this is the machine's own world after all.
const GUARD: &str = r#"test "$(readlink /proc/self/ns/mnt)" != "${OUTSIDE:?}""#;

/// Whether the calling test is in its private world. Outside it starts itself there, fails if that
/// failed, and answers false: `if !inside("module::tests::name", "mount ...") { return; }`.
pub(crate) fn inside(test: &str, world: &str) -> bool {
    if std::env::var(INSIDE).is_ok_and(|name| name == test) {
        return true;
    }
    if let Some(reason) = impossible() {
        assert!(
            !std::env::var("CI").is_ok_and(|ci| ci == "true"),
            "SKIPPED: {reason}, which is a failure under CI=true"
        );
        // Not by eprintln, which the test runner keeps to itself when a test passes.
        writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}").unwrap();
        return false;
    }
    let binary = std::env::current_exe().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec"])
        .arg(format!("{GUARD}\n{world}\nexec \"$@\""))
        .arg("sh")
        .arg(binary)
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(INSIDE, test)
        .env("OUTSIDE", std::fs::read_link("/proc/self/ns/mnt").unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{test} in private mounts: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

/// Why private mounts can't be had here, if so.
fn impossible() -> Option<String> {
    let answer = Command::new("unshare").args(["--mount", "--propagation", "private", "true"]).output();
    match answer {
        Err(error) => Some(format!("no unshare: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("no mount namespace: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Ok(_) => None,
    }
}
