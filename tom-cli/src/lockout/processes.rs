//! Processes of this host, from /proc: who is above this one, and which belong to sshd. As root; for another user
//! most of them have no environment to read.

use std::fs::{self, File};
use std::io::Read;

/// Environments are bounded by the kernel's own limit for arguments; a longer one is cut.
const LONGEST: u64 = 4 << 20;
/// No process is deeper; a pid that is used again during the walk could make a circle.
const DEEPEST: usize = 128;

/// A process, as /proc/PID/stat tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// The name, which the process chooses itself.
    pub(crate) name: String,
}

impl Process {
    /// The process with this number.
    pub(crate) fn read(pid: u32) -> Option<Self> {
        parse_stat(&String::from_utf8_lossy(&bytes_of(pid, "stat")?))
    }

    /// What it was started with, as `NAME=value`.
    pub(crate) fn environment(&self) -> Environment {
        Environment(bytes_of(self.pid, "environ").unwrap_or_default())
    }

    /// Whose it is.
    pub(crate) fn real_uid(&self) -> Option<u32> {
        let status = bytes_of(self.pid, "status")?;
        let status = String::from_utf8_lossy(&status);
        let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    /// Is its program sshd? The name could be anybody's, the program is the kernel's word.
    pub(crate) fn runs_sshd(&self) -> bool {
        let Ok(program) = fs::read_link(format!("/proc/{}/exe", self.pid)) else { return false };
        let program = program.to_string_lossy();
        // Replaced by an upgrade it goes on running.
        let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
        matches!(program.rsplit('/').next(), Some("sshd" | "sshd-session"))
    }

    /// Is it in this process's own process namespace? Others are containers, with logins of their own.
    pub(crate) fn is_of_this_host(&self) -> bool {
        let namespace = |of: &str| fs::read_link(format!("/proc/{of}/ns/pid")).ok();
        let own = namespace("self");
        own.is_some() && own == namespace(&self.pid.to_string())
    }
}

/// All processes.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| Process::read(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// This process and those above it, nearest first.
pub(crate) fn self_and_ancestors() -> Vec<Process> {
    let mut line = Vec::new();
    let mut next = std::process::id();
    while let Some(process) = Process::read(next).filter(|_| line.len() < DEEPEST) {
        next = process.parent;
        line.push(process);
    }
    line
}

fn bytes_of(pid: u32, file: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/{file}")).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// `pid (name) state parent …`; the name may hold anything, also parentheses.
fn parse_stat(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let parent = rest.split(' ').nth(1)?;
    Some(Process { pid: pid.parse().ok()?, parent: parent.parse().ok()?, name: name.to_owned() })
}

/// What a process was started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment(Vec<u8>);

impl Environment {
    /// The value of a variable that is set, is text, and is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut variables = self.0.split(|byte| *byte == 0);
        let value = variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }

    /// The client's address, as sshd says it: the first word of SSH_CONNECTION.
    pub(crate) fn client(&self) -> Option<&str> {
        self.get("SSH_CONNECTION")?.split(' ').next()
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[&str]) -> Self {
        Self(variables.join("\0").into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        for (stat, expected) in [
            ("7 (sshd) S 1 7 7 0", Some((7, 1, "sshd"))),
            ("7 (a) S 9 (b) R 2 7", Some((7, 2, "a) S 9 (b"))),
            ("7 (\n) S 1 7", Some((7, 1, "\n"))),
            ("7 () S 1", Some((7, 1, ""))),
            ("7 sshd S 1", None),
            ("7 (sshd) S", None),
            ("x (sshd) S 1", None),
            ("", None),
        ] {
            let read = parse_stat(stat);
            assert_eq!(read.as_ref().map(|p| (p.pid, p.parent, p.name.as_str())), expected, "{stat}");
        }
    }

    #[test]
    fn variables_are_found_by_their_whole_name() {
        let environment =
            Environment::of(&["MY_TOM_PERSON=x", "TOM_PERSON_=y", "EMPTY=", "TOM_PERSON=anna", "TOM_PERSON=bert"]);
        assert_eq!(environment.get("TOM_PERSON"), Some("anna"));
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.get("TOM"), None);
        assert_eq!(Environment::of(&["SSH_CONNECTION=192.0.2.1 4 198.51.100.1 22"]).client(), Some("192.0.2.1"));
        assert_eq!(Environment::of(&["SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535"]).client(), Some("UNKNOWN"));
    }

    #[test]
    fn this_process_and_what_started_it() {
        let line = self_and_ancestors();
        assert_eq!(line[0].pid, std::process::id());
        assert_eq!(line[1].pid, line[0].parent);
        assert!(line[0].is_of_this_host());
        assert!(!line[0].runs_sshd());
        assert_eq!(line[0].real_uid(), Some(tom_host::accounts::real_uid()));
        assert!(all().contains(&line[0]));
    }
}
