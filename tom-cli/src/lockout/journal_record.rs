//! Entries of the journal, as `journalctl -o json` gives them: tom's own events, and sshd's lines.

use super::accepted_line::{self, is_sha256};
use super::past_login::{Credential, PastLogin};
// Its key is made for one login, and lost to nobody.
use crate::change::rehearsal::MACHINE as REHEARSAL;
use libtom::moment::Moment;
use serde_json::{Map, Value};
use tom_host::event::{Field, Kind};

/// What an entry is to a replay.
#[derive(Debug, PartialEq)]
pub(crate) enum Record {
    /// A login.
    Login(Box<PastLogin>),
    /// Nothing that a replay asks about.
    Other,
    /// An entry about a login that cannot be understood.
    Unreadable,
}

/// Reads one line of JSON. Only what journald itself says of the sender counts as its origin: root.
pub(crate) fn read(line: &str) -> Record {
    let Ok(entry) = serde_json::from_str::<Map<String, Value>>(line) else { return Record::Unreadable };
    if text(&entry, "_UID") != Some("0") {
        return Record::Other;
    }
    let login = match text(&entry, "MESSAGE_ID") {
        Some(_) if text(&entry, Field::Machine.name()) == Some(REHEARSAL) => return Record::Other,
        Some(id) if id == Kind::LoginAllowed.message_id() || id == Kind::BreakGlassUsed.message_id() => toms(&entry),
        Some(_) => return Record::Other,
        None if matches!(text(&entry, "_COMM"), Some("sshd" | "sshd-session")) => match text(&entry, "MESSAGE") {
            Some(message) if accepted_line::is_about_a_login(message) => sshds(&entry, message),
            Some(_) => return Record::Other,
            None => None,
        },
        None => return Record::Other,
    };
    login.map_or(Record::Unreadable, |login| Record::Login(Box::new(login)))
}

fn toms(entry: &Map<String, Value>) -> Option<PastLogin> {
    let field = |field: Field| text(entry, field.name()).filter(|value| !value.is_empty());
    let owned = |name: Field| field(name).map(str::to_owned);
    let credential = match (field(Field::KeyFingerprint), field(Field::Machine)) {
        (Some(fingerprint), _) if is_sha256(fingerprint) => Credential::Fingerprint(fingerprint.to_owned()),
        (None, Some(_)) => Credential::NoKey,
        _ => return None,
    };
    let who = match (field(Field::Person), field(Field::Key), field(Field::Machine)) {
        (Some(person), Some(label), _) => Some(format!("{person}'s key '{label}'")),
        (_, _, Some(machine)) => Some(format!("machine {machine}")),
        _ => None,
    };
    Some(PastLogin {
        account: owned(Field::Account)?,
        service: owned(Field::Service)?,
        invoker: owned(Field::Invoker),
        from: owned(Field::From),
        credential,
        who,
        times: 1,
        last: moment(entry)?,
        live: false,
    })
}

fn sshds(entry: &Map<String, Value>, message: &str) -> Option<PastLogin> {
    let accepted = accepted_line::parse(message)?;
    Some(by_sshd(&accepted, moment(entry)?))
}

/// A login that sshd tells of.
pub(crate) fn by_sshd(accepted: &accepted_line::Accepted<'_>, last: Moment) -> PastLogin {
    PastLogin {
        account: accepted.user.to_owned(),
        service: "sshd".to_owned(),
        invoker: None,
        from: Some(accepted.from.to_string()),
        credential: accepted.credential.clone(),
        who: None,
        times: 1,
        last,
        live: false,
    }
}

/// A field with one value that is text: bytes and repeated fields come as arrays.
fn text<'e>(entry: &'e Map<String, Value>, name: &str) -> Option<&'e str> {
    entry.get(name)?.as_str()
}

/// Microseconds since 1970.
fn moment(entry: &Map<String, Value>) -> Option<Moment> {
    let microseconds: i64 = text(entry, "__REALTIME_TIMESTAMP")?.parse().ok()?;
    Some(Moment::from_unix(microseconds.checked_div(1_000_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const KEY: &str = "SHA256:FfxHDVNbT8Hmlc02+UyyQ5hR9L26kmr/zfCS97fY3dk";

    fn sshd() -> Value {
        json!({
            "_UID": "0", "_COMM": "sshd", "__REALTIME_TIMESTAMP": "1795600000123456",
            "MESSAGE": format!("Accepted publickey for root from 203.0.113.5 port 1 ssh2: ED25519-SK {KEY}"),
        })
    }

    fn tom() -> Value {
        json!({
            "_UID": "0", "MESSAGE_ID": Kind::LoginAllowed.message_id(), "__REALTIME_TIMESTAMP": "1795600000999999",
            "TOM_ACCOUNT": "root", "TOM_SERVICE": "sshd", "TOM_FROM": "203.0.113.5", "TOM_PERSON": "anna",
            "TOM_KEY": "blue", "TOM_KEY_FINGERPRINT": KEY,
        })
    }

    fn login(value: &Value) -> PastLogin {
        match read(&value.to_string()) {
            Record::Login(login) => *login,
            other @ (Record::Other | Record::Unreadable) => panic!("{value}: {other:?}"),
        }
    }

    fn with(mut value: Value, name: &str, new: Value) -> Value {
        value[name] = new;
        value
    }

    #[test]
    fn both_tell_of_the_same_login() {
        let (by_sshd, by_tom) = (login(&sshd()), login(&tom()));
        assert_eq!(by_sshd.who, None);
        assert_eq!(by_tom.who.as_deref(), Some("anna's key 'blue'"));
        assert_eq!(PastLogin { who: None, ..by_tom }, by_sshd);
        assert_eq!(login(&with(sshd(), "_COMM", json!("sshd-session"))), by_sshd);
        let spare = login(&with(tom(), "MESSAGE_ID", json!(Kind::BreakGlassUsed.message_id())));
        assert_eq!(spare.account, "root");
    }

    #[test]
    fn a_machine_that_uses_sudo_has_no_key() {
        let entry = json!({
            "_UID": "0", "MESSAGE_ID": Kind::LoginAllowed.message_id(), "__REALTIME_TIMESTAMP": "1",
            "TOM_ACCOUNT": "root", "TOM_SERVICE": "sudo", "TOM_INVOKER": "nagios", "TOM_MACHINE": "icinga-checks",
        });
        let login = login(&entry);
        assert_eq!(login.credential, Credential::NoKey);
        assert_eq!((login.invoker.as_deref(), login.from), (Some("nagios"), None));
        assert_eq!(login.who.as_deref(), Some("machine icinga-checks"));
    }

    #[test]
    fn who_is_not_root_says_nothing() {
        for uid in [json!("1000"), json!(0), json!(["0", "1000"]), json!(null)] {
            for entry in [sshd(), tom()] {
                assert_eq!(read(&with(entry, "_UID", uid.clone()).to_string()), Record::Other, "{uid}");
            }
        }
        assert_eq!(read(&with(tom(), "TOM_MACHINE", json!(REHEARSAL)).to_string()), Record::Other);
        assert_eq!(read(&with(sshd(), "_COMM", json!("logger")).to_string()), Record::Other);
        assert_eq!(read(&with(tom(), "MESSAGE_ID", json!(Kind::Refused.message_id())).to_string()), Record::Other);
        assert_eq!(read(&with(sshd(), "MESSAGE", json!("Failed password for root")).to_string()), Record::Other);
        assert_eq!(read(&with(sshd(), "MESSAGE", json!("Accepted key ED25519 x")).to_string()), Record::Other);
    }

    #[test]
    fn what_cannot_be_understood_is_told_apart() {
        for entry in [
            with(sshd(), "MESSAGE", json!("Accepted password for root from nowhere port 1 ssh2")),
            with(sshd(), "MESSAGE", json!([65, 99, 255])),
            with(sshd(), "__REALTIME_TIMESTAMP", json!("soon")),
            with(tom(), "TOM_ACCOUNT", json!(["root", "acme"])),
            with(tom(), "TOM_KEY_FINGERPRINT", json!("blue")),
            with(tom(), "TOM_KEY_FINGERPRINT", json!(null)),
        ] {
            assert_eq!(read(&entry.to_string()), Record::Unreadable, "{entry}");
        }
        assert_eq!(read("{"), Record::Unreadable);
        assert_eq!(read("[]"), Record::Unreadable);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line: String, message: String) {
            let _ = read(&line);
            let _ = read(&with(sshd(), "MESSAGE", json!(message)).to_string());
        }
    }
}
