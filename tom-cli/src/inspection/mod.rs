//! How this host is configured: read, never changed.
//!
//! What: the effective settings of sshd, the PAM stacks, sudoers, each as values with the file and line they come
//! from. Why: `tom enable` must know what would hold before it changes anything, and `tom doctor` what holds. What
//! must never happen: that something which could not be read, or was not asked, looks like "nothing wrong".

pub(crate) mod command;
pub(crate) mod pam;
pub(crate) mod sshd;
pub(crate) mod sudoers;

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why something of this host could not be found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InspectionError {
    /// A file or directory cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A program cannot be started.
    #[error("{program} cannot be run: {source}")]
    Program { program: String, source: io::Error },
    /// A program does not end.
    #[error("{program} did not end within {seconds} seconds")]
    Slow { program: String, seconds: u64 },
    /// A program failed.
    #[error("{program} failed ({status}): {said}")]
    Failed { program: String, status: ExitStatus, said: String },
    /// There is more than is asked for in one go, and the rest is not known.
    #[error("{0}")]
    NotAsked(String),
}

impl InspectionError {
    /// The program or file in question is not there.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::File { source, .. } | Self::Program { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Slow { .. } | Self::Failed { .. } | Self::NotAsked(_) => false,
        }
    }
}
