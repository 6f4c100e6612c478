//! Why a file was not read.
//!
//! What: the component at fault, what is wrong with it, and whether that is a matter of trust at
//! all. Why: at three in the morning the message must name the one directory to repair. What must
//! never happen: that "can't tell" or "not trusted" looks like "isn't there".

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What is wrong with a component of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Somebody else than root owns it.
    Owner,
    /// Its group or others may write it.
    Writable,
    /// It is a symbolic link.
    Link,
    /// A directory was needed.
    NotADirectory,
    /// A regular file was needed: it is a directory, FIFO, socket or device.
    NotAFile,
    /// It was exchanged again and again while it was opened.
    Exchanged,
    /// It grew or shrank while it was read.
    Changing,
}

impl Fault {
    /// The fault as the end of a sentence that begins with the path.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Owner => "does not belong to root",
            Self::Writable => "can be written by its group or by others",
            Self::Link => "is a symbolic link",
            Self::NotADirectory => "is no directory",
            Self::NotAFile => "is no regular file",
            Self::Exchanged => "was exchanged while it was opened",
            Self::Changing => "changed while it was read",
        }
    }
}

/// Why a file was not read. The path is the component at fault, not always the file asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file or a directory above it does not exist.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// The first component that is missing.
        path: PathBuf,
    },
    /// Somebody else than root could have made or changed it.
    #[error("{} {} (mode {mode:04o}, owner {owner})", path.display(), fault.text())]
    Untrusted {
        /// The component at fault.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
        /// Its user id.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is larger than what it is for.
    #[error("{} has {size} bytes, more than {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The path is relative, has `..` in it, or names no file.
    #[error("{} is no absolute path without '..'", path.display())]
    BadPath {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The system could not say: no descriptor left, no memory, no permission, a bad disk.
    #[error("{} cannot be {step}: {source}", path.display())]
    Io {
        /// The component that was at hand.
        path: PathBuf,
        /// What was being done with it.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl TrustError {
    /// Whether the file simply isn't there, which is no sign of an attack or a broken host.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
