//! Ending a session: the process that opened it and what descends from it, each held by a descriptor of the
//! process itself, so that a number which is used again meanwhile is never signalled.

use super::process::{Status, all};
use super::{Process, Session, SessionsError, failed, forget};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What is sent in turn, and how long each may take. A shell at a terminal passes over the first.
const SIGNALS: [(Signal, Duration); 3] = [
    (Signal::TERM, Duration::from_secs(2)),
    (Signal::KILL, Duration::from_secs(1)),
    (Signal::KILL, Duration::from_secs(1)),
];
const PAUSE: Duration = Duration::from_millis(10);

/// What became of a session that was to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How many processes were ended.
    pub processes: usize,
    /// Those that still run.
    pub left: Vec<Process>,
}

/// A process, held so that its number cannot come to mean another.
struct Held {
    process: Process,
    descriptor: OwnedFd,
}

/// Ends a session: its process and all that descend from it, but for what descends from the process of one
/// of `others`, which is somebody else's, and the calling process. Processes that have detached themselves (a daemon, tmux)
/// descend from it no longer, and go on.
///
/// # Errors
/// The processes cannot be read or signalled.
pub fn end(session: &Session, others: &[Session]) -> Result<Ended, SessionsError> {
    let this = Process::this()?;
    let mut spared: BTreeSet<Process> = others.iter().map(|other| other.process).collect();
    spared.insert(this);
    spared.remove(&session.process);
    let mut held: Vec<Held> = Vec::new();
    for (signal, patience) in SIGNALS {
        let mut roots: BTreeSet<Process> = held.iter().map(|held| held.process).collect();
        roots.insert(session.process);
        for process in family(&all()?, &roots, &spared) {
            if process != this && held.iter().all(|held| held.process != process) {
                held.extend(hold(process)?);
            }
        }
        for held in running(&held) {
            match pidfd_send_signal(&held.descriptor, signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(failed(format!("/proc/{}", held.process.pid), "signalled")(errno)),
            }
        }
        let deadline = Instant::now().checked_add(patience);
        while running(&held).next().is_some() && deadline.is_some_and(|deadline| Instant::now() < deadline) {
            sleep(PAUSE);
        }
    }
    let left: Vec<Process> = running(&held).map(|held| held.process).collect();
    if !session.process.is_running() {
        forget(&session.process);
    }
    Ok(Ended { processes: held.len().saturating_sub(left.len()), left })
}

fn running(held: &[Held]) -> impl Iterator<Item = &Held> {
    held.iter().filter(|held| held.process.is_running())
}

/// Holds a process; nothing where it is over. Asked for its start only when it is held: before, the number
/// could have passed on.
fn hold(process: Process) -> Result<Option<Held>, SessionsError> {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(descriptor) => Ok(process.is_running().then_some(Held { process, descriptor })),
        Err(Errno::SRCH) => Ok(None),
        Err(errno) => Err(failed(format!("/proc/{}", process.pid), "held")(errno)),
    }
}

/// The roots that run, and all that descend from them, but for those spared and what descends from these.
fn family(all: &[Status], roots: &BTreeSet<Process>, spared: &BTreeSet<Process>) -> BTreeSet<Process> {
    let by_number: BTreeMap<u32, Process> = all.iter().map(|status| (status.process.pid, status.process)).collect();
    let mut family: BTreeSet<Process> =
        all.iter().map(|status| status.process).filter(|process| roots.contains(process)).collect();
    loop {
        let before = family.len();
        for status in all {
            // A parent is older than its child: a younger process has only got its number.
            let parent = by_number.get(&status.parent).filter(|parent| parent.started <= status.process.started);
            if parent.is_some_and(|parent| family.contains(parent)) && !spared.contains(&status.process) {
                family.insert(status.process);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Process, Status, family};
    use std::collections::BTreeSet;

    fn process(pid: u32, started: u64) -> Process {
        Process { pid, started }
    }

    #[test]
    fn a_family_ends_where_anothers_session_begins() {
        let tree =
            [(1, 0, 0), (100, 10, 1), (101, 11, 100), (102, 12, 101), (200, 13, 101), (201, 14, 200), (300, 15, 1)];
        let all: Vec<Status> = tree
            .iter()
            .map(|(pid, started, parent)| Status { process: process(*pid, *started), parent: *parent, is_over: false })
            .collect();
        let of = |roots: &[Process], spared: &[Process]| -> Vec<u32> {
            let (roots, spared) = (roots.iter().copied().collect(), spared.iter().copied().collect());
            family(&all, &roots, &spared).iter().map(|process| process.pid).collect()
        };
        assert_eq!(of(&[process(100, 10)], &[]), [100, 101, 102, 200, 201]);
        assert_eq!(of(&[process(100, 10)], &[process(200, 13)]), [100, 101, 102]);
        // Its number has passed on to another.
        assert_eq!(of(&[process(100, 9)], &[]), Vec::<u32>::new());
        // An orphan whose parent's number is now a younger process's.
        let mut reused = all.clone();
        reused.push(Status { process: process(400, 5), parent: 100, is_over: false });
        let family = family(&reused, &BTreeSet::from([process(100, 10)]), &BTreeSet::new());
        assert!(!family.contains(&process(400, 5)));
    }
}
