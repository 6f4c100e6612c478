//! The clock behind a change: it undoes what nobody confirmed, whatever became of the session that made it.
//!
//! Under systemd a transient timer that starts a unit of the package's; it outlives the session. The unit is also
//! started with the host, before sshd. Elsewhere a process of its own, in a session of its own, which waits.

use crate::change::configuration::ConfigurationError;
use crate::change::sshd_lines::{run, systemd_runs};
use crate::process;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
const SETSID: &str = "/usr/bin/setsid";
const TOM: &str = "/usr/bin/tom";

const SHORT: Duration = Duration::from_secs(20);

/// What a timer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Undoes the change, if nobody has confirmed it.
    Undo,
    /// Looks again, and confirms if all is well (`--unattended`).
    LookAgain,
}

impl Alarm {
    const fn unit(self) -> &'static str {
        match self {
            Self::Undo => "tom-rollback",
            Self::LookAgain => "tom-confirm",
        }
    }

    const fn arguments(self) -> [&'static str; 2] {
        match self {
            Self::Undo => ["rollback", "--unconfirmed"],
            Self::LookAgain => ["confirm", "--by-check"],
        }
    }
}

/// Sets a timer that goes off after so many seconds. It runs when this returns.
pub(crate) fn arm(alarm: Alarm, seconds: u64) -> Result<(), ConfigurationError> {
    if systemd_runs() { arm_systemd(alarm, seconds) } else { arm_process(alarm, seconds) }
}

/// Stops a timer; one that goes off all the same finds nothing to do.
pub(crate) fn disarm(alarm: Alarm) {
    if systemd_runs() {
        let timer = format!("{}.timer", alarm.unit());
        let _ = process::run(SYSTEMCTL, ["stop", &timer], SHORT);
    }
}

fn arm_systemd(alarm: Alarm, seconds: u64) -> Result<(), ConfigurationError> {
    let (unit, after) = (alarm.unit(), format!("--on-active={seconds}s"));
    // One that is left over from an earlier change would be in the way.
    disarm(alarm);
    let service = format!("{unit}.service");
    let timer = format!("{unit}.timer");
    let _ = process::run(SYSTEMCTL, ["reset-failed", &service, &timer], SHORT);
    let is_shipped = ["/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"]
        .iter()
        .any(|directory| Path::new(directory).join(&service).is_file());
    let unit_option = format!("--unit={unit}");
    let mut arguments = vec!["--quiet", &after, "--timer-property=AccuracySec=1s", &unit_option];
    if !is_shipped {
        arguments.extend([
            "--property=Type=oneshot",
            "--property=Restart=on-failure",
            "--property=RestartSec=10s",
            TOM,
        ]);
        arguments.extend(alarm.arguments());
    }
    run(SYSTEMD_RUN, &arguments, SHORT)?;
    run(SYSTEMCTL, &["is-active", "--quiet", &timer], SHORT).map(drop)
}

fn arm_process(alarm: Alarm, seconds: u64) -> Result<(), ConfigurationError> {
    let [command, option] = alarm.arguments();
    // It tries again: a disk may be full for a while, or another run at work.
    let script =
        format!("sleep {seconds}; for again in 1 2 3 4 5 6; do {TOM} {command} {option} && exit; sleep 10; done");
    let mut waiting = process::command(SETSID);
    waiting.args(["--fork", "/bin/sh", "-c", &script]).process_group(0);
    waiting.stdout(Stdio::null()).stderr(Stdio::null());
    let failed = |said: String| ConfigurationError::Command { command: format!("{SETSID} --fork"), said };
    let mut child = waiting.spawn().map_err(|error| failed(error.to_string()))?;
    let status = process::wait(&mut child, SHORT).map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}
