//! Any program on the host: `host.run(["tom", "access"])`.

use std::io::Write;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::host::Host;

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit code; 124 if it had to be stopped, `None` if a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// How long it took, with about 3 ms to enter the namespaces.
    pub duration: Duration,
}

impl Output {
    /// Whether it ended with 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// The output of a program that must have worked.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn expect_success(self) -> Self {
        assert!(self.success(), "{self:#?}");
        self
    }
}

/// A program about to be run on the host.
pub struct HostCommand<'a> {
    host: &'a Host,
    user: Option<String>,
    environment: Vec<(String, String)>,
    stdin: Vec<u8>,
    timeout: Duration,
}

impl<'a> HostCommand<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self { host, user: None, environment: Vec::new(), stdin: Vec::new(), timeout: Duration::from_secs(30) }
    }

    /// Runs it as this user, with that user's groups.
    #[must_use]
    pub fn as_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Sets a variable of its environment, which otherwise has PATH, HOME and LC_ALL.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What it reads from standard input; nothing if not given.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long it may take; 30 s if not given.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Runs it and waits for it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run<I, S>(self, arguments: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let namespace = self.host.namespace();
        // `timeout` stops the program inside; killing nsenter would leave it behind.
        let mut command = namespace.command("timeout");
        command.args(["--kill-after=1", &format!("{:.3}", self.timeout.as_secs_f64())]);
        if let Some(user) = &self.user {
            let group = self.host.primary_group_of(user);
            command.arg("setpriv").arg(format!("--reuid={user}")).arg(format!("--regid={group}"));
            command.args(["--init-groups", "--inh-caps=-all", "--"]);
        }
        for argument in arguments {
            command.arg(argument.as_ref());
        }
        command.envs(self.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());

        let started = Instant::now();
        let mut child = command.spawn().expect("nsenter starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        let stdin = self.stdin;
        // A program that does not read ends the pipe: no concern of the bench.
        let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
        let output = child.wait_with_output().expect("output of the program");
        let duration = started.elapsed();
        writer.join().expect("the writer ends");
        Output {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            duration,
        }
    }
}
