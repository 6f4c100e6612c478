//! tom's lines for PAM: the profile, and the auth line of the services that ask for a token.

use crate::change::configuration::{ConfigurationError, failed};
use crate::change::file;
use crate::output;
use crate::process;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tom_host::active_policy::Turn;

/// The stacks of services.
pub(crate) const DIRECTORY: &str = "/etc/pam.d";
/// What pam-auth-update remembers.
pub(crate) const PROFILE_STATE: &str = "/var/lib/pam";
const PROFILES: &str = "/usr/share/pam-configs";
const TOOL: &str = "/usr/sbin/pam-auth-update";
const MODULE: &str = "pam_tom.so";

/// The profile that refuses, and the one that only looks on.
const ENFORCING: Profile = Profile { name: "tom", text: include_str!("../../../packaging/pam/tom") };
const OBSERVING: Profile = Profile { name: "tom-observe", text: include_str!("../../../packaging/pam/tom-observe") };

/// The line of login, su and sudo. su-l includes su.
const AUTH_LINE: &str = include_str!("../../../packaging/pam/auth-line");
/// The line of sudo, which does not ask auth where sudoers says NOPASSWD: without it a module that is gone would open that
/// way.
const ACCOUNT_LINE: &str = include_str!("../../../packaging/pam/account-line");
/// Lines of single services: phase, line, and where they stand.
const SERVICE_LINES: [(&str, &str, &[&str]); 2] =
    [("auth", AUTH_LINE, &["login", "su", "sudo", "sudo-i"]), ("account", ACCOUNT_LINE, &["sudo", "sudo-i"])];

/// Where the profile's lines belong.
const STACKS: [(&str, &str); 3] =
    [("common-account", "account"), ("common-session", "session"), ("common-session-noninteractive", "session")];

struct Profile {
    name: &'static str,
    text: &'static str,
}

impl Profile {
    /// The profile's line of a phase, as pam-auth-update writes it.
    fn line(&self, phase: &str) -> String {
        let heading = |line: &&str| line.trim_end_matches(':').eq_ignore_ascii_case(phase) && line.ends_with(':');
        let line = self.text.lines().skip_while(|line| !heading(line)).nth(1).unwrap_or_default();
        format!("{phase}\t{}", line.trim())
    }
}

/// The account and session lines of the profile, then those of single services.
pub(crate) fn put_in_enforcing(turn: &Turn) -> Result<(), ConfigurationError> {
    put_in_profile(&ENFORCING, &OBSERVING, turn)?;
    for (phase, line, services) in SERVICE_LINES {
        for service in services {
            let path = place_of(service)?;
            let Some(text) = text_of(&path)? else { continue };
            if names_module(&text, Some(phase)) {
                continue;
            }
            let Some(new) = with_line(&text, phase, line) else {
                return Err(ConfigurationError::NoPlace {
                    path,
                    phase,
                    line: line.split_whitespace().collect::<Vec<_>>().join(" "),
                });
            };
            file::replace(&path, new.as_bytes()).map_err(failed(&path, "written"))?;
        }
    }
    Ok(())
}

/// The observing profile alone; an enforcing one is taken out.
pub(crate) fn put_in_observing(turn: &Turn) -> Result<(), ConfigurationError> {
    take_out_service_lines()?;
    put_in_profile(&OBSERVING, &ENFORCING, turn)
}

/// All lines: those of single services first, since they stop a service whose module is gone.
pub(crate) fn take_out(turn: Option<&Turn>) -> Result<(), ConfigurationError> {
    take_out_service_lines()?;
    for profile in [&ENFORCING, &OBSERVING] {
        disable_profile(profile, turn)?;
    }
    // What was written by hand, or stayed since pam-auth-update does not touch a file that was edited.
    for path in stacks() {
        without_module(&path, None)?;
    }
    Ok(())
}

/// All files of services and of what they include.
fn stacks() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(DIRECTORY).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
}

/// The directory of PAM's modules.
pub(crate) fn modules() -> String {
    format!("/usr/lib/{}-linux-gnu/security", std::env::consts::ARCH)
}

/// Is any line of PAM's decided by tom? One that observes decides nothing.
pub(crate) fn any_enforcing() -> bool {
    stacks().iter().any(|path| text_of(path).ok().flatten().is_some_and(|text| names_module(&text, None)))
}

fn put_in_profile(wanted: &Profile, other: &Profile, turn: &Turn) -> Result<(), ConfigurationError> {
    if STACKS.iter().all(|(stack, phase)| holds_line(stack, phase, wanted)) && !holds_any(other) {
        return Ok(());
    }
    disable_profile(other, Some(turn))?;
    if tool_knows(wanted) {
        pam_auth_update(&["--enable", wanted.name], Some(turn))?;
    }
    for (stack, phase) in STACKS {
        let path = place_of(stack)?;
        without_module(&path, Some(&other.line(phase)))?;
        let Some(text) = text_of(&path)? else { continue };
        if has_line(&text, &wanted.line(phase)) {
            continue;
        }
        // At the end every way through the lines above has arrived that did not end the matter by itself.
        output::message(&format!(
            "{}: pam-auth-update does not write it (it was edited, a stack is a link, or the tool is missing): the line goes to its end",
            path.display()
        ));
        let mut new = text;
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new.push_str(&wanted.line(phase));
        new.push('\n');
        file::replace(&path, new.as_bytes()).map_err(failed(&path, "written"))?;
    }
    Ok(())
}

fn disable_profile(profile: &Profile, turn: Option<&Turn>) -> Result<(), ConfigurationError> {
    if !holds_any(profile) {
        return Ok(());
    }
    if tool_knows(profile) {
        pam_auth_update(&["--disable", profile.name], turn)?;
    }
    for (stack, phase) in STACKS {
        without_module(&place_of(stack)?, Some(&profile.line(phase)))?;
    }
    Ok(())
}

fn holds_any(profile: &Profile) -> bool {
    STACKS.iter().any(|(stack, phase)| holds_line(stack, phase, profile))
}

fn holds_line(stack: &str, phase: &str, profile: &Profile) -> bool {
    let text = place_of(stack).and_then(|path| text_of(&path)).ok().flatten();
    text.is_some_and(|text| has_line(&text, &profile.line(phase)))
}

/// May pam-auth-update write this profile? It would put regular files in the place of links, and writes all stacks.
fn tool_knows(profile: &Profile) -> bool {
    let stacks =
        ["common-account", "common-auth", "common-password", "common-session", "common-session-noninteractive"];
    process::is_there(TOOL)
        && Path::new(PROFILES).join(profile.name).is_file()
        && !stacks.iter().any(|stack| Path::new(DIRECTORY).join(stack).is_symlink())
}

/// It ends with 0 also where it did nothing, so what it wrote is looked at afterwards. It has our turn as its standard
/// input, which it does not read: where we are killed it goes on, and nobody undoes under its hands what it still does.
fn pam_auth_update(arguments: &[&str], turn: Option<&Turn>) -> Result<(), ConfigurationError> {
    let failed =
        |said: String| ConfigurationError::Command { command: format!("{TOOL} {}", arguments.join(" ")), said };
    let mut command = process::command(TOOL);
    command.args(arguments);
    if let Some(turn) = turn {
        command.stdin(turn.to_hand_on().map_err(|error| failed(error.to_string()))?);
    }
    let ran = process::finish(command, Duration::from_secs(60)).map_err(|error| failed(error.to_string()))?;
    if ran.success() { Ok(()) } else { Err(failed(ran.said())) }
}

fn take_out_service_lines() -> Result<(), ConfigurationError> {
    for path in stacks() {
        for (_, line, _) in SERVICE_LINES {
            without_module(&path, Some(line.trim()))?;
        }
    }
    Ok(())
}

/// Takes the lines with tom's module out of a file: this one, or all.
fn without_module(path: &Path, line: Option<&str>) -> Result<(), ConfigurationError> {
    let Some(text) = text_of(path)? else { return Ok(()) };
    let is_ours =
        |candidate: &str| line.map_or_else(|| names_any_module(candidate), |line| same_words(candidate, line));
    let kept = without(&text, is_ours);
    if kept == text {
        return Ok(());
    }
    file::replace(path, kept.as_bytes()).map_err(failed(path, "written"))
}

/// A stack without some lines. Where a jump of a line above counts one of them (`[success=2 …]`, written by an operator),
/// one that does nothing takes its place: else the jump would leave out the module behind it.
fn without(text: &str, is_ours: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    // By type: how many lines there were, and how far the jumps reach.
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for entry in entries(text) {
        let line = entry.replace("\\\n", " ");
        let active = line.split('#').next().unwrap_or_default();
        let kind = active.split_whitespace().next().unwrap_or_default().trim_start_matches('-').to_ascii_lowercase();
        let (seen, reach) = counts.entry(kind.clone()).or_default();
        if !is_ours(&line) {
            kept.push_str(&entry);
        } else if *seen < *reach {
            kept.push_str(&format!("{kind}\t[default=ignore]\tpam_permit.so\n"));
        }
        *seen = seen.saturating_add(1);
        *reach = (*reach).max(seen.saturating_add(farthest_jump(active)));
    }
    kept
}

/// A stack's entries: a line that ends with a backslash goes on in the next (pam.conf(5)).
fn entries(text: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut entry = String::new();
    for line in text.split_inclusive('\n') {
        entry.push_str(line);
        if !line.ends_with("\\\n") {
            entries.push(std::mem::take(&mut entry));
        }
    }
    entries.push(entry);
    entries
}

/// The largest number in a control (pam.conf(5)): so many lines of its type may be left out.
fn farthest_jump(line: &str) -> usize {
    let control = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(control, _)| control);
    control.split_whitespace().filter_map(|pair| pair.split_once('=')?.1.parse().ok()).max().unwrap_or(0)
}

/// Where a service's file is: a link to another file of the directory leads there. A link out of it leads to what tom
/// cannot bring back.
fn place_of(service: &str) -> Result<PathBuf, ConfigurationError> {
    let path = Path::new(DIRECTORY).join(service);
    if !path.is_symlink() {
        return Ok(path);
    }
    let to = path.canonicalize().map_err(failed(&path, "followed"))?;
    let directory = Path::new(DIRECTORY).canonicalize().map_err(failed(Path::new(DIRECTORY), "followed"))?;
    if to.parent() == Some(&directory) { Ok(to) } else { Err(ConfigurationError::Link { path, to }) }
}

/// A stack as text; what is no regular file, or no text, is none of those that tom writes. A link leads to a file that
/// has a name of its own here, or to one that tom never writes.
fn text_of(path: &Path) -> Result<Option<String>, ConfigurationError> {
    if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Ok(None);
    }
    let read = file::read(path).map_err(failed(path, "read"))?;
    Ok(read.and_then(|(bytes, _)| String::from_utf8(bytes).ok()))
}

/// A stack with the line, before the one that includes the common lines of that phase.
fn with_line(text: &str, phase: &str, wanted: &str) -> Option<String> {
    let mut new = String::with_capacity(text.len().saturating_add(wanted.len()));
    let mut done = false;
    for line in text.split_inclusive('\n') {
        if !done && includes_common(line, phase) {
            new.push_str(wanted.trim());
            new.push('\n');
            done = true;
        }
        new.push_str(line);
    }
    done.then_some(new)
}

fn includes_common(line: &str, phase: &str) -> bool {
    let common = format!("common-{phase}");
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["@include", file, ..] => *file == common,
        [kind, control, file, ..] => {
            *file == common
                && kind.trim_start_matches('-').eq_ignore_ascii_case(phase)
                && ["include", "substack"].contains(control)
        }
        _ => false,
    }
}

/// A line that asks tom in earnest: of this phase, or any.
fn names_module(text: &str, phase: Option<&str>) -> bool {
    text.lines().any(|line| {
        let active = line.split('#').next().unwrap_or_default();
        let first = active.split_whitespace().next().unwrap_or_default().trim_start_matches('-');
        names_any_module(active)
            && phase.is_none_or(|phase| first.eq_ignore_ascii_case(phase))
            && !active.split_whitespace().any(|word| word == "observe")
    })
}

/// A line that names the module at all; a comment does not.
fn names_any_module(line: &str) -> bool {
    let active = line.split('#').next().unwrap_or_default();
    active.split_whitespace().any(|word| word == MODULE || word.ends_with("/pam_tom.so"))
}

fn has_line(text: &str, wanted: &str) -> bool {
    text.lines().any(|line| same_words(line, wanted))
}

/// pam-auth-update puts spaces and tabs as it likes.
fn same_words(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

#[cfg(test)]
mod tests {
    use super::{AUTH_LINE, ENFORCING, OBSERVING, has_line, names_any_module, names_module, with_line, without};

    #[test]
    fn the_lines_of_the_profiles() {
        for phase in ["account", "session"] {
            let line = ENFORCING.line(phase);
            assert!(line.starts_with(phase) && line.ends_with("pam_tom.so"), "{line}");
            assert!(line.contains("module_unknown=ignore default=bad"), "{line}");
            let line = OBSERVING.line(phase);
            assert_eq!(line, format!("{phase}\t[default=ignore]\tpam_tom.so observe"));
        }
    }

    #[test]
    fn before_the_include_and_once() {
        let text = "auth sufficient pam_rootok.so\n@include common-auth\n@include common-account\n";
        let new = with_line(text, "auth", AUTH_LINE).unwrap();
        assert_eq!(
            new,
            format!(
                "auth sufficient pam_rootok.so\n{}\n@include common-auth\n@include common-account\n",
                AUTH_LINE.trim()
            )
        );
        assert!(
            with_line("auth\tsubstack\tcommon-auth\n", "auth", AUTH_LINE).unwrap().starts_with("auth\t[success=done")
        );
        assert_eq!(with_line("# @include common-auth\nauth required pam_unix.so\n", "auth", AUTH_LINE), None);
    }

    /// Found by whoever built the package: with the line simply gone, the jump would leave out pam_deny.
    #[test]
    fn a_jump_that_counts_a_line_still_does() {
        let text = "account [success=2 default=ignore] pam_a.so\naccount required pam_tom.so\nsession required pam_b.so\n\
                    account required pam_deny.so\naccount required pam_tom.so\naccount required pam_c.so\n";
        let expected = "account [success=2 default=ignore] pam_a.so\naccount\t[default=ignore]\tpam_permit.so\n\
                        session required pam_b.so\naccount required pam_deny.so\naccount required pam_c.so\n";
        assert_eq!(without(text, names_any_module), expected);
        assert_eq!(without("auth required pam_tom.so\n", names_any_module), "");
        let over_two = "auth required pam_a.so\nauth required \\\n  /usr/lib/pam_tom.so\nauth required \\\n pam_b.so";
        assert_eq!(without(over_two, names_any_module), "auth required pam_a.so\nauth required \\\n pam_b.so");
    }

    #[test]
    fn what_names_the_module() {
        assert!(names_module("account [default=bad] pam_tom.so\n", Some("account")));
        assert!(names_module("-auth required /usr/lib/security/pam_tom.so x\n", Some("auth")));
        assert!(!names_module("account [default=ignore] pam_tom.so observe\n", None));
        assert!(!names_module("# account required pam_tom.so\n", None));
        assert!(names_module("account required pam_tom.so # no longer: pam_tom.so observe\n", None));
        assert!(names_any_module("account [default=ignore] pam_tom.so observe"));
        assert!(!names_any_module("account required pam_tommy.so # pam_tom.so"));
        assert!(has_line("account \t [default=ignore]  pam_tom.so observe \n", &OBSERVING.line("account")));
    }
}
