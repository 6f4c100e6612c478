//! A real login before anything is changed: the host's own sshd, PAM and shell, with the configuration and the policy
//! as they would be, in mount and network namespaces that end with it.
//!
//! The key that logs in is made for it, and belongs to a machine that is added to the policy inside the namespaces
//! alone: the real active policy never contains it.

mod inside;
mod leftover;
mod login;

use crate::arguments::RehearsedPolicy;
use crate::change::configuration::Mode;
use crate::exit::Failure;
use crate::output;
use crate::process;
use clap::ValueEnum;
use std::fmt::Write as _;
use std::time::Duration;

pub(crate) use inside::run;
pub(crate) use login::ask_the_hook;

/// The machine of a rehearsal, by a name that no policy can give.
pub(crate) const MACHINE: &str = "(rehearsal)";

const UNSHARE: &str = "/usr/bin/unshare";
const LONGEST: Duration = Duration::from_secs(300);

/// What a rehearsal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rehearsed {
    /// Files that would be new, changed or gone: sign and path.
    pub(crate) changes: Vec<(char, String)>,
    /// What worked, for people.
    pub(crate) passed: Vec<String>,
}

/// Rehearses the policy whose text has this digest.
///
/// # Errors
/// It cannot be rehearsed here (3), or it did not go well (1): each with its reasons.
pub(crate) fn rehearse(mode: Mode, policy: RehearsedPolicy, source: &[u8]) -> Result<Rehearsed, Failure> {
    let outside = std::fs::read_link("/proc/self/ns/mnt").map_err(|error| not_possible(&error.to_string()))?;
    let name = policy.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let mut command = process::command(UNSHARE);
    // This very program, also while its file is being replaced.
    let itself = format!("/proc/{}/exe", std::process::id());
    command.args(["--mount", "--net", "--propagation", "private", "--", &itself, "rehearse"]);
    command.arg("--outside").arg(outside).args([
        "--digest",
        &digest_of(source),
        "--policy",
        &name,
        "--mode",
        mode.name(),
    ]);
    let ran = process::finish(command, LONGEST).map_err(|error| not_possible(&error.to_string()))?;
    let mut rehearsed = Rehearsed::default();
    let mut findings = Vec::new();
    for line in ran.stdout.lines() {
        match line.split_once(' ') {
            Some(("change", rest)) => {
                let mut characters = rest.chars();
                if let Some(sign) = characters.next() {
                    rehearsed.changes.push((sign, characters.as_str().trim_start().to_owned()));
                }
            }
            Some(("passed", rest)) => rehearsed.passed.push(rest.to_owned()),
            Some(("finding", rest)) => findings.push(rest.to_owned()),
            _ => {}
        }
    }
    for line in ran.stderr.lines().filter(|line| line.contains("warning: sshd ")) {
        output::message(line.trim_start_matches("tom: "));
    }
    match ran.status.code() {
        Some(0) => Ok(rehearsed),
        Some(1) if !findings.is_empty() => Err(Failure::findings(findings)),
        // What went well before is no reason.
        _ => {
            let began = ran.stderr.lines().any(|line| line.starts_with("tom: "));
            let said = process::Ran { stdout: String::new(), ..ran }.said();
            Err(if began { failed(&said) } else { not_possible(&said) })
        }
    }
}

/// There are no namespaces to rehearse in.
fn not_possible(why: &str) -> Failure {
    failed(&format!("{why} (it takes mount and network namespaces: 'unshare --mount --net true' tells)"))
}

fn failed(why: &str) -> Failure {
    Failure::not_checked(format!(
        "the change could not be rehearsed: {}; nothing was changed (--allow-lockout goes on without)",
        why.trim_start_matches("tom: ")
    ))
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest_of(source: &[u8]) -> String {
    let mut text = String::new();
    for byte in libtom::host_policy::stored::digest(source) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
