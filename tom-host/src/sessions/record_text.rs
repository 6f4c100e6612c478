//! A record as text: `name=value` lines. Values are foreign text; what would end a line is written as an
//! escape, and read back as what it was.

use super::{Process, Session};

/// The longest value, in bytes. What is longer is cut.
const LONGEST_VALUE: usize = 512;

/// The record of a session, written during this start of the host.
pub(super) fn write(session: &Session, boot: &str) -> String {
    let opened = session.opened.to_string();
    let lines = [
        ("boot", Some(boot)),
        ("opened", Some(opened.as_str())),
        ("account", Some(session.account.as_str())),
        ("service", Some(session.service.as_str())),
        ("person", session.person.as_deref()),
        ("key", session.key_label.as_deref()),
        ("fingerprint", session.key_fingerprint.as_deref()),
        ("machine", session.machine.as_deref()),
        ("from", session.from.as_deref()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        if let Some(value) = value {
            text.push_str(&format!("{name}={}\n", escape(value)));
        }
    }
    // Whatever was cut off in writing lacks this line.
    text.push_str("end\n");
    text
}

/// The session of a record and the start of the host in which it was written; nothing where it is damaged.
pub(super) fn parse(bytes: &[u8], process: Process) -> Option<(Session, String)> {
    let text = str::from_utf8(bytes).ok()?.strip_suffix("end\n")?;
    let mut session = Session {
        process,
        person: None,
        key_label: None,
        key_fingerprint: None,
        machine: None,
        account: String::new(),
        service: String::new(),
        from: None,
        opened: 0,
    };
    let mut boot = String::new();
    for line in text.lines() {
        let (name, value) = line.split_once('=')?;
        let value = unescape(value)?;
        match name {
            "boot" => boot = value,
            "opened" => session.opened = value.parse().ok()?,
            "account" => session.account = value,
            "service" => session.service = value,
            "person" => session.person = Some(value),
            "key" => session.key_label = Some(value),
            "fingerprint" => session.key_fingerprint = Some(value),
            "machine" => session.machine = Some(value),
            "from" => session.from = Some(value),
            // Of a later version.
            _ => {}
        }
    }
    (!session.account.is_empty() && !session.service.is_empty()).then_some((session, boot))
}

fn escape(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        let before = text.len();
        if character == '\\' || character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
        if text.len() > LONGEST_VALUE {
            text.truncate(before);
            break;
        }
    }
    text
}

fn unescape(value: &str) -> Option<String> {
    let mut parts = value.split('\\');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.strip_prefix("u{")?.split_once('}')?;
        text.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
        text.push_str(rest);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{Process, Session, parse, write};
    use proptest::prelude::*;

    const PROCESS: Process = Process { pid: 1, started: 2 };

    fn session(account: &str, person: Option<&str>) -> Session {
        Session {
            process: PROCESS,
            person: person.map(str::to_owned),
            key_label: None,
            key_fingerprint: Some("SHA256:x".to_owned()),
            machine: None,
            account: account.to_owned(),
            service: "sshd".to_owned(),
            from: None,
            opened: -7,
        }
    }

    /// Case 14: no name writes another line.
    #[test]
    fn case_14_a_name_ends_no_line() {
        let evil = session("x\nperson=anna\r\u{2028}\\u{41}", None);
        let text = write(&evil, "boot");
        assert_eq!(text.lines().count(), 6, "{text}");
        assert_eq!(parse(text.as_bytes(), PROCESS), Some((evil, "boot".to_owned())));
    }

    #[test]
    fn half_a_record_is_none() {
        let text = write(&session("root", Some("anna")), "boot");
        for length in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..length], PROCESS), None, "{length}");
        }
        assert!(parse(b"end\n", PROCESS).is_none());
        assert!(parse(b"account=root\nservice=\\u{d800}\nend\n", PROCESS).is_none());
        assert!(parse(b"account=\xff\nend\n", PROCESS).is_none());
    }

    #[test]
    fn a_long_name_is_cut() {
        let long = write(&session(&"\\".repeat(100_000), None), "boot");
        assert!(long.len() < 1024);
        assert!(parse(long.as_bytes(), PROCESS).is_some());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(account in ".{1,40}", person in proptest::option::of(".{0,40}")) {
            let session = session(&account, person.as_deref());
            let read = parse(write(&session, "b").as_bytes(), PROCESS);
            prop_assert_eq!(read, Some((session, "b".to_owned())));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, PROCESS);
        }
    }
}
