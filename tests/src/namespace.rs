//! The namespaces of one bench, and programs started in them.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::release::{Release, roots_dir};

const SCRIPT: &str = include_str!("namespace.sh");
const MACHINE_SCRIPT: &str = include_str!("machine.sh");
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A Debian in namespaces of its own. Dropping it kills all that runs there.
pub(crate) struct Namespace {
    holder: Child,
    first_pid: u32,
}

impl Namespace {
    /// A fresh one. Its first process reads our end of a pipe, so that the kernel ends it when we
    /// end, also by SIGKILL. (PR_SET_PDEATHSIG would end it with the *thread* that started it.)
    pub(crate) fn enter(release: Release, host_name: &str) -> Self {
        let root = release.root().unwrap_or_else(|reason| panic!("{reason}"));
        let stage = roots_dir().join("stage");
        std::fs::create_dir_all(&stage).expect("target/roots/stage");
        let namespaces = ["--mount", "--net", "--pid", "--uts", "--ipc"];
        Self::held(&namespaces, SCRIPT, &[root.as_os_str(), stage.as_os_str(), host_name.as_ref()])
    }

    /// The files of a machine that is off; it is entered with [`Self::retarget`].
    pub(crate) fn of_machine(release: Release) -> Self {
        let root = release.machine_root().unwrap_or_else(|reason| panic!("{reason}"));
        let stage = roots_dir().join("stage");
        std::fs::create_dir_all(&stage).expect("target/roots/stage");
        let stage = stage.canonicalize().expect("target/roots/stage");
        Self::held(&["--mount", "--pid"], MACHINE_SCRIPT, &[root.as_os_str(), stage.as_os_str()])
    }

    fn held(namespaces: &[&str], script: &str, arguments: &[&OsStr]) -> Self {
        let mut holder = Command::new("unshare")
            .args(namespaces)
            .args(["--fork", "--kill-child", "--propagation", "private", "--", "/bin/sh", "-c", script, "namespace.sh"])
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("unshare starts");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the namespace answers");
        let first_pid = line.trim().parse().unwrap_or_else(|_| {
            panic!("namespace.sh failed; its messages are above");
        });
        Self { holder, first_pid }
    }

    /// Enters the namespaces of another first process from now on.
    pub(crate) fn retarget(&mut self, first_pid: u32) {
        self.first_pid = first_pid;
    }

    /// A command in the mount and PID namespaces of the holder of a machine's files.
    pub(crate) fn holder_command(&self, holder: u32, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={holder}")).args(["--mount", "--pid", "--", program]);
        command.env_clear().env("PATH", PATH);
        command
    }

    /// The first process of the bench, as the machine sees it.
    pub(crate) fn first_pid(&self) -> u32 {
        self.first_pid
    }

    /// The file at `path` of the bench, for std::fs.
    ///
    /// An absolute symbolic link on the way would lead to the *machine's* files: name real paths
    /// (/run, not /var/run).
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        let inside = path.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.first_pid)).join(inside)
    }

    /// A command in the namespaces, as root, with a plain environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        // --root: where the tests run in a chroot, the namespace's own root is the machine's.
        let mut command = self.nsenter(&["--mount", "--net", "--pid", "--uts", "--ipc", "--root", "--wd"]);
        command.arg(program);
        command
    }

    /// The machine's own `ip` in the bench's network: a root needs none.
    pub(crate) fn ip(&self, arguments: &[&str]) {
        let output = self.nsenter(&["--net"]).arg("ip").args(arguments).output().expect("ip");
        let said = String::from_utf8_lossy(&output.stderr);
        let there_already = said.contains("File exists") || said.contains("already assigned");
        assert!(output.status.success() || there_already, "ip {arguments:?}: {said}");
    }

    fn nsenter(&self, namespaces: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.first_pid))
            .args(namespaces)
            .arg("--")
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }
}

impl Namespace {
    /// Ends everything in it, and waits for that.
    pub(crate) fn end(&mut self) {
        drop(self.holder.stdin.take());
        // Nothing to do about a failure here; the panic of a failed test may be under way.
        let _ = self.holder.wait();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.end();
    }
}
