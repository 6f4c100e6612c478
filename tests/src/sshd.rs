//! The distribution's sshd, running in a bench.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::namespace::Namespace;

const LOG: &str = "/run/bench/sshd.log";

/// A running sshd and its log.
pub(crate) struct Sshd {
    child: Child,
    log: PathBuf,
    proc: PathBuf,
    pid: u32,
}

impl Sshd {
    /// Starts sshd on port 22 of the bench's network, with the host's own configuration.
    pub(crate) fn start(namespace: &Namespace) -> Self {
        let log = namespace.path(LOG);
        let from = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let pid_file = namespace.path("/run/sshd.pid");
        let _ = fs::remove_file(&pid_file);
        let mut child = namespace
            .command("/usr/sbin/sshd")
            .args(["-D", "-E", LOG])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("nsenter starts");
        let deadline = Instant::now() + Duration::from_secs(10);
        // sshd writes its PID when it listens on every address.
        let pid = loop {
            let written = fs::read_to_string(&pid_file).unwrap_or_default();
            if let Some(pid) = written.strip_suffix('\n') {
                break pid.parse().expect("a PID");
            }
            let ended = child.try_wait().expect("a child of ours");
            let log = read_from(&log, from);
            assert!(ended.is_none(), "sshd ended, {ended:?}: {log}");
            assert!(Instant::now() < deadline, "sshd does not listen: {log}");
            thread::sleep(Duration::from_millis(1));
        };
        Self { child, log, proc: namespace.path("/proc"), pid }
    }

    /// Where the log ends now: a mark for [`Sshd::log_since`].
    pub(crate) fn mark(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    /// The log since that mark.
    pub(crate) fn log_since(&self, mark: u64) -> Vec<String> {
        read_from(&self.log, mark).lines().map(str::to_owned).collect()
    }

    /// How many connections sshd serves now (each has a child of the listener).
    pub(crate) fn connections(&self) -> usize {
        let Ok(processes) = fs::read_dir(&self.proc) else { return 0 };
        processes
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
            .filter(|stat| {
                // pid (name) state ppid …; the name may hold anything, also parentheses.
                let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
                let mut fields = after_name.split(' ');
                fields.next() != Some("Z") && fields.next() == Some(&self.pid.to_string())
            })
            .count()
    }

    /// Waits until sshd serves no more than `count` connections, so that its log is complete.
    pub(crate) fn wait_for_connections(&self, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.connections() > count && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The PID inside the bench.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for its end, which the caller has seen to.
    pub(crate) fn wait(&mut self) {
        let _ = self.child.wait();
    }
}

fn read_from(log: &PathBuf, mark: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let mark = usize::try_from(mark).unwrap_or(usize::MAX).min(bytes.len());
    String::from_utf8_lossy(&bytes[mark..]).into_owned()
}
