//! Lines of /var/log/auth.log, as rsyslog writes them. Any user of the host can have lines written there under any
//! name, so that they are read only where there is no journal, and decide nothing.

use super::accepted_line;
use super::journal_record::by_sshd;
use super::past_login::PastLogin;
use libtom::moment::Moment;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// A line without a year is of the last twelve months; a clock may have been a day ahead.
const A_DAY: i64 = 86_400;

/// What a line is to a replay.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// sshd tells of a login.
    Login(Box<PastLogin>),
    /// Nothing that a replay asks about.
    Other,
    /// sshd tells of a login, and it cannot be understood.
    Unreadable,
}

/// Reads a line.
pub(crate) fn read(line: &str, now: Moment) -> Line {
    let Some((head, message)) = after_tag(line) else { return Line::Other };
    if !accepted_line::is_about_a_login(message) {
        return Line::Other;
    }
    match (moment(head, now), accepted_line::parse(message)) {
        (Some(last), Some(accepted)) => Line::Login(Box::new(by_sshd(&accepted, last))),
        _ => Line::Unreadable,
    }
}

/// What stands before the host's name, and the message behind `sshd[123]: `.
fn after_tag(line: &str) -> Option<(&str, &str)> {
    let (before, message) = line.split_once("]: ")?;
    let (before, pid) = before.rsplit_once('[')?;
    let (before, tag) = before.rsplit_once(' ')?;
    let (time, _host) = before.rsplit_once(' ')?;
    let is_pid = !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit());
    (is_pid && matches!(tag, "sshd" | "sshd-session")).then_some((time, message))
}

/// `2026-11-25T14:25:33.123456+01:00` (Debian 13), or `Nov 25 14:25:33` (Debian 12), which knows neither year nor
/// offset and is taken as UTC: what matters is the day.
fn moment(text: &str, now: Moment) -> Option<Moment> {
    if let Some(moment) = Moment::parse(text) {
        return Some(moment);
    }
    let mut words = text.split_ascii_whitespace();
    let (month, day, clock) = (words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?.checked_add(1)?;
    let day: u8 = day.parse().ok().filter(|_| words.next().is_none())?;
    let this_year: u32 = now.to_string().get(..4)?.parse().ok()?;
    let in_year = |year: u32| Moment::parse(&format!("{year:04}-{month:02}-{day:02}T{clock}Z"));
    let is_past = |moment: &Moment| moment.as_unix() <= now.as_unix().saturating_add(A_DAY);
    // 29 February is in neither year where the log is older than anybody keeps one.
    in_year(this_year).filter(is_past).or_else(|| in_year(this_year.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: &str = "2026-01-10T12:00:00Z";

    fn last(line: &str) -> Option<String> {
        match read(line, Moment::parse(NOW).unwrap()) {
            Line::Login(login) => Some(login.last.to_string()),
            Line::Other | Line::Unreadable => None,
        }
    }

    #[test]
    fn both_kinds_of_time() {
        let rest = "web1 sshd[812]: Accepted password for root from 192.0.2.7 port 22 ssh2";
        for (time, expected) in [
            ("2025-12-31T23:59:59.123456+01:00", "2025-12-31T22:59:59Z"),
            ("2026-01-10T11:00:00+00:00", "2026-01-10T11:00:00Z"),
            ("Jan 10 11:00:00", "2026-01-10T11:00:00Z"),
            ("Jan  9 11:00:00", "2026-01-09T11:00:00Z"),
            ("Dec 31 11:00:00", "2025-12-31T11:00:00Z"),
            ("Jan 11 11:00:00", "2026-01-11T11:00:00Z"),
            ("Jan 12 11:00:00", "2025-01-12T11:00:00Z"),
        ] {
            assert_eq!(last(&format!("{time} {rest}")).as_deref(), Some(expected), "{time}");
        }
        let session = "2026-01-10T11:00:00Z web1 sshd-session[8]: Accepted password for a from ::1 port 2 ssh2";
        assert!(last(session).is_some());
    }

    #[test]
    fn lines_of_others_and_lines_that_say_nothing() {
        let now = Moment::parse(NOW).unwrap();
        let message = "Accepted password for root from 192.0.2.7 port 22 ssh2";
        for line in [
            format!("Jan 10 11:00:00 web1 mysshd[8]: {message}"),
            format!("Jan 10 11:00:00 web1 sshd: {message}"),
            format!("Jan 10 11:00:00 web1 sshd[x]: {message}"),
            format!("Jan 10 11:00:00 web1 sudo[9]: acme : sshd[8]: {message}"),
            "Jan 10 11:00:00 web1 sshd[8]: Failed password for root from 192.0.2.7 port 22 ssh2".to_owned(),
            "Jan 10 11:00:00 web1 sshd[8]: Accepted key ED25519 x found at y".to_owned(),
        ] {
            assert_eq!(read(&line, now), Line::Other, "{line}");
        }
        for line in [
            format!("Foo 10 11:00:00 web1 sshd[8]: {message}"),
            format!("Jan 32 11:00:00 web1 sshd[8]: {message}"),
            format!("Jan 10 2026 11:00:00 web1 sshd[8]: {message}"),
            format!("Jan 10 11:00:00 web1 sshd[8]: {message} more"),
        ] {
            assert_eq!(read(&line, now), Line::Unreadable, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(time in "([A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8})|.{0,30}", text: String) {
            let now = Moment::parse(NOW).unwrap();
            let _ = read(&text, now);
            let _ = read(&format!("{time} web1 sshd[1]: Accepted {text}"), now);
        }
    }
}
