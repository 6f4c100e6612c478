//! Logins of the last days, from what this host keeps: the journal, else /var/log/auth.log.

use super::auth_log::{self, Line};
use super::journal_record::{self, Record};
use super::past_login::{PastLogin, counted, united};
use libtom::moment::Moment;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use thiserror::Error;
use tom_host::clock;
use tom_host::event::Kind;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// Ends what takes too long: a journal on a slow disk must not hold up the administrator.
const TIMEOUT: [&str; 3] = ["/usr/bin/timeout", "--kill-after=5", "30"];
/// What `timeout` answers then.
const TOOK_TOO_LONG: i32 = 124;
/// As many entries of the journal are read, the latest.
const MOST_ENTRIES: &str = "100000";
/// No more of a record is read: its end.
const MOST_BYTES: u64 = 256 << 20;
/// No line of a record is longer; what is longer is no login.
const LONGEST_LINE: u64 = 1 << 20;
const AUTH_LOG: &str = "/var/log/auth.log";
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
        logins: united([toms.logins, sshds.logins]),
    }))
}

/// A journal without a single entry is none.
fn holds_anything() -> Result<bool, ReplayError> {
    let mut child = journalctl(&["-o", "cat", "-n", "1", "--output-fields=_PID"])?;
    let mut first = Vec::new();
    if let Some(output) = child.stdout.take() {
        let _ = output.take(LONGEST_LINE).read_to_end(&mut first);
    }
    let _ = child.wait();
    Ok(!first.is_empty())
}

fn journalctl(arguments: &[&str]) -> Result<Child, ReplayError> {
    let [timeout, grace, seconds] = TIMEOUT;
    Command::new(timeout)
        .args([grace, seconds, JOURNALCTL, "--no-pager", "--quiet", "--system"])
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| ReplayError::Unreadable { record: JOURNALCTL.to_owned(), error })
}

fn entries(since: Moment, terms: &[&str]) -> Result<RecentLogins, ReplayError> {
    let since = format!("--since=@{}", since.as_unix());
    let fixed = ["-o", "json", "--all", "-n", MOST_ENTRIES, &since];
    let mut child = journalctl(&[&fixed[..], terms].concat())?;
    let mut found = RecentLogins::default();
    let mut logins = Vec::new();
    let mut count = 0_u32;
    if let Some(output) = child.stdout.take() {
        found.incomplete |= each_line(output, |line| {
            count = count.saturating_add(1);
            match journal_record::read(line) {
                Record::Login(login) => logins.push(*login),
                Record::Unreadable => found.unreadable = found.unreadable.saturating_add(1),
                Record::Other => {}
            }
        });
    }
    let ended = child.wait().ok().and_then(|status| status.code());
    found.incomplete |= ended == Some(TOOK_TOO_LONG) || ended.is_none() || count.to_string() == MOST_ENTRIES;
    found.logins = counted(logins);
    Ok(found)
}

/// Gives each line that is text to `take`; tells whether something was left out.
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

/// Nothing where there is no such file.
fn from_auth_log(since: Moment, now: Moment) -> Result<Option<RecentLogins>, ReplayError> {
    let mut found = RecentLogins { source: AUTH_LOG, ..RecentLogins::default() };
    let mut logins = Vec::new();
    let mut any = false;
    for path in [PathBuf::from(AUTH_LOG), PathBuf::from(format!("{AUTH_LOG}.1"))] {
        let unreadable = |error| ReplayError::Unreadable { record: path.display().to_string(), error };
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        }
        let mut file = File::open(&path).map_err(unreadable)?;
        any = true;
        let length = file.metadata().map_err(unreadable)?.len();
        if let Some(start) = length.checked_sub(MOST_BYTES) {
            file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
            found.incomplete = true;
        }
        found.incomplete |= each_line(file, |line| match auth_log::read(line, now) {
            Line::Login(login) if login.last >= since => logins.push(*login),
            Line::Unreadable => found.unreadable = found.unreadable.saturating_add(1),
            Line::Login(_) | Line::Other => {}
        });
    }
    found.logins = counted(logins);
    Ok(any.then_some(found))
}
