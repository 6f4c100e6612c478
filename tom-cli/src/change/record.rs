//! The change that waits for its confirmation.
//!
//! `/var/lib/tom/rollback/pending` holds what was there before, and says what is changed, when, and how long it may
//! wait. While that directory is there the change can be undone: by the timer, by the next start of the host, by
//! `tom rollback`. Renaming it is what confirms.

use crate::change::configuration::Mode;
use crate::change::file::{self, Attributes};
use crate::change::snapshot::{self, SnapshotError};
use crate::output;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tom_host::clock;

const DIRECTORY: &str = "/var/lib/tom/rollback";
/// A change that waits.
pub(crate) const PENDING: &str = "/var/lib/tom/rollback/pending";
const BEGUN: &str = "/var/lib/tom/rollback/pending.new";
/// The last change that was confirmed, with what was there before it.
const CONFIRMED: &str = "/var/lib/tom/rollback/confirmed";
/// While an older one makes room.
const OUTDATED: &str = "/var/lib/tom/rollback/outdated";
const RECORD: &str = "change";
const BEFORE: &str = "before";
/// PAM's files as the change left them: what is otherwise later, somebody else has changed.
const MADE: &str = "made";

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being made. Found later, it was interrupted.
    Begun,
    /// It is made, and waits.
    Made,
}

/// What is known of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The command: enable, apply, rollback.
    pub(crate) command: String,
    pub(crate) from: Mode,
    pub(crate) to: Mode,
    /// The serials of the policies before and after; 0 is none.
    pub(crate) serials: (u64, u64),
    /// Who made it, where that is known.
    pub(crate) person: Option<String>,
    pub(crate) stage: Stage,
    /// By the wall clock, for people.
    pub(crate) at: i64,
    /// The start of the host in which it was made.
    pub(crate) boot: String,
    /// When it was made, in clock ticks since that start, as in field 22 of /proc/PID/stat.
    pub(crate) made: u64,
    /// Until when it may be confirmed, in milliseconds since that start.
    pub(crate) deadline: u64,
    /// From when on a second look confirms it, likewise; never, where a person shall.
    pub(crate) look: Option<u64>,
}

/// Why the record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// What was there before could not be kept.
    #[error("the state before could not be kept: {0}")]
    Snapshot(#[from] SnapshotError),
    /// A file could not be read or written.
    #[error("{} could not be {step}: {source}", path.display())]
    Io { path: PathBuf, step: &'static str, source: io::Error },
    /// It is damaged.
    #[error("{PENDING}/{RECORD} is damaged: it lacks {0}")]
    Damaged(&'static str),
}

fn failed(path: &Path, step: &'static str) -> impl FnOnce(io::Error) -> RecordError {
    let path = path.to_path_buf();
    move |source| RecordError::Io { path, step, source }
}

impl Change {
    /// Keeps what is there now, and records the change as begun. From here on it can be undone.
    pub(crate) fn begin(&self) -> Result<(), RecordError> {
        let (begun, pending) = (Path::new(BEGUN), Path::new(PENDING));
        snapshot::make_directory(Path::new(DIRECTORY), 0o700)?;
        snapshot::remove_tree(begun)?;
        let result = (|| {
            snapshot::make_directory(begun, 0o700)?;
            snapshot::take(&begun.join(BEFORE))?;
            self.write_to(begun)?;
            // Names in directories survive a power cut once these are written too.
            rustix::fs::syncfs(fs::File::open(begun).map_err(failed(begun, "opened"))?)
                .map_err(|errno| failed(begun, "made durable")(errno.into()))?;
            file::rename(begun, pending).map_err(failed(pending, "made"))
        })();
        if result.is_err() {
            // A disk that was full is given its space back.
            let _ = snapshot::remove_tree(begun);
            if pending.exists() {
                let _ = forget();
            }
        }
        result
    }

    /// Writes down how far it has come.
    pub(crate) fn update(&self) -> Result<(), RecordError> {
        self.write_to(Path::new(PENDING))
    }

    fn write_to(&self, directory: &Path) -> Result<(), RecordError> {
        let path = directory.join(RECORD);
        file::write(&path, self.to_text().as_bytes(), Attributes::of_root(0o600)).map_err(failed(&path, "written"))
    }

    /// The change that waits, if one does.
    pub(crate) fn pending() -> Result<Option<Self>, RecordError> {
        let directory = Path::new(PENDING);
        match directory.symlink_metadata() {
            // Where the directory above is none, no change was ever begun in it.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(directory, "read")(error)),
            Ok(_) => {}
        }
        let path = directory.join(RECORD);
        let read = file::read(&path).map_err(failed(&path, "read"))?;
        let (bytes, _) = read.ok_or(RecordError::Damaged("everything"))?;
        Self::from_text(&String::from_utf8_lossy(&bytes)).map(Some)
    }

    /// Is its time over, or was the host started anew? A clock that was set has no say.
    pub(crate) fn is_overdue(&self) -> bool {
        self.boot != boot_id() || clock::since_boot_milliseconds() >= self.deadline
    }

    /// How long it may still wait, in seconds.
    pub(crate) fn seconds_left(&self) -> u64 {
        self.deadline.saturating_sub(clock::since_boot_milliseconds()).div_ceil(1000)
    }

    fn to_text(&self) -> String {
        let stage = match self.stage {
            Stage::Begun => "begun",
            Stage::Made => "made",
        };
        let mut text = format!(
            "command {}\nfrom {}\nto {}\nserial-before {}\nserial-after {}\nstage {stage}\nat {}\nboot {}\nmade {}\ndeadline {}\n",
            self.command,
            self.from.name(),
            self.to.name(),
            self.serials.0,
            self.serials.1,
            self.at,
            self.boot,
            self.made,
            self.deadline
        );
        if let Some(person) = &self.person {
            text.push_str(&format!("person {person}\n"));
        }
        if let Some(look) = self.look {
            text.push_str(&format!("look {look}\n"));
        }
        text
    }

    fn from_text(text: &str) -> Result<Self, RecordError> {
        let value = |name: &'static str| {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.filter(|(key, _)| *key == name).map(|(_, value)| value).next_back()
        };
        let needed = |name: &'static str| value(name).ok_or(RecordError::Damaged(name));
        let number = |name: &'static str| needed(name)?.parse().map_err(|_| RecordError::Damaged(name));
        let mode = |name: &'static str| Mode::named(needed(name)?).ok_or(RecordError::Damaged(name));
        Ok(Self {
            command: needed("command")?.to_owned(),
            from: mode("from")?,
            to: mode("to")?,
            serials: (number("serial-before")?, number("serial-after")?),
            person: value("person").map(str::to_owned),
            stage: match needed("stage")? {
                "made" => Stage::Made,
                _ => Stage::Begun,
            },
            at: needed("at")?.parse().map_err(|_| RecordError::Damaged("at"))?,
            boot: needed("boot")?.to_owned(),
            made: number("made")?,
            deadline: number("deadline")?,
            look: value("look").map(str::parse).transpose().map_err(|_| RecordError::Damaged("look"))?,
        })
    }
}

/// What was there before the change that waits.
pub(crate) fn before() -> PathBuf {
    Path::new(PENDING).join(BEFORE)
}

/// PAM's files as the change that waits left them.
pub(crate) fn made() -> PathBuf {
    Path::new(PENDING).join(MADE)
}

/// Keeps PAM's files as the change left them.
pub(crate) fn remember_made() -> Result<(), RecordError> {
    Ok(snapshot::take_made(&made())?)
}

/// The one step that confirms: the change no longer waits. After an error it still does.
pub(crate) fn confirm() -> Result<(), RecordError> {
    let (pending, confirmed, outdated) = (Path::new(PENDING), Path::new(CONFIRMED), Path::new(OUTDATED));
    snapshot::remove_tree(outdated)?;
    if confirmed.exists() {
        file::rename(confirmed, outdated).map_err(failed(confirmed, "put aside"))?;
    }
    fs::rename(pending, confirmed).map_err(failed(pending, "confirmed"))?;
    last_beyond_a_power_cut();
    let _ = snapshot::remove_tree(outdated);
    Ok(())
}

/// The step is done, whatever the disk says of it; one that was lost with the power is undone at the next start.
fn last_beyond_a_power_cut() {
    if let Err(error) = file::make_durable(Path::new(DIRECTORY)) {
        output::message(&format!("warning: {DIRECTORY} could not be made durable: {error}"));
    }
}

/// After everything came back: nothing waits any more.
pub(crate) fn forget() -> Result<(), RecordError> {
    let (pending, outdated) = (Path::new(PENDING), Path::new(OUTDATED));
    snapshot::remove_tree(outdated)?;
    fs::rename(pending, outdated).map_err(failed(pending, "put aside"))?;
    last_beyond_a_power_cut();
    let _ = snapshot::remove_tree(outdated);
    Ok(())
}

/// This start of the host (random(4)).
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Change, Stage};
    use crate::change::configuration::Mode;

    #[test]
    fn reads_what_it_writes() {
        let mut change = Change {
            command: "enable".to_owned(),
            from: Mode::NotEnabled,
            to: Mode::Enforce,
            serials: (0, 2_026_112_501),
            person: Some("anna".to_owned()),
            stage: Stage::Begun,
            at: 1_764_000_000,
            boot: "d9b4b1f5-0000-4000-8000-000000000000".to_owned(),
            made: 0,
            deadline: 600_000,
            look: Some(60_000),
        };
        assert_eq!(Change::from_text(&change.to_text()).unwrap(), change);
        change.stage = Stage::Made;
        change.person = None;
        change.look = None;
        assert_eq!(Change::from_text(&change.to_text()).unwrap(), change);
    }

    #[test]
    fn a_damaged_record_says_what_it_lacks() {
        let error = Change::from_text("command apply\nfrom enforce\n").unwrap_err().to_string();
        assert!(error.ends_with("it lacks to"), "{error}");
    }
}
