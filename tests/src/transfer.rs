//! Ways to use a login that run no command: files, and forwarded connections.

use crate::login::Login;
use crate::ssh_client::SshClient;

impl SshClient<'_> {
    /// Runs these commands of sftp (one a line: `get /etc/hostname /tmp/copy`).
    #[must_use]
    pub fn sftp(self, batch: &str) -> Login {
        let server = bracketed(self.server());
        self.client("sftp", &["-q".into(), "-b".into(), "-".into(), server], batch.as_bytes())
    }

    /// Copies a file from the host to the client's side (both share the bench's files).
    #[must_use]
    pub fn scp_from(self, remote: &str, local: &str) -> Login {
        let source = format!("{}:{remote}", bracketed(self.server()));
        self.client("scp", &["-q".into(), source, local.into()], b"")
    }

    /// Copies a file from the client's side to the host.
    #[must_use]
    pub fn scp_to(self, local: &str, remote: &str) -> Login {
        let target = format!("{}:{remote}", bracketed(self.server()));
        self.client("scp", &["-q".into(), local.into(), target], b"")
    }

    /// `ssh -W`: sends `message` to `target` (see [`crate::Host::echo_service`]) through the host.
    /// What comes back is the login's stdout.
    #[must_use]
    pub fn stdio_forward(self, target: &str, message: &str) -> Login {
        let server = self.server().to_owned();
        self.client("ssh", &["-W".into(), target.into(), server], message.as_bytes())
    }
}

/// sftp and scp take an IPv6 address in brackets.
fn bracketed(server: &str) -> String {
    if server.contains(':') { format!("[{server}]") } else { server.to_owned() }
}
