//! The clock: what ends by date depends on it.

use super::facts::Facts;
use super::finding::{Finding, Findings};
use crate::inspection::command;
use std::path::Path;
use std::time::Duration;

const TIMEDATECTL: &str = "/usr/bin/timedatectl";
const CHRONYC: &str = "/usr/bin/chronyc";
const LIMIT: Duration = Duration::from_secs(5);

/// Looks at it.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    if !facts.now.is_plausible() {
        findings.add(
            Finding::critical("clock-implausible", format!("the clock says {}", facts.now))
                .why("no moment is believed before 1980 and from 2100 on: only break-glass keys let anybody in")
                .fix("set the clock; look after its battery and its time servers"),
        );
        return;
    }
    // A container's clock is that of the host around it, which has a doctor of its own.
    if Path::new("/run/systemd/container").exists() {
        return;
    }
    let systemd = command::stdout_of(TIMEDATECTL, &["show", "-p", "NTPSynchronized", "--value"], LIMIT);
    let synchronised = match (systemd, command::stdout_of(CHRONYC, &["-n", "tracking"], LIMIT)) {
        (_, Ok(text)) if text.contains("Leap status") => Some(!text.contains("Not synchronised")),
        (Ok(text), _) if text.trim() == "yes" => Some(true),
        (Ok(text), _) if text.trim() == "no" => Some(false),
        _ => None,
    };
    match synchronised {
        Some(true) => {}
        Some(false) => findings.add(
            Finding::warning("clock-not-synchronised", "the clock is not kept right by a time server")
                .why("persons, keys and the policy end by date: too late, or too early")
                .fix("'timedatectl set-ntp true', or install chrony"),
        ),
        None => findings.not_known(
            "clock-synchronised",
            "whether a time server keeps the clock right",
            "neither timedatectl nor chronyc says so",
        ),
    }
}
