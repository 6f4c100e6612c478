//! A process, meant by its number and its start.

use super::{SessionsError, failed};
use rustix::io::Errno;
use std::fmt;
use std::path::PathBuf;

/// No process has more ancestors: more is /proc changing under our hands.
const MOST_ANCESTORS: usize = 4096;

/// A process. Numbers are used again; number and start together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it was started, in clock ticks since the host was (field 22 of /proc/PID/stat).
    pub started: u64,
}

/// What /proc says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) process: Process,
    pub(super) parent: u32,
    /// It has ended, and its parent has not asked yet.
    pub(super) is_over: bool,
}

impl Process {
    /// The calling process.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn this() -> Result<Self, SessionsError> {
        let path = "/proc/self/stat";
        // Not std::process::id(): what counts is how /proc, which others will ask, calls it.
        status_in(path)?.map(|status| status.process).ok_or_else(|| failed(path, "read")(Errno::NOENT))
    }

    /// Does it still run? One that cannot be asked about does not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(status_of(self.pid), Ok(Some(status)) if status.process == *self && !status.is_over)
    }

    /// The name of its record.
    pub(super) fn file_name(&self) -> String {
        self.to_string()
    }

    /// The process that a record's name means.
    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let (pid, started) = name.split_once('.')?;
        let process = Self { pid: pid.parse().ok()?, started: started.parse().ok()? };
        // One name for one process: no signs, no leading zeros.
        (process.pid > 0 && process.file_name() == name).then_some(process)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.pid, self.started)
    }
}

/// The calling process, its parent, the parent's parent, and so on.
///
/// # Errors
/// /proc cannot be read.
pub fn lineage() -> Result<Vec<Process>, SessionsError> {
    let mut lineage = Vec::new();
    let this = Process::this()?;
    let mut next = this.pid;
    let mut born_by = this.started;
    while next != 0 && lineage.len() < MOST_ANCESTORS {
        let Some(status) = status_of(next)? else { break };
        // A parent is older than its child: a younger process has only got its number.
        if status.process.started > born_by {
            break;
        }
        born_by = status.process.started;
        next = status.parent;
        lineage.push(status.process);
    }
    Ok(lineage)
}

/// All processes.
pub(super) fn all() -> Result<Vec<Status>, SessionsError> {
    let unreadable = |source| SessionsError::Io { path: PathBuf::from("/proc"), step: "read", source };
    let mut statuses = Vec::new();
    for entry in std::fs::read_dir("/proc").map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        statuses.extend(status_of(pid)?);
    }
    Ok(statuses)
}

/// What /proc says of a process; nothing where there is none.
pub(super) fn status_of(pid: u32) -> Result<Option<Status>, SessionsError> {
    status_in(&format!("/proc/{pid}/stat"))
}

fn status_in(path: &str) -> Result<Option<Status>, SessionsError> {
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes).map(Some).ok_or_else(|| SessionsError::Damaged { path: path.into() }),
        // It ended before it was opened, or between that and reading.
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::SRCH)) => Ok(None),
        Err(source) => Err(SessionsError::Io { path: path.into(), step: "read", source }),
    }
}

/// `pid (name) state ppid …`; the name may hold anything, also spaces and parentheses.
fn parse(stat: &[u8]) -> Option<Status> {
    let stat = String::from_utf8_lossy(stat);
    let pid = stat.split(' ').next()?.parse().ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    // State is field 3, the parent 4, the start 22.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Status { process: Process { pid, started }, parent, is_over: matches!(state, "Z" | "X" | "x") })
}

#[cfg(test)]
mod tests {
    use super::{Process, all, lineage, parse};

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"4711 (a) R 1 (b) S 42 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2 3\n";
        let status = parse(stat).unwrap();
        assert_eq!((status.process, status.parent), (Process { pid: 4711, started: 987_654 }, 42));
        assert!(!status.is_over);
        assert!(parse(b"4711 (x) Z 42 0\n").is_none());
        assert!(parse(b"").is_none());
    }

    #[test]
    fn this_process_runs_and_no_other_of_its_number_does() {
        let this = Process::this().unwrap();
        assert_eq!(this.pid, std::process::id());
        assert!(this.is_running());
        assert!(!Process { started: this.started + 1, ..this }.is_running());
        let family = lineage().unwrap();
        assert_eq!(family.first(), Some(&this));
        assert_eq!(family.get(1).map(|parent| parent.pid), Some(std::os::unix::process::parent_id()));
        assert!(all().unwrap().iter().any(|status| status.process == this));
    }

    #[test]
    fn a_process_that_is_over_does_not_run() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let status = super::status_of(child.id()).unwrap().unwrap();
        // Ended, and not yet asked about: a zombie.
        while status.process.is_running() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.wait().unwrap();
        assert!(!status.process.is_running());
    }

    #[test]
    fn one_name_for_one_process() {
        let process = Process { pid: 17, started: 4 };
        assert_eq!(Process::of_file_name(&process.file_name()), Some(process));
        for name in ["17", "17.", "17.4.5", "+17.4", "017.4", "17.04", "0.4", "-1.4", " 17.4", "17.4 ", ".17.4", ""] {
            assert_eq!(Process::of_file_name(name), None, "{name:?}");
        }
    }
}
