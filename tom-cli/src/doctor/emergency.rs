//! Shells that systemd opens without asking PAM.

use super::accounts::{Password, states};
use super::finding::{Finding, Findings};
use std::fs;
use std::io;
use std::path::Path;

/// Where units and their drop-ins are; the first wins.
const UNITS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
/// The units that open a rescue shell.
const RESCUE: [&str; 3] = ["emergency.service", "rescue.service", "console-shell.service"];
/// Makes sulogin open a root shell without a password.
const FORCE: &str = "SYSTEMD_SULOGIN_FORCE=1";

/// Looks at units, the kernel's command line and root's password.
pub(super) fn check(findings: &mut Findings) {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    for directory in UNITS {
        for unit in RESCUE {
            let path = Path::new(directory).join(unit);
            let text = text_of(&path, findings);
            findings.add_all(forced(&path, &text));
            for path in files_in(&Path::new(directory).join(format!("{unit}.d")), findings) {
                let text = text_of(&path, findings);
                findings.add_all(forced(&path, &text));
            }
        }
        for wants in ["sysinit.target.wants", "multi-user.target.wants", "basic.target.wants"] {
            let path = Path::new(directory).join(wants).join("debug-shell.service");
            if path.symlink_metadata().is_ok() {
                findings.add(debug_shell().at(path.display().to_string()));
            }
        }
        for unit in
            ["getty@.service.d", "getty@tty1.service.d", "serial-getty@.service.d", "serial-getty@ttyS0.service.d"]
        {
            for path in files_in(&Path::new(directory).join(unit), findings) {
                let text = text_of(&path, findings);
                findings.add_all(autologin(&path, &text));
            }
        }
    }
    let words = |wanted: &str| command_line.split_whitespace().any(|word| word == wanted);
    if words(FORCE) {
        findings.add(forced_shell().at("/proc/cmdline"));
    }
    if ["systemd.debug-shell", "systemd.debug-shell=1", "systemd.debug_shell", "systemd.debug_shell=1"]
        .into_iter()
        .any(words)
    {
        findings.add(debug_shell().at("/proc/cmdline"));
    }
    let shadow = fs::read_to_string("/etc/shadow").unwrap_or_default();
    if states(&shadow).get("root") == Some(&Password::Set) {
        findings.add(
            Finding::note("emergency-shell", "the rescue shell opens by root's password")
                .why("systemd's sulogin does not ask PAM, and tom not: whoever has console and password is root")
                .fix("lock it ('passwd -l root') where another way to the console is kept; else keep it sealed")
                .at("/etc/shadow"),
        );
    }
}

fn forced(path: &Path, text: &str) -> Option<Finding> {
    let says = |line: &str| {
        let line = line.trim();
        !line.starts_with(['#', ';'])
            && (line.contains(FORCE) || (line.contains("sulogin") && line.contains("--force")))
    };
    text.lines().any(says).then(|| forced_shell().at(path.display().to_string()))
}

fn forced_shell() -> Finding {
    Finding::critical("emergency-shell-open", "the rescue shell opens without a password")
        .why("whoever can make the host boot into it, at its console, is root")
        .fix("take SYSTEMD_SULOGIN_FORCE and 'sulogin --force' out")
}

fn debug_shell() -> Finding {
    Finding::critical("debug-shell", "systemd's debug shell is on: a root shell on tty9 without any login")
        .why("whoever gets to the console is root")
        .fix("'systemctl disable debug-shell.service', and take systemd.debug-shell off the kernel's command line")
}

fn autologin(path: &Path, text: &str) -> Option<Finding> {
    let says = |line: &str| {
        let is_getty = line.trim().starts_with("ExecStart=") && line.contains("getty");
        is_getty && (line.contains("--autologin") || line.contains(" -a "))
    };
    text.lines().any(says).then(|| {
        Finding::warning("console-autologin", "a console logs somebody in by itself")
            .why("nobody is asked for a token; a governed account is refused by the session phase, so the console is shut")
            .fix("take --autologin out")
            .at(path.display().to_string())
    })
}

fn text_of(path: &Path, findings: &mut Findings) -> String {
    match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => String::new(),
        Err(error) => {
            findings.not_known("unit", format!("what {} says", path.display()), error);
            String::new()
        }
    }
}

fn files_in(directory: &Path, findings: &mut Findings) -> Vec<std::path::PathBuf> {
    match fs::read_dir(directory) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            findings.not_known("unit", format!("what is in {}", directory.display()), error);
            Vec::new()
        }
    }
}
