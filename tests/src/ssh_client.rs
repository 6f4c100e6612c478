//! The distribution's ssh client, from some address, with some key.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ring::digest;

use crate::bench::{ASKPASS, TOKEN_LIBRARY};
use crate::command::HostCommand;
use crate::host::Host;
use crate::keys::Key;
use crate::login::Login;

/// A client about to log in. What it runs, and how, is chosen last: [`SshClient::run`] and the
/// others in transfer.rs and connection.rs.
#[must_use = "a client does nothing until it runs something"]
pub struct SshClient<'a> {
    pub(crate) host: &'a Host,
    account: String,
    keys: Vec<Key>,
    password: Option<String>,
    from: IpAddr,
    options: Vec<String>,
    environment: Vec<(String, String)>,
    timeout: Duration,
    among_others: bool,
    terminal: bool,
}

impl<'a> SshClient<'a> {
    pub(crate) fn new(host: &'a Host, account: &str) -> Self {
        Self {
            host,
            account: account.to_owned(),
            keys: Vec::new(),
            password: None,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            options: Vec::new(),
            environment: Vec::new(),
            timeout: Duration::from_secs(20),
            among_others: false,
            terminal: false,
        }
    }

    /// Offers this key. Several are offered in this order; then the last one says how tokens and
    /// their owner behave.
    pub fn key(mut self, key: &Key) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// Types this password instead of offering a key.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Comes from this address, IPv4 or IPv6; 127.0.0.1 if not given.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn from(mut self, address: &str) -> Self {
        self.from = address.parse().unwrap_or_else(|_| panic!("{address} is no address"));
        self
    }

    /// One more option of ssh_config: `"SendEnv=LC_X"`.
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// A variable of the client's environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long it may take; 20 s if not given.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Says that other connections come and go meanwhile. sshd's log is then theirs too: the login
    /// carries none of it, and does not wait for it.
    pub fn among_others(mut self) -> Self {
        self.among_others = true;
        self
    }

    /// Asks for a terminal.
    pub fn with_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Logs in and runs this command; `""` is the account's shell, which then has nothing to read.
    #[must_use]
    pub fn run(self, command: &str) -> Login {
        let mut arguments = vec![if self.terminal { "-tt" } else { "-T" }.to_owned(), self.server().to_string()];
        if !command.is_empty() {
            arguments.push(command.to_owned());
        }
        self.client("ssh", &arguments, b"")
    }

    /// Runs a client program (ssh, sftp, scp) with our options before these arguments.
    pub(crate) fn client(&self, program: &str, arguments: &[String], stdin: &[u8]) -> Login {
        let mut line = vec![program.to_owned()];
        line.extend(self.client_options());
        line.extend(arguments.iter().cloned());

        let followed = !self.among_others && self.host.has_own_sshd();
        let before = followed.then(|| (self.host.sshd().mark(), self.host.sshd().connections()));
        let output = self.command().stdin(stdin).timeout(self.timeout).run(line);
        let sshd_log = before.map(|(mark, connections)| {
            self.host.sshd().wait_for_connections(connections);
            self.host.sshd().log_since(mark)
        });
        Login {
            status: output.status,
            stdout: output.stdout,
            stderr: output.stderr,
            sshd_log,
            duration: output.duration,
        }
    }

    /// The environment of the client: who answers for the PIN, what the token does.
    pub(crate) fn command(&self) -> HostCommand<'a> {
        let mut command = self.host.command();
        for (name, value) in self.client_environment() {
            command = command.env(&name, &value);
        }
        command
    }

    pub(crate) fn client_environment(&self) -> Vec<(String, String)> {
        let last = self.keys.last();
        let answer = self.password.as_deref().or(last.map(Key::answer)).unwrap_or("");
        let mut environment = vec![
            ("SSH_ASKPASS".to_owned(), ASKPASS.to_owned()),
            ("SSH_ASKPASS_REQUIRE".to_owned(), "force".to_owned()),
            ("BENCH_ANSWER".to_owned(), answer.to_owned()),
        ];
        for (name, value) in last.map_or(&[][..], Key::token_environment) {
            environment.push(((*name).to_owned(), value.clone()));
        }
        environment.extend(self.environment.iter().cloned());
        environment
    }

    /// The options of every client program, and the key files that they name.
    pub(crate) fn client_options(&self) -> Vec<String> {
        self.host.add_address(self.from);
        let methods = if self.password.is_some() { "password" } else { "publickey" };
        let mut settings = vec![
            format!("User={}", self.account),
            format!("BindAddress={}", self.from),
            format!("SecurityKeyProvider={TOKEN_LIBRARY}"),
            format!("PreferredAuthentications={methods}"),
        ];
        let fixed = [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "NumberOfPasswordPrompts=1",
            // The host's key is not under test.
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "GlobalKnownHostsFile=/dev/null",
            "UpdateHostKeys=no",
            "LogLevel=ERROR",
            "ConnectTimeout=10",
        ];
        settings.extend(fixed.map(str::to_owned));
        for key in &self.keys {
            self.write_key(key, &mut settings);
        }
        if self.keys.is_empty() {
            settings.push("IdentityFile=none".to_owned());
        }
        // The first value counts: a test's option wins over ours.
        let all = self.options.iter().cloned().chain(settings);
        let mut options = vec!["-F".to_owned(), "none".to_owned()];
        options.extend(all.flat_map(|setting| ["-o".to_owned(), setting]));
        options
    }

    /// The server's address as this client sees it: of the client's family, another address than
    /// the client's.
    pub(crate) fn server(&self) -> &'static str {
        match self.from {
            IpAddr::V4(from) if from.is_loopback() => "127.0.0.1",
            IpAddr::V4(_) => "192.0.2.1",
            IpAddr::V6(from) if from.is_loopback() => "::1",
            IpAddr::V6(_) => "2001:db8::1",
        }
    }

    /// Writes the key's files and names them in `settings`.
    fn write_key(&self, key: &Key, settings: &mut Vec<String>) {
        let private = key.private_file();
        let stem = key_path(&private);
        settings.push(format!("IdentityFile={stem}"));
        if !self.host.path(&stem).exists() {
            self.host.write(&stem, 0o600, &private);
            self.host.write(&format!("{stem}.pub"), 0o644, format!("{}\n", key.public()));
        }
        if let Some(certificate) = key.certificate() {
            let authority_file = certificate.authority.private_file();
            let authority = key_path(&authority_file);
            self.host.write(&authority, 0o600, &authority_file);
            let public = format!("{stem}.pub");
            let mut arguments = vec!["ssh-keygen", "-q", "-s", &authority, "-I", "bench"];
            if !certificate.principals.is_empty() {
                arguments.extend(["-n", &certificate.principals]);
            }
            arguments.push(&public);
            self.host.run(arguments).expect_success();
            settings.push(format!("CertificateFile={stem}-cert.pub"));
        }
    }
}

/// A file name for this private key: equal keys share one.
fn key_path(private: &str) -> String {
    let hash = digest::digest(&digest::SHA256, private.as_bytes());
    let name: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("/run/bench/keys/{name}")
}
