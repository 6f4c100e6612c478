//! Programs of the host, run for us: by their full path, in a plain environment, within a time limit.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where the host's programs are.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// What is kept of a program's output.
const LONGEST_OUTPUT: u64 = 4 << 20;

/// How a program ended.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn success(&self) -> bool {
        self.status.success()
    }

    /// What it said last, for a message: one line.
    pub(crate) fn said(&self) -> String {
        let lines = self.stderr.lines().chain(self.stdout.lines()).filter(|line| !line.trim().is_empty());
        let last: Vec<&str> = lines.collect();
        let last = last.last().map_or("", |line| line.trim());
        match (self.status.code(), self.status.signal()) {
            (_, Some(signal)) => format!("it was ended by signal {signal}: {last}"),
            (Some(code), _) if last.is_empty() => format!("exit code {code}"),
            _ => last.to_owned(),
        }
    }
}

/// A program about to be run, with nothing of the caller's environment.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH).env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Runs a program to its end, at most that long; one that takes longer is killed, with what it started.
pub(crate) fn run<I, S>(program: &str, arguments: I, limit: Duration) -> io::Result<Ran>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = command(program);
    command.args(arguments);
    finish(command, limit)
}

/// The same for a command that was made ready.
pub(crate) fn finish(mut command: Command, limit: Duration) -> io::Result<Ran> {
    let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let readers = (child.stdout.take().map(collect).transpose(), child.stderr.take().map(collect).transpose());
    let (stdout, stderr) = match readers {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        (Err(error), _) | (_, Err(error)) => {
            end(&mut child);
            return Err(error);
        }
    };
    let status = wait(&mut child, limit);
    let text = |reader: Option<thread::JoinHandle<String>>| reader.and_then(|reader| reader.join().ok());
    match status {
        Ok(status) => {
            Ok(Ran { status, stdout: text(stdout).unwrap_or_default(), stderr: text(stderr).unwrap_or_default() })
        }
        Err(error) => {
            end(&mut child);
            Err(error)
        }
    }
}

/// Waits for a program's end, within a limit.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() >= limit {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it did not end within {} seconds", limit.as_secs()),
            ));
        }
        thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(20));
    }
}

/// Ends a program that leads a process group, and all in that group.
pub(crate) fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn collect(mut from: impl Read + Send + 'static) -> io::Result<thread::JoinHandle<String>> {
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.by_ref().take(LONGEST_OUTPUT).read_to_end(&mut bytes);
        // What is beyond is read on, so that the program can end.
        let _ = io::copy(&mut from, &mut io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Is a program there, and executable?
pub(crate) fn is_there(program: &str) -> bool {
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok()
}
