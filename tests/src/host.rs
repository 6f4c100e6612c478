//! A running host.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use crate::artefacts;
use crate::command::{HostCommand, Output};
use crate::journal::Journal;
use crate::keys::Key;
use crate::namespace::Namespace;
use crate::pamtester::PamTester;
use crate::policy_text;
use crate::release::Release;
use crate::ssh_client::SshClient;
use crate::sshd::Sshd;

/// A host that [`crate::Bench::start`] has started. Dropping it ends all that runs there.
pub struct Host {
    release: Release,
    sshd: Option<Sshd>,
    journal: Option<Journal>,
    syslog: Option<Journal>,
    addresses: Mutex<Vec<IpAddr>>,
    echo: OnceLock<()>,
    namespace: Namespace,
}

impl Host {
    pub(crate) fn new(
        release: Release,
        namespace: Namespace,
        journal: Option<Journal>,
        syslog: Option<Journal>,
    ) -> Self {
        let (addresses, echo) = (Mutex::default(), OnceLock::new());
        Self { release, sshd: None, journal, syslog, addresses, echo, namespace }
    }

    pub(crate) fn set_sshd(&mut self, sshd: Sshd) {
        self.sshd = Some(sshd);
    }

    /// The release that it runs.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// The PID, as the machine sees it, of the host's first process. When it is gone, all is.
    #[must_use]
    pub fn first_pid(&self) -> u32 {
        self.namespace.first_pid()
    }

    /// A simulated FIDO token: [`Key::token`], which needs no host.
    #[must_use]
    pub fn token(&self, name: &str) -> Key {
        Key::token(name)
    }

    /// A client about to log in as this account.
    pub fn ssh(&self, account: &str) -> SshClient<'_> {
        SshClient::new(self, account)
    }

    /// Runs a program as root.
    pub fn run<I, S>(&self, arguments: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        self.command().run(arguments)
    }

    /// A program about to be run, with its input, environment, user.
    #[must_use]
    pub fn command(&self) -> HostCommand<'_> {
        HostCommand::new(self)
    }

    /// A program about to be run as this user.
    #[must_use]
    pub fn as_user(&self, user: &str) -> HostCommand<'_> {
        self.command().as_user(user)
    }

    /// A PAM stack about to be asked without its daemon.
    #[must_use]
    pub fn pam(&self, service: &str, user: &str) -> PamTester<'_> {
        PamTester::new(self, service, user)
    }

    /// What the host told its journal.
    ///
    /// # Panics
    /// If it was started without one.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        self.journal.as_ref().expect("this host has no journal")
    }

    /// What the host told /dev/log.
    ///
    /// # Panics
    /// If it was started without one.
    #[must_use]
    pub fn syslog(&self) -> &Journal {
        self.syslog.as_ref().expect("this host has no syslog")
    }

    /// The host's file at `path`, for std::fs. Name real paths: an absolute symbolic link on the
    /// way (/var/run) would lead to the machine's own files.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.namespace.path(path)
    }

    /// Writes a file of root's, and its directories.
    pub fn write(&self, path: &str, mode: u32, bytes: impl AsRef<[u8]>) {
        artefacts::install(&self.path("/"), path, bytes.as_ref(), mode);
    }

    /// Writes the candidate policy; keys may be written by name as in [`crate::Bench::policy`].
    ///
    /// # Panics
    /// If it can't.
    pub fn write_policy(&self, text: &str) {
        let gid = self.primary_group_of("_tom").parse().expect("a number");
        self.write("/etc/tom/policy.toml", 0o640, policy_text::with_keys(text));
        chown(self.path("/etc/tom/policy.toml"), Some(0), Some(gid)).expect("its owner");
        let state = self.path("/var/lib/tom");
        fs::create_dir_all(&state).expect("/var/lib/tom");
        fs::set_permissions(&state, fs::Permissions::from_mode(0o750)).expect("its mode");
        chown(&state, Some(0), Some(gid)).expect("its owner");
    }

    /// Writes the candidate policy and makes it active.
    pub fn apply(&self, policy: &str) -> Output {
        self.write_policy(policy);
        self.run(["tom", "apply", "--now"])
    }

    /// Writes a user's own ~/.ssh/authorized_keys; keys may be written by name.
    ///
    /// # Panics
    /// If there is no such user.
    pub fn authorized_keys(&self, user: &str, lines: &str) {
        let (uid, gid, home) = self.passwd_entry(user);
        self.write(&format!("{home}/.ssh/authorized_keys"), 0o600, policy_text::with_keys(lines));
        for path in [format!("{home}/.ssh"), format!("{home}/.ssh/authorized_keys")] {
            chown(self.path(&path), Some(uid), Some(gid)).expect("its owner");
        }
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(self.path(format!("{home}/.ssh")), mode).expect("its mode");
    }

    /// Lets sshd read its configuration again.
    ///
    /// # Panics
    /// If it does not come back.
    pub fn restart_sshd(&mut self) {
        let mut old = self.sshd.take().expect("an sshd");
        self.run(["kill", &old.pid().to_string()]).expect_success();
        old.wait();
        self.sshd = Some(Sshd::start(&self.namespace));
    }

    /// Starts sshd again after something has ended it.
    ///
    /// # Panics
    /// If it does not come.
    pub fn start_sshd_again(&mut self) {
        self.sshd.take().expect("an sshd").wait();
        self.sshd = Some(Sshd::start(&self.namespace));
    }

    /// How many connections sshd serves now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sshd().connections()
    }

    /// The address and port of a service that sends back what it gets: what a forwarded
    /// connection is to reach. Started at the first call.
    ///
    /// # Panics
    /// If it does not start.
    pub fn echo_service(&self) -> &'static str {
        self.echo.get_or_init(|| {
            let command = "socat TCP-LISTEN:7,bind=127.0.0.1,fork,reuseaddr PIPE & \
                 for i in $(seq 200); do \
                 socat -u OPEN:/dev/null TCP:127.0.0.1:7 2>/dev/null && exit 0; sleep 0.005; done; \
                 exit 1";
            let shell = format!("{{ {command} ; }} >/dev/null 2>&1");
            self.run(["setsid", "--wait", "sh", "-c", &shell]).expect_success();
        });
        "127.0.0.1:7"
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(crate) fn namespace_mut(&mut self) -> &mut Namespace {
        &mut self.namespace
    }

    pub(crate) fn sshd(&self) -> &Sshd {
        self.sshd.as_ref().expect("this host runs no sshd")
    }

    /// Whether sshd is the bench's own, so that its log can be read. A machine's is systemd's.
    pub(crate) fn has_own_sshd(&self) -> bool {
        self.sshd.is_some()
    }

    /// Its network is gone, and will be another.
    pub(crate) fn forget_addresses(&mut self) {
        self.addresses = Mutex::default();
    }

    /// Gives the host's network this client address, if it has none like it.
    pub(crate) fn add_address(&self, address: IpAddr) {
        let mut known = self.addresses.lock().expect("no panic");
        if address.is_loopback() || known.contains(&address) {
            return;
        }
        match address {
            IpAddr::V4(v4) => self.namespace.ip(&["address", "add", &format!("{v4}/32"), "dev", "lo"]),
            IpAddr::V6(v6) => {
                let prefix = format!("{v6}/128");
                self.namespace.ip(&["-6", "address", "add", &prefix, "dev", "lo", "nodad"]);
            }
        }
        known.push(address);
    }

    pub(crate) fn primary_group_of(&self, user: &str) -> String {
        self.passwd_entry(user).1.to_string()
    }

    /// uid, gid and home directory.
    fn passwd_entry(&self, user: &str) -> (u32, u32, String) {
        let passwd = fs::read_to_string(self.path("/etc/passwd")).expect("/etc/passwd");
        let line = passwd.lines().find(|line| line.split(':').next() == Some(user));
        let fields: Vec<&str> = line.unwrap_or_else(|| panic!("no user {user}")).split(':').collect();
        let number = |index: usize| fields[index].parse().expect("a number");
        (number(2), number(3), fields[5].to_owned())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // sshd's nsenter ends when the namespace does; waiting for it leaves no zombie.
        self.namespace.end();
        if let Some(sshd) = &mut self.sshd {
            sshd.wait();
        }
    }
}
