//! The Debian releases that the tests run on, and their roots.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A Debian release, with the sshd that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Debian 12, OpenSSH 9.2p1.
    Bookworm,
    /// Debian 13, OpenSSH 10.0p1.
    Trixie,
}

impl Release {
    /// Every release, in the order of their age.
    pub const ALL: [Self; 2] = [Self::Bookworm, Self::Trixie];

    /// The name that mmdebstrap knows.
    #[must_use]
    pub fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// Whether its sshd makes addresses wait after failed logins (`PerSourcePenalties`, 9.8).
    pub(crate) fn has_penalties(self) -> bool {
        match self {
            Self::Bookworm => false,
            Self::Trixie => true,
        }
    }

    /// The directory of its root, made now if it was not there.
    ///
    /// # Errors
    /// What make-root.sh says when it cannot.
    pub fn root(self) -> Result<PathBuf, String> {
        static ROOTS: [OnceLock<Result<PathBuf, String>>; 2] = [OnceLock::new(), OnceLock::new()];
        ROOTS[self as usize].get_or_init(|| self.make_root("root")).clone()
    }

    /// The directory of a root that can be booted.
    ///
    /// # Errors
    /// What make-root.sh says when it cannot.
    pub fn machine_root(self) -> Result<PathBuf, String> {
        static ROOTS: [OnceLock<Result<PathBuf, String>>; 2] = [OnceLock::new(), OnceLock::new()];
        ROOTS[self as usize].get_or_init(|| self.make_root("machine")).clone()
    }

    fn make_root(self, kind: &str) -> Result<PathBuf, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("roots/make-root.sh");
        let output = Command::new(script)
            .arg(self.suite())
            .arg(roots_dir())
            .arg(kind)
            .output()
            .map_err(|error| format!("make-root.sh: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("no root of {}: {}", self.suite(), said.trim()));
        }
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }
}

/// Where roots are kept: `TOM_ROOTS`, or target/roots of the workspace, whatever the target
/// directory of this build.
pub(crate) fn roots_dir() -> PathBuf {
    std::env::var_os("TOM_ROOTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/roots"), PathBuf::from)
}
