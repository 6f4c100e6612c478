//! What tom does on this host: enforce, observe, nothing. The first thing that is said, in every format.

use super::finding::{Finding, Findings};
use libtom::moment::Moment;
use serde::Serialize;
use std::path::Path;
use tom_host::trusted_file;

/// Says that the host is enabled, and how.
pub(crate) const ENABLED: &str = "/var/lib/tom/enabled";
const LARGEST: u64 = 4096;

/// What tom does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// It decides.
    Enforce,
    /// It says what it would decide.
    Observe,
    /// Nothing asks it.
    NotEnabled,
    /// It cannot be told.
    Unknown,
}

impl Mode {
    /// The words in reports for people.
    pub(crate) const fn in_words(self) -> &'static str {
        match self {
            Self::Enforce => "ENFORCING: administrators log in by policy alone",
            Self::Observe => "OBSERVING: nothing is refused",
            Self::NotEnabled => "NOT ENABLED: nothing on this host asks tom",
            Self::Unknown => "UNKNOWN: it cannot be told whether tom decides here",
        }
    }

    /// Is tom meant to decide here? Where it cannot be told, everything that has to hold is asked for.
    pub(crate) const fn enforces(self) -> bool {
        matches!(self, Self::Enforce | Self::Unknown)
    }
}

/// Mode, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enabled {
    pub(crate) mode: Mode,
    pub(crate) since: Option<Moment>,
}

/// Reads it.
pub(crate) fn read(findings: &mut Findings) -> Enabled {
    let text = match trusted_file::read(Path::new(ENABLED), LARGEST) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.is_not_found() => return Enabled { mode: Mode::NotEnabled, since: None },
        Err(error) => {
            findings.not_known("mode", "whether this host enforces or observes", error);
            return Enabled { mode: Mode::Unknown, since: None };
        }
    };
    let enabled = parse(&text);
    if enabled.mode == Mode::Unknown {
        findings.not_known("mode", "whether this host enforces or observes", format!("{ENABLED} says neither"));
    }
    enabled
}

fn parse(text: &str) -> Enabled {
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == wanted).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let mode = match value("mode").as_deref() {
        Some("enforce") => Mode::Enforce,
        Some("observe") => Mode::Observe,
        _ => Mode::Unknown,
    };
    Enabled { mode, since: value("since").and_then(|since| Moment::parse(&since)) }
}

/// A host that does not enforce has that as its first finding.
pub(super) fn check(enabled: Enabled, findings: &mut Findings) {
    match enabled.mode {
        Mode::Enforce | Mode::Unknown => {}
        Mode::Observe => findings.add(
            Finding::warning("observing", "tom only observes here: nothing is refused")
                .why("whoever could become an administrator before tom was installed still can")
                .fix("when what would be refused is as it should be: 'tom enable'")
                .at(ENABLED),
        ),
        Mode::NotEnabled => findings.add(
            Finding::critical("not-enabled", "tom is installed and nothing asks it: sshd and PAM go on without it")
                .why("whoever could become an administrator before tom was installed still can")
                .fix("'tom enable --observe' to see what it would refuse, then 'tom enable'"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, parse};

    #[test]
    fn only_the_two_words_count() {
        for (text, expected) in [
            ("mode = \"enforce\"\nsince = \"2026-11-25T10:00:00Z\"\n", Mode::Enforce),
            ("# x\nmode=\"observe\"\n", Mode::Observe),
            ("mode = \"Enforce\"\n", Mode::Unknown),
            ("", Mode::Unknown),
        ] {
            assert_eq!(parse(text).mode, expected, "{text}");
        }
        assert!(parse("mode = \"enforce\"\nsince = \"2026-11-25T10:00:00Z\"\n").since.is_some());
    }
}
