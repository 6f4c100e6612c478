//! Sends events to where the host keeps its log.
//!
//! What: one datagram in the journal's native protocol; without a journal, one line to /dev/log;
//! without either, nothing. Why: sshd discards the standard error of its AuthorizedKeysCommand, and
//! a PAM module has none of its own; structured fields are what an auditor can ask for. What must
//! never happen: that a login waits for the log (case 23), that a decision depends on it, that an
//! event becomes two lines.

use std::os::unix::net::UnixDatagram;

use crate::event::Event;

/// Where journald listens.
const JOURNAL: &str = "/run/systemd/journal/socket";
/// Where every syslog daemon listens.
const SYSLOG: &str = "/dev/log";
/// The name under which all our programs log.
const IDENTIFIER: &str = "tom";
/// authpriv: logins and rights, not for everybody's eyes.
const FACILITY: u8 = 10;

/// Where an event went. Whatever it is, the decision stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Into the journal, with all fields.
    Journal,
    /// Into syslog, as one line.
    Syslog,
    /// Nobody listened, or whoever listens was busy.
    Nowhere,
}

/// Records an event, at once or not at all.
pub fn record(event: &Event) -> Delivery {
    if send(JOURNAL, native(event).as_bytes()) {
        Delivery::Journal
    } else if send(SYSLOG, line(event).as_bytes()) {
        Delivery::Syslog
    } else {
        Delivery::Nowhere
    }
}

/// Whether the whole datagram was taken. The standard library's sockets close on exec and raise no
/// SIGPIPE; this one doesn't wait either.
fn send(path: &str, bytes: &[u8]) -> bool {
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(bytes, path)
    });
    sent.is_ok_and(|count| count == bytes.len())
}

/// The journal's protocol: `NAME=value` and a newline for each field. Values with a newline would
/// need another form; escaped text has none.
fn native(event: &Event) -> String {
    let kind = event.kind();
    let mut datagram = format!(
        "MESSAGE={}\nMESSAGE_ID={}\nPRIORITY={}\nSYSLOG_FACILITY={FACILITY}\n\
         SYSLOG_IDENTIFIER={IDENTIFIER}\nTOM_EVENT={}\n",
        event.message(),
        kind.message_id(),
        kind.priority(),
        kind.name(),
    );
    for (field, value) in event.fields() {
        datagram.push_str(&format!("{}={value}\n", field.name()));
    }
    datagram
}

/// The line for syslog, with everything in quotes that may come from outside. There is no time in
/// it, because the zone is the daemon's matter: it puts in the time of receipt.
fn line(event: &Event) -> String {
    let kind = event.kind();
    let priority = FACILITY.saturating_mul(8) | kind.priority();
    let mut line = format!("<{priority}>{IDENTIFIER}[{}]: {}", std::process::id(), kind.name());
    for (field, value) in event.fields() {
        line.push_str(&format!(" {}={}", field.name(), quoted(value)));
    }
    line.push_str(&format!(" MESSAGE={}", quoted(event.message())));
    line
}

/// Escaped text in quotes, those inside it escaped as well.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::event::{Field, Kind, LONGEST_VALUE};
    use crate::private_mounts::inside;

    const WORLD: &str = "mount -t tmpfs -o mode=0755 tmpfs /run
        mount -t tmpfs -o mode=0755 tmpfs /dev
        mkdir -p /run/systemd/journal";

    fn event() -> Event {
        Event::new(Kind::Refused, "root was refused to \"a\nTOM_VERDICT=allow\"")
            .with(Field::Account, "root\nTOM_VERDICT=allow")
            .with(Field::Verdict, "deny")
            .with(Field::From, "203.0.113.5")
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 65536];
        socket.set_nonblocking(true).unwrap();
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    }

    #[test]
    fn the_native_protocol() {
        let expected = format!(
            "MESSAGE=root was refused to \"a\\x0aTOM_VERDICT=allow\"\nMESSAGE_ID={}\nPRIORITY=4\n\
             SYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=tom\nTOM_EVENT=refused\nTOM_VERDICT=deny\n\
             TOM_ACCOUNT=root\\x0aTOM_VERDICT=allow\nTOM_FROM=203.0.113.5\n",
            Kind::Refused.message_id()
        );
        assert_eq!(native(&event()), expected);
    }

    #[test]
    fn the_line_for_syslog() {
        let expected = format!(
            "<84>tom[{}]: refused TOM_VERDICT=\"deny\" TOM_ACCOUNT=\"root\\x0aTOM_VERDICT=allow\" \
             TOM_FROM=\"203.0.113.5\" MESSAGE=\"root was refused to \\\"a\\x0aTOM_VERDICT=allow\\\"\"",
            std::process::id()
        );
        assert_eq!(line(&event()), expected);
    }

    #[test]
    fn the_largest_event_fits() {
        let long = "\u{202e}".repeat(10_000);
        let mut event = Event::new(Kind::Refused, &long);
        for field in Field::ALL {
            event = event.with(field, &long);
        }
        let most = (Field::ALL.len() + 1) * (LONGEST_VALUE + 32) + 200;
        assert!(native(&event).len() < most && most < 16_000);
        assert_eq!(native(&event).lines().count(), Field::ALL.len() + 6);
        assert_eq!(line(&event).lines().count(), 1);
    }

    #[test]
    fn journal_then_syslog_then_nowhere() {
        if !inside("journal::tests::journal_then_syslog_then_nowhere", WORLD) {
            return;
        }
        assert_eq!(record(&event()), Delivery::Nowhere);
        let syslog = UnixDatagram::bind(SYSLOG).unwrap();
        assert_eq!(record(&event()), Delivery::Syslog);
        assert_eq!(received(&syslog), line(&event()));
        let journal = UnixDatagram::bind(JOURNAL).unwrap();
        assert_eq!(record(&event()), Delivery::Journal);
        assert_eq!(received(&journal), native(&event()));
        // Both sockets are still there, and nobody behind them.
        drop(journal);
        assert_eq!(record(&event()), Delivery::Syslog);
        drop(syslog);
        assert_eq!(record(&event()), Delivery::Nowhere);
        for other in ["rm", "mkdir", "rmdir; mkfifo"] {
            for path in [JOURNAL, SYSLOG] {
                match other {
                    "rm" => fs::remove_file(path).unwrap(),
                    "mkdir" => fs::create_dir(path).unwrap(),
                    _ => fs::remove_dir(path).unwrap(),
                }
            }
            assert_eq!(record(&event()), Delivery::Nowhere);
        }
    }

    /// Case 23: a log that nobody reads holds up no login.
    #[test]
    fn a_full_log_is_not_waited_for() {
        if !inside("journal::tests::a_full_log_is_not_waited_for", WORLD) {
            return;
        }
        let _journal = UnixDatagram::bind(JOURNAL).unwrap();
        let _syslog = UnixDatagram::bind(SYSLOG).unwrap();
        let begin = Instant::now();
        let mut seen = Vec::new();
        for _ in 0..5_000 {
            seen.push(record(&event()));
        }
        assert!(begin.elapsed() < Duration::from_secs(2));
        seen.dedup();
        let order = [Delivery::Journal, Delivery::Syslog, Delivery::Nowhere];
        assert_eq!(seen, order);
    }
}
