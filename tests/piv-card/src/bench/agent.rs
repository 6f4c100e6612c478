//! ssh with the keys of the card in the reader.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal};

use super::Pcscd;

/// An ssh-agent that asks the token. Dropping it ends it.
#[derive(Debug)]
pub struct Agent {
    holder: Child,
    pid: Option<Pid>,
    socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

impl Pcscd {
    /// An ssh-agent with the token's keys by `ssh-add -s`, which verifies the PIN. `socket` may be in another mount
    /// namespace, such as `host.path("/run/bench/agent")`: ssh there uses it with `IdentityAgent=/run/bench/agent`.
    ///
    /// # Errors
    /// What ssh-add said, if it did not take the keys.
    ///
    /// # Panics
    /// If the agent cannot be started.
    #[allow(clippy::expect_used, reason = "a bench that does not start is a failed test")]
    pub fn agent(&self, socket: &Path, module: &str, pin: &str) -> Result<Agent, String> {
        let askpass = self.directory.join("askpass");
        std::fs::write(&askpass, format!("#!/bin/sh\necho '{pin}'\n")).expect("askpass");
        std::fs::set_permissions(&askpass, Permissions::from_mode(0o700)).expect("its mode");
        // ssh-agent ends with the program that it starts, and that one with our end of its pipe.
        let mut holder = self
            .command("ssh-agent")
            .arg("-a")
            .arg(socket)
            .args(["sh", "-c", "echo $SSH_AGENT_PID; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh-agent starts");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("ssh-agent answers");
        let agent = Agent { holder, pid: line.trim().parse().ok().and_then(Pid::from_raw), socket: socket.to_owned() };
        let added = self
            .command("ssh-add")
            .args(["-s", module])
            .env("SSH_AUTH_SOCK", socket)
            .env("SSH_ASKPASS", "/run/pcscd/askpass")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .output()
            .expect("ssh-add starts");
        if added.status.success() { Ok(agent) } else { Err(String::from_utf8_lossy(&added.stderr).into_owned()) }
    }

    /// The lines for authorized_keys that PKCS #11 gives, as `ssh-keygen -D` prints them.
    ///
    /// # Panics
    /// If ssh-keygen cannot be started.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a bench that does not start is a failed test")]
    pub fn public_keys(&self, module: &str) -> Vec<String> {
        let output = self.command("ssh-keygen").args(["-D", module]).output().expect("ssh-keygen starts");
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }
}
