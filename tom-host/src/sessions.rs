//! The sessions that pam_tom has let in, on record below /run/tom/sessions: who is in, by which key.
//!
//! What: one file for each process that opened a session, written by pam_tom after an allow. Why: a key
//! that is revoked must be able to take its sessions with it, and only those; `tom confirm` and `tom apply`
//! ask who is in. A process is meant by its number and its start, so that another one that later has the
//! number is never taken for it. What must never happen: that a record is the reason for a refusal, that a
//! login waits for one, that a file of another than root is believed.

mod directory;
mod ending;
mod process;
mod record_text;

pub use ending::{Ended, end};
pub use process::{Process, lineage};

use directory::Directory;
use std::io;
use std::path::PathBuf;

/// Where they are: on a file system in memory, gone with the next start of the host.
pub const SESSIONS: &str = "/run/tom/sessions";

/// A session that pam_tom has let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The process that opened it: sshd's monitor of the connection, login, su, sudo. What is done in the
    /// session descends from it.
    pub process: Process,
    /// The person, by id.
    pub person: Option<String>,
    /// What the person calls the key.
    pub key_label: Option<String>,
    /// The key that came in, `SHA256:…`.
    pub key_fingerprint: Option<String>,
    /// The machine, by id, where it is no person.
    pub machine: Option<String>,
    /// The account entered.
    pub account: String,
    /// The PAM service.
    pub service: String,
    /// The client's address.
    pub from: Option<String>,
    /// When it was opened: seconds since the beginning of 1970, UTC.
    pub opened: i64,
}

/// Why sessions could not be recorded or read.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// A directory or file could have been written by others than root.
    #[error("{}: this is not root's alone, and is not believed", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
    },
    /// A record is damaged.
    #[error("{}: this record of a session is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A step failed.
    #[error("{} could not be {step}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

fn failed(path: impl Into<PathBuf>, step: &'static str) -> impl FnOnce(rustix::io::Errno) -> SessionsError {
    let path = path.into();
    move |errno| SessionsError::Io { path, step, source: errno.into() }
}

/// All that is known of the sessions on this host.
#[derive(Debug, Default)]
pub struct Survey {
    /// Those whose process still runs, the oldest first.
    pub live: Vec<Session>,
    /// Records that cannot be used; their sessions may be open.
    pub unreadable: Vec<SessionsError>,
}

/// Puts a session on record. A record of the same process is replaced: it has no more than one session.
///
/// # Errors
/// Nothing is on record then; never a reason to refuse a login.
pub fn record(session: &Session) -> Result<(), SessionsError> {
    Directory::open_or_make()?.write(&session.process.file_name(), &record_text::write(session, &boot()))
}

/// Takes the session of a process off the record; also where there is none.
pub fn forget(process: &Process) {
    if let Ok(Some(directory)) = Directory::open() {
        directory.remove(&process.file_name());
    }
}

/// The sessions whose process still runs with the same start, the oldest first; the others are cleared away.
/// Records that cannot be used are left out: see [`survey`].
///
/// # Errors
/// The directory cannot be read or is not root's.
pub fn live() -> Result<Vec<Session>, SessionsError> {
    survey().map(|survey| survey.live)
}

/// [`live`], and what of it could not be read.
///
/// # Errors
/// The directory cannot be read or is not root's.
pub fn survey() -> Result<Survey, SessionsError> {
    let mut survey = Survey::default();
    let Some(directory) = Directory::open()? else { return Ok(survey) };
    let boot = boot();
    for name in directory.names()? {
        // What is being written, or was when its writer was killed.
        if let Some(writer) = directory::being_written(&name) {
            if Process::of_file_name(writer).is_some_and(|process| !process.is_running()) {
                directory.remove(&name);
            }
            continue;
        }
        let Some(process) = Process::of_file_name(&name) else {
            survey.unreadable.push(SessionsError::Damaged { path: directory::path_of(&name) });
            continue;
        };
        if !process.is_running() {
            directory.remove(&name);
            continue;
        }
        match read(&directory, process, &boot) {
            Ok(Some(session)) => survey.live.push(session),
            Ok(None) => {}
            Err(error) => survey.unreadable.push(error),
        }
    }
    survey.live.sort_by_key(|session| (session.opened, session.process.pid));
    Ok(survey)
}

/// The session that the calling process descends from, the nearest one. A process that was left by its
/// parents (a daemon, tmux) descends from none.
///
/// # Errors
/// The processes or the record cannot be read.
pub fn ancestor_session() -> Result<Option<Session>, SessionsError> {
    let Some(directory) = Directory::open()? else { return Ok(None) };
    let boot = boot();
    for process in lineage()? {
        if let Some(session) = read(&directory, process, &boot)? {
            return Ok(Some(session));
        }
    }
    Ok(None)
}

/// The record of a process; nothing where there is none, or one from before the host was started anew.
fn read(directory: &Directory, process: Process, boot: &str) -> Result<Option<Session>, SessionsError> {
    let name = process.file_name();
    let Some(bytes) = directory.read(&name)? else { return Ok(None) };
    match record_text::parse(&bytes, process) {
        Some((session, written_at)) if written_at == boot => Ok(Some(session)),
        Some(_) => {
            directory.remove(&name);
            Ok(None)
        }
        None => Err(SessionsError::Damaged { path: directory::path_of(&name) }),
    }
}

/// Which start of the host this is. Where /run is no file system in memory, records outlive it, and ticks
/// since the start begin anew.
fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests;
