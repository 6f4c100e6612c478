//! Logins of the last days, from what this host keeps: the journal, else /var/log/auth.log.

use super::auth_log::{self, Line};
use super::journal_record::{self, Record};
use super::past_login::{PastLogin, counted, united};
use libtom::moment::Moment;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use thiserror::Error;
use tom_host::clock;
use tom_host::event::Kind;

const JOURNALCTL: &str = "/usr/bin/journalctl";
const QUIETLY: [&str; 3] = ["--no-pager", "--quiet", "--system"];
const GZIP: &str = "/usr/bin/gzip";
/// Ends what takes too long: a journal on a slow disk must not hold up the administrator.
const TIMEOUT: &str = "/usr/bin/timeout";
const SECONDS: &str = "30";
/// What it answers then.
const TOOK_TOO_LONG: i32 = 124;
/// As many entries of the journal are read, the latest.
const MOST_ENTRIES: u32 = 100_000;
/// No more of a record is read.
const MOST_BYTES: u64 = 64 << 20;
/// No line of a record is longer; what is longer is no login.
const LONGEST_LINE: u64 = 1 << 20;
const AUTH_LOG: &str = "/var/log/auth.log";
/// logrotate keeps four, of a week each, from the second on compressed.
const OLDEST_AUTH_LOG: u8 = 5;
const SECONDS_OF_A_DAY: i64 = 86_400;

/// Why there is nothing to replay.
#[derive(Debug, Error)]
pub(crate) enum ReplayError {
    /// Neither of them is there.
    #[error("this host keeps no record of logins: neither a journal nor {AUTH_LOG}")]
    NoRecord,
    /// It is there, and cannot be read.
    #[error("{record}: {error}")]
    Unreadable {
        /// Which record.
        record: String,
        /// The system's answer.
        error: io::Error,
    },
}

/// What the records say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecentLogins {
    /// The logins, those that are alike as one.
    pub(crate) logins: Vec<PastLogin>,
    /// Where they were read.
    pub(crate) source: &'static str,
    /// Entries about logins that could not be understood.
    pub(crate) unreadable: u32,
    /// More was there than could be read in time.
    pub(crate) incomplete: bool,
}

impl RecentLogins {
    /// What is not known, for people; nothing where everything was read.
    pub(crate) fn caveat(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.incomplete {
            parts.push("not all of it could be read in time".to_owned());
        }
        if self.unreadable > 0 {
            parts.push(format!("{} entries about logins could not be understood", self.unreadable));
        }
        (!parts.is_empty()).then(|| format!("{}: {}", self.source, parts.join("; ")))
    }
}

/// Logins of the last days.
pub(crate) fn recent_logins(since_days: u16) -> Result<RecentLogins, ReplayError> {
    let now = Moment::from_unix(clock::now());
    let since = Moment::from_unix(now.as_unix().saturating_sub(i64::from(since_days).saturating_mul(SECONDS_OF_A_DAY)));
    match from_journal(since)? {
        Some(found) => Ok(found),
        None => from_auth_log(since, now)?.ok_or(ReplayError::NoRecord),
    }
}

/// Nothing where there is no journal.
fn from_journal(since: Moment) -> Result<Option<RecentLogins>, ReplayError> {
    if !Path::new(JOURNALCTL).exists() || !holds_anything()? {
        return Ok(None);
    }
    // Once for what tom said, and once for sshd's own lines: the journal's pattern is for all terms of a search.
    let kinds = [Kind::LoginAllowed, Kind::BreakGlassUsed].map(|kind| format!("MESSAGE_ID={}", kind.message_id()));
    let toms = entries(since, &["_UID=0", &kinds[0], &kinds[1]])?;
    let sshds =
        entries(since, &["--grep=^Accepted ", "--case-sensitive=yes", "_UID=0", "_COMM=sshd", "_COMM=sshd-session"])?;
    Ok(Some(RecentLogins {
        unreadable: toms.unreadable.saturating_add(sshds.unreadable),
        incomplete: toms.incomplete || sshds.incomplete,
        source: "the journal",
        logins: united([counted(toms.logins), counted(sshds.logins)]),
    }))
}

/// A journal without a single entry is none.
fn holds_anything() -> Result<bool, ReplayError> {
    let mut child = started(JOURNALCTL, &[&QUIETLY[..], &["-o", "cat", "-n", "1", "--output-fields=_PID"]].concat())?;
    let mut first = Vec::new();
    if let Some(output) = child.stdout.take() {
        let _ = output.take(LONGEST_LINE).read_to_end(&mut first);
    }
    let _ = child.wait();
    Ok(!first.is_empty())
}

fn entries(since: Moment, terms: &[&str]) -> Result<Reading, ReplayError> {
    let since = format!("--since=@{}", since.as_unix());
    let most = MOST_ENTRIES.to_string();
    let child = started(JOURNALCTL, &[&QUIETLY[..], &["-o", "json", "--all", "-n", &most, &since], terms].concat())?;
    let mut reading = Reading::default();
    let mut count = 0_u32;
    reading.incomplete |= each_line_of(child, |line| {
        count = count.saturating_add(1);
        match journal_record::read(line) {
            Record::Login(login) => reading.logins.push(*login),
            Record::Unreadable => reading.unreadable = reading.unreadable.saturating_add(1),
            Record::Other => {}
        }
    });
    reading.incomplete |= count >= MOST_ENTRIES;
    Ok(reading)
}

/// Nothing where there is no such file.
fn from_auth_log(since: Moment, now: Moment) -> Result<Option<RecentLogins>, ReplayError> {
    let mut reading = Reading::default();
    let mut any = false;
    for number in 0..=OLDEST_AUTH_LOG {
        let name = match number {
            0 => AUTH_LOG.to_owned(),
            1 => format!("{AUTH_LOG}.1"),
            _ => format!("{AUTH_LOG}.{number}.gz"),
        };
        let unreadable = |error| ReplayError::Unreadable { record: name.clone(), error };
        let metadata = match Path::new(&name).symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        };
        // What was last written to before those days, and what is no log: a FIFO would be waited for.
        if !metadata.is_file() || metadata.mtime() < since.as_unix() {
            any |= metadata.is_file();
            continue;
        }
        any = true;
        let mut unread = 0_u32;
        let mut found = Vec::new();
        let take = |line: &str| match auth_log::read(line, now) {
            Line::Login(login) if login.last >= since => found.push(*login),
            Line::Unreadable => unread = unread.saturating_add(1),
            Line::Login(_) | Line::Other => {}
        };
        reading.incomplete |= if number > 1 {
            each_line_of(started(GZIP, &["-dcq", "--", &name])?, take)
        } else {
            let mut file = File::open(&name).map_err(unreadable)?;
            let begins_late = metadata.len().checked_sub(MOST_BYTES);
            if let Some(start) = begins_late {
                file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
            }
            each_line(file, take) || begins_late.is_some()
        };
        reading.unreadable = reading.unreadable.saturating_add(unread);
        reading.logins.extend(found);
    }
    Ok(any.then(|| RecentLogins {
        source: AUTH_LOG,
        logins: counted(reading.logins),
        unreadable: reading.unreadable,
        incomplete: reading.incomplete,
    }))
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    logins: Vec<PastLogin>,
    unreadable: u32,
    incomplete: bool,
}

/// Starts a program that will not go on for ever.
fn started(program: &str, arguments: &[&str]) -> Result<Child, ReplayError> {
    Command::new(TIMEOUT)
        .args(["--kill-after=5", SECONDS, program])
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| ReplayError::Unreadable { record: program.to_owned(), error })
}

/// Gives each line that a program writes to `take`; tells whether something was left out.
fn each_line_of(mut child: Child, take: impl FnMut(&str)) -> bool {
    let cut = child.stdout.take().is_none_or(|output| each_line(output, take));
    // journalctl answers 1 without a word where nothing matches.
    let mut complaint = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let _ = stderr.take(LONGEST_LINE).read_to_end(&mut complaint);
    }
    let went_well = match child.wait().ok().and_then(|status| status.code()) {
        Some(0) => true,
        Some(TOOK_TOO_LONG) | None => false,
        Some(_) => complaint.is_empty(),
    };
    cut || !went_well
}

/// Gives each line to `take`; tells whether something was left out.
fn each_line(input: impl Read, mut take: impl FnMut(&str)) -> bool {
    let mut input = BufReader::new(input.take(MOST_BYTES));
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return input.get_ref().limit() == 0,
            Ok(_) => take(String::from_utf8_lossy(&line).trim_end_matches('\n')),
            Err(_) => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(script: &str) -> (Vec<String>, bool) {
        let mut lines = Vec::new();
        let cut = each_line_of(started("/bin/sh", &["-c", script]).unwrap(), |line| lines.push(line.to_owned()));
        (lines, cut)
    }

    #[test]
    fn what_a_program_leaves_out_is_told() {
        let two = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(lines_of("printf 'a\\nb'"), (two.clone(), false));
        assert_eq!(lines_of("printf 'a\\nb\\n'; exit 1"), (two.clone(), false), "nothing more was found");
        assert_eq!(lines_of("printf 'a\\nb\\n'; echo damaged >&2; exit 1"), (two.clone(), true));
        assert_eq!(lines_of("printf 'a\\nb\\n'; exit 124"), (two.clone(), true));
        assert_eq!(lines_of("printf 'a\\nb\\n'; kill -9 $$"), (two, true));
        let (lines, cut) = lines_of("printf 'a\\377\\n'");
        assert_eq!((lines[0].as_str(), cut), ("a\u{fffd}", false));
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let endless = io::repeat(b'x').take(LONGEST_LINE * 2 + 1);
        let mut lengths = Vec::new();
        assert!(!each_line(endless, |line| lengths.push(line.len())));
        let longest = usize::try_from(LONGEST_LINE).unwrap();
        assert_eq!(lengths, [longest, longest, 1]);
        let mut total = 0;
        assert!(each_line(io::repeat(b'x'), |line| total += line.len()), "no more than so much is read");
        assert_eq!(u64::try_from(total), Ok(MOST_BYTES));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut found = RecentLogins { source: "the journal", ..RecentLogins::default() };
        assert_eq!(found.caveat(), None);
        found.unreadable = 2;
        found.incomplete = true;
        let caveat = found.caveat().unwrap();
        assert!(
            caveat.contains("the journal") && caveat.contains("2 entries") && caveat.contains("in time"),
            "{caveat}"
        );
    }
}
