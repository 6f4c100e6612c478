//! tom's lines in the host's configuration: sshd's and PAM's.
//!
//! The order is what keeps administrators in. Put in: sshd's lines first, so that their tokens are known to sshd
//! before PAM asks for them; taken out: PAM's first. At every moment in between an enrolled administrator gets in, and
//! nobody else.

use crate::change::file;
use crate::change::pam_lines;
use crate::change::sshd_lines;
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use tom_host::active_policy::Turn;
use tom_host::{accounts, clock, trusted_file};

/// Says that this host is enabled, and how.
pub(crate) const ENABLED: &str = "/var/lib/tom/enabled";

/// What tom does on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing asks tom.
    NotEnabled,
    /// PAM asks tom and does not go by the answer.
    Observe,
    /// Logins of governed accounts are decided by tom.
    Enforce,
}

impl Mode {
    /// The word in the file, in reports and in events.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotEnabled => "not-enabled",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }

    /// What was said by [`Mode::name`].
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::NotEnabled, Self::Observe, Self::Enforce].into_iter().find(|mode| mode.name() == name)
    }
}

/// Why the configuration could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    /// A file could not be read or written.
    #[error("{} could not be {step}: {source}", path.display())]
    File { path: PathBuf, step: &'static str, source: io::Error },
    /// A program of the host's failed.
    #[error("'{command}' failed: {said}")]
    Command { command: String, said: String },
    /// A line has no place in a service.
    #[error(
        "{} has no line that includes common-{phase}: put this line before its first {phase} line, and run this again: \
         {line}",
        path.display()
    )]
    NoPlace { path: PathBuf, phase: &'static str, line: String },
    /// A file of PAM's that is kept elsewhere.
    #[error("{} is a link to {}: put a regular file there, which tom can change and bring back", path.display(), to.display())]
    Link { path: PathBuf, to: PathBuf },
    /// A name that sshd would read as a pattern.
    #[error("the {what} '{name}' cannot be named in sshd's configuration: it is a pattern there")]
    Name { what: &'static str, name: String },
    /// Accounts cannot be looked up.
    #[error("{0}")]
    Accounts(#[from] accounts::LookupError),
    /// sshd is there, and reads nothing of what tom writes.
    #[error(
        "{main} does not read {directory}: put 'Include {directory}/*.conf' at its beginning",
        main = sshd_lines::MAIN,
        directory = sshd_lines::DIRECTORY
    )]
    NotIncluded,
    /// sshd reads a directory that is not there.
    #[error("{directory} is missing: 'mkdir {directory}'", directory = sshd_lines::DIRECTORY)]
    NoDirectory,
}

pub(crate) fn failed(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> ConfigurationError {
    let path = path.to_path_buf();
    move |source| ConfigurationError::File { path, step, source }
}

/// Whether a running sshd is told of a change. A rehearsal does not: the sshd that runs is the host's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reload {
    Yes,
    No,
}

/// What this host is set to. A file that cannot be read, or says something else, is told of by `tom doctor`; the host
/// is then taken as enforcing, which demands most of every change.
pub(crate) fn mode() -> Mode {
    mode_of(Path::new(ENABLED))
}

/// What a file like [`ENABLED`] says.
pub(crate) fn mode_of(path: &Path) -> Mode {
    match trusted_file::read(path, 4096) {
        Ok(text) => mode_in(&String::from_utf8_lossy(&text)).unwrap_or(Mode::Enforce),
        Err(error) if error.is_not_found() => Mode::NotEnabled,
        Err(_) => Mode::Enforce,
    }
}

fn mode_in(text: &str) -> Option<Mode> {
    let line = text.lines().find_map(|line| line.strip_prefix("mode = \""))?;
    line.strip_suffix('"').and_then(Mode::named)
}

/// Does anything of sshd's or PAM's configuration name tom, also where `tom enable` did not write it?
pub(crate) fn asks_tom() -> bool {
    mode() == Mode::Enforce || sshd_lines::names_the_hook() || pam_lines::any_enforcing()
}

/// Puts tom's lines in place for this mode; what is in place already stays as it is.
pub(crate) fn put_in_place(
    mode: Mode,
    here: &HostPolicy<'_>,
    reload: Reload,
    turn: &Turn,
) -> Result<(), ConfigurationError> {
    match mode {
        Mode::Enforce => {
            sshd_lines::put_in(&sshd_lines::Governed::of(here)?, reload)?;
            pam_lines::put_in_enforcing(turn)?;
        }
        Mode::Observe => {
            pam_lines::put_in_observing(turn)?;
            sshd_lines::take_out(reload)?;
        }
        Mode::NotEnabled => return take_out(reload, Some(turn)),
    }
    if self::mode() == mode && Path::new(ENABLED).exists() {
        return Ok(());
    }
    let since = Moment::from_unix(clock::now());
    let text = format!("# Written by 'tom enable'.\nmode = \"{}\"\nsince = \"{since}\"\n", mode.name());
    let path = Path::new(ENABLED);
    file::write(path, text.as_bytes(), file::Attributes::of_root(0o640)).map_err(failed(path, "written"))
}

/// Takes all of tom's lines out.
pub(crate) fn take_out(reload: Reload, turn: Option<&Turn>) -> Result<(), ConfigurationError> {
    pam_lines::take_out(turn)?;
    sshd_lines::take_out(reload)?;
    let path = Path::new(ENABLED);
    file::remove(path).map_err(failed(path, "removed"))
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnabled => "not enabled: nothing here asks tom",
            Self::Observe => "OBSERVING: nothing is refused",
            Self::Enforce => "enforcing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, mode_in};

    #[test]
    fn modes() {
        assert_eq!(mode_in("# x\nmode = \"observe\"\nsince = \"2026-11-25T10:00:00Z\"\n"), Some(Mode::Observe));
        assert_eq!(mode_in("mode = \"enforce\"\n"), Some(Mode::Enforce));
        for damaged in ["", "mode = observe", "mode = \"obs", "Mode = \"observe\""] {
            assert_eq!(mode_in(damaged), None, "{damaged}");
        }
    }
}
