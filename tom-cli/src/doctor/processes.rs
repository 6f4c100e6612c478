//! What runs on the host, and where it listens: from /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// As the kernel knows it: at most 15 bytes.
    pub(super) name: String,
    pub(super) exe: PathBuf,
    pub(super) command_line: Vec<String>,
}

/// All processes of this host that have a program (kernel threads have none): those of containers have accounts of
/// their own. Those that end meanwhile are left out.
pub(super) fn all() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    let ours = fs::read_link("/proc/self/ns/pid")?;
    for entry in fs::read_dir("/proc")? {
        let directory = entry?.path();
        let Some(pid) = directory.file_name().and_then(|name| name.to_str()?.parse().ok()) else { continue };
        let Ok(exe) = fs::read_link(directory.join("exe")) else { continue };
        if fs::read_link(directory.join("ns/pid")).is_ok_and(|theirs| theirs != ours) {
            continue;
        }
        let name = fs::read_to_string(directory.join("comm")).unwrap_or_default().trim_end().to_owned();
        let bytes = fs::read(directory.join("cmdline")).unwrap_or_default();
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let command_line = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        // An upgraded program runs on from a file that is gone.
        let exe = exe.to_string_lossy().trim_end_matches(" (deleted)").into();
        processes.push(Process { pid, name, exe, command_line });
    }
    processes.sort_by_key(|process| process.pid);
    Ok(processes)
}

/// The TCP ports on which a process listens.
pub(super) fn ports_of(pid: u32) -> BTreeSet<u16> {
    let mut listening: BTreeMap<String, u16> = BTreeMap::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        listening.extend(text.lines().filter_map(listener));
    }
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets
        .filter_map(|target| {
            let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            listening.get(inode).copied()
        })
        .collect()
}

/// Inode and port of a socket that listens (state 0A), from a line of /proc/net/tcp.
fn listener(line: &str) -> Option<(String, u16)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != "0A" {
        return None;
    }
    let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    Some(((*inode).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::listener;

    #[test]
    fn only_sockets_that_listen() {
        let line = "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 23456 1 0 100 0 0 10 0";
        assert_eq!(listener(line), Some(("23456".to_owned(), 22)));
        assert_eq!(listener(&line.replace(" 0A ", " 01 ")), None);
        assert_eq!(listener("  sl  local_address rem_address   st"), None);
    }
}
