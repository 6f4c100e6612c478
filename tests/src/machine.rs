//! A whole Debian: booted with systemd, rebooted, its power cut. For units, timers, reloads, and what survives.
//!
//! A container of systemd-nspawn with a network of its own, whose files live until the test ends. Beside the boot it
//! is a [`Host`] as any other.

use std::fs;
use std::ops::Deref;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Output;
use crate::host::Host;
use crate::namespace::Namespace;
use crate::release::{Release, roots_dir};

/// How long a machine may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// A machine that [`crate::Bench::boot`] has started.
pub struct Machine {
    host: Host,
    container: Option<Child>,
    holder: u32,
    root: String,
    name: String,
}

impl Deref for Machine {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Machine {
    /// A machine that is off, with the files of this release.
    pub(crate) fn off(release: Release, host_name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let namespace = Namespace::of_machine(release);
        let name = format!("tom-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let root = roots_dir().canonicalize().expect("target/roots").join("stage/root");
        let holder = namespace.first_pid();
        let host = Host::new(release, namespace, None, None);
        let root = root.to_str().expect("text").to_owned();
        let machine = Self { host, container: None, holder, root, name };
        // A machine that was installed: systemd takes it for no first boot, which would enable units by itself.
        machine.write_file("etc/machine-id", "5fb7a3c0d5b94e0f9d1d0a6c3e2b1a09\n");
        machine.write_file("etc/hostname", &format!("{host_name}\n"));
        machine.write_file("etc/hosts", &format!("127.0.0.1 localhost\n::1 localhost\n192.0.2.1 {host_name}\n"));
        machine.write_file("etc/resolv.conf", "");
        machine
    }

    /// The directory of its files, also while it is off.
    pub(crate) fn root(&self) -> std::path::PathBuf {
        format!("/proc/{}/root{}", self.holder, self.root).into()
    }

    fn write_file(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        let _ = fs::remove_file(&path);
        fs::write(path, text).expect("a file of the machine");
    }

    /// Starts it, and waits until everything that starts with it has started.
    ///
    /// # Panics
    /// If it is on already, or does not come up.
    pub fn boot(&mut self) {
        assert!(self.container.is_none(), "the machine is on");
        let log = fs::File::create(self.root().with_file_name("console")).expect("its console");
        let mut command = self.host.namespace().holder_command(self.holder, "systemd-nspawn");
        command.args(["--boot", "--register=no", "--keep-unit", "--private-network", "--quiet"]);
        command.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=pipe"]);
        command.arg(format!("--directory={}", self.root)).arg(format!("--machine={}", self.name));
        command.stdin(Stdio::null()).stderr(log.try_clone().expect("its console")).stdout(log);
        let container = command.spawn().expect("nsenter starts");
        let nsenter = container.id();
        self.container = Some(container);
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "it does not come up: {}", self.console());
            thread::sleep(Duration::from_millis(50));
            let Some(first) = first_process_below(nsenter) else { continue };
            self.host.namespace_mut().retarget(first);
            let state = self.host.run(["systemctl", "is-system-running"]).stdout;
            if ["running", "degraded"].contains(&state.trim()) {
                break;
            }
        }
        // One client address of each family that is not the server's own, and the server's own.
        for address in [
            &["address", "add", "192.0.2.1/32", "dev", "lo"][..],
            &["-6", "address", "add", "2001:db8::1/128", "dev", "lo", "nodad"],
        ] {
            self.host.namespace().ip(address);
        }
    }

    /// `systemctl reboot`, in order: services are stopped, and the machine starts again.
    ///
    /// # Panics
    /// If it does not.
    pub fn reboot(&mut self) {
        // The answer may not come any more.
        let _ = self.host.run(["systemctl", "reboot"]);
        self.wait_until_off();
        self.boot();
    }

    /// The power fails: everything ends at once. Then the machine is off.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub fn power_cut(&mut self) {
        let pid = rustix::process::Pid::from_raw(self.host.first_pid().try_into().expect("a PID")).expect("a PID");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it ends");
        self.wait_until_off();
    }

    /// `systemctl ARGUMENTS`.
    #[must_use]
    pub fn systemctl(&self, arguments: &[&str]) -> Output {
        self.host.run([&["systemctl", "--no-pager"], arguments].concat())
    }

    /// What it wrote to its console.
    #[must_use]
    pub fn console(&self) -> String {
        let bytes = fs::read(self.root().with_file_name("console")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn wait_until_off(&mut self) {
        let mut container = self.container.take().expect("the machine is on");
        let deadline = Instant::now() + PATIENCE;
        while container.try_wait().expect("a child of ours").is_none() {
            assert!(Instant::now() < deadline, "it does not stop: {}", self.console());
            thread::sleep(Duration::from_millis(20));
        }
        self.host.forget_addresses();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The holder takes the container along.
        self.host.namespace_mut().end();
        if let Some(container) = &mut self.container {
            let _ = container.wait();
        }
    }
}

/// The first process of the container below nsenter and systemd-nspawn: PID 1 of its own namespace, and systemd.
fn first_process_below(nsenter: u32) -> Option<u32> {
    let nspawn = child_of(nsenter).into_iter().next()?;
    child_of(nspawn).into_iter().find(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        line("Name:") == "systemd" && line("NSpid:").split_whitespace().next_back() == Some("1")
    })
}

fn child_of(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}
