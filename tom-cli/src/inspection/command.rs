//! Programs of the host, asked for what only they can say: with a time limit, in plain English, without our input.

use super::InspectionError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Where programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// No program that is asked has more to say.
const MOST: u64 = 16 << 20;

/// What a program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program, and waits for it no longer than `limit`.
pub(crate) fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<Said, InspectionError> {
    let failed = |source| InspectionError::Program { program: program.to_owned(), source };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Of its own, so that what it has started ends with it.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now().checked_add(limit);
    let listeners = (child.stdout.take().map(listen).transpose(), child.stderr.take().map(listen).transpose());
    let (stdout, stderr) = match listeners {
        (Ok(stdout), Ok(stderr)) => (stdout, stderr),
        (Err(error), _) | (_, Err(error)) => {
            end(&mut child);
            return Err(failed(error));
        }
    };
    let (Some(stdout), Some(stderr)) = (heard(stdout, deadline), heard(stderr, deadline)) else {
        end(&mut child);
        return Err(InspectionError::Slow { program: program.to_owned(), seconds: limit.as_secs() });
    };
    // It has closed both, so it is ending; one that only pretends to is not waited for.
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if deadline.is_some_and(|deadline| Instant::now() < deadline) => {
                thread::sleep(Duration::from_millis(1));
            }
            None => {
                end(&mut child);
                return Err(InspectionError::Slow { program: program.to_owned(), seconds: limit.as_secs() });
            }
        }
    };
    Ok(Said { status, stdout, stderr })
}

/// The same; anything but exit code 0 is an error.
pub(crate) fn stdout_of(program: &str, arguments: &[&str], limit: Duration) -> Result<String, InspectionError> {
    let said = run(program, arguments, limit)?;
    if said.status.success() {
        return Ok(said.stdout);
    }
    let lines: Vec<&str> = said.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    Err(InspectionError::Failed { program: program.to_owned(), status: said.status, said: lines.join("; ") })
}

fn listen(mut pipe: impl Read + Send + 'static) -> std::io::Result<mpsc::Receiver<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still what it said; its exit code tells the rest.
        let _ = pipe.by_ref().take(MOST).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    })?;
    Ok(receiver)
}

fn heard(pipe: Option<mpsc::Receiver<String>>, deadline: Option<Instant>) -> Option<String> {
    let left = deadline?.saturating_duration_since(Instant::now());
    pipe?.recv_timeout(left).ok()
}

fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::{run, stdout_of};
    use crate::inspection::InspectionError;
    use std::time::{Duration, Instant};

    #[test]
    fn hears_a_program_and_its_failure() {
        let limit = Duration::from_secs(10);
        assert_eq!(stdout_of("sh", &["-c", "echo $LC_ALL $HOME."], limit).unwrap(), "C .\n");
        let error = stdout_of("sh", &["-c", "echo broken >&2; exit 3"], limit).unwrap_err();
        assert!(error.to_string().ends_with("exit status: 3): broken"), "{error}");
        let error = run("/nonexistent/program", &[], limit).unwrap_err();
        assert!(error.is_missing(), "{error}");
    }

    #[test]
    fn does_not_wait_for_ever() {
        let begun = Instant::now();
        for script in ["sleep 20", "exec sleep 20 >&- 2>&-", "sleep 20 & wait"] {
            let error = run("sh", &["-c", script], Duration::from_millis(200)).unwrap_err();
            assert!(matches!(error, InspectionError::Slow { .. }), "{error}");
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
