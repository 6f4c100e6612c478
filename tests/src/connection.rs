//! A connection held open: `ssh -N`, forwarded ports, several sessions over one connection.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Output;
use crate::login::Login;
use crate::ssh_client::SshClient;

/// An open connection without a session of its own (`ssh -N -M`). Dropping it closes it.
pub struct Connection<'a> {
    client: SshClient<'a>,
    process: Child,
    control: String,
    mark: u64,
    /// sshd's log while the connection was made.
    pub sshd_log: Vec<String>,
}

impl<'a> SshClient<'a> {
    /// Opens a connection with `ssh -N`, and with `-L` for each of `forwards`
    /// (`8007:127.0.0.1:7`). The error is the refused login.
    ///
    /// # Errors
    /// If the client ends instead of waiting.
    ///
    /// # Panics
    /// If it neither ends nor comes in.
    pub fn open(self, forwards: &[&str]) -> Result<Connection<'a>, Box<Login>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let control = format!("/run/bench/control-{number}");
        let log = format!("/run/bench/client-{number}");
        let sshd = self.host.sshd();
        let (mark, connections) = (sshd.mark(), sshd.connections());

        let mut command = self.host.namespace().command("ssh");
        command.args(self.client_options()).args(["-N", "-M", "-S", &control, "-E", &log]);
        command.args(["-o", "ExitOnForwardFailure=yes"]);
        for forward in forwards {
            command.args(["-L", forward]);
        }
        command.arg(self.server()).envs(self.client_environment());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let mut process = command.spawn().expect("nsenter starts");
        while !self.host.path(&control).exists() {
            if let Some(status) = process.try_wait().expect("a child of ours") {
                sshd.wait_for_connections(connections);
                return Err(Box::new(Login {
                    status: status.code(),
                    stdout: String::new(),
                    stderr: std::fs::read_to_string(self.host.path(&log)).unwrap_or_default(),
                    sshd_log: Some(sshd.log_since(mark)),
                    duration: started.elapsed(),
                }));
            }
            assert!(started.elapsed() < Duration::from_secs(20), "ssh -N hangs");
            thread::sleep(Duration::from_millis(1));
        }
        let sshd_log = sshd.log_since(mark);
        Ok(Connection { client: self, process, control, mark, sshd_log })
    }
}

impl Connection<'_> {
    /// A session over this connection, from wherever: a second client at the control socket.
    #[must_use]
    pub fn run(&self, command: &str) -> Output {
        let server = self.client.server();
        let control = format!("ControlPath={}", self.control);
        let ssh = ["ssh", "-F", "none", "-o", &control, "-o", "ControlMaster=no"];
        let arguments = ssh.iter().copied().chain(["-o", "BatchMode=yes", "-T", server, command]);
        self.client.host.command().timeout(Duration::from_secs(20)).run(arguments)
    }

    /// Sends `message` to this port of the client's side, and returns what comes back: through a
    /// forward to the echo service the message, otherwise nothing.
    #[must_use]
    pub fn through_port(&self, port: u16, message: &str) -> String {
        let target = format!("TCP:127.0.0.1:{port}");
        let command = self.client.host.command().stdin(message).timeout(Duration::from_secs(5));
        command.run(["socat", "-t1", "-", &target]).stdout
    }

    /// sshd's log since the connection was opened.
    #[must_use]
    pub fn log_since_open(&self) -> Vec<String> {
        self.client.host.sshd().log_since(self.mark)
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let server = self.client.server();
        let exit = ["ssh", "-F", "none", "-S", &self.control, "-O", "exit", server];
        let _ = self.client.host.run(exit);
        let _ = self.process.wait();
    }
}
