//! sshd's own line about a login: `Accepted METHOD for USER from ADDRESS port N ssh2: KEY`.
//!
//! What: this line taken apart. Why: it is there on hosts that never had tom. It holds foreign text, an account's
//! name and the name of a certificate, and is not quoted, so that only a line that can be read in one way counts.

use super::past_login::Credential;
use libtom::network::parse_address;
use std::net::IpAddr;

/// sshd cuts a name off here, so that a longer one is not known.
const LONGEST_USER: usize = 99;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted<'l> {
    /// The account.
    pub(crate) user: &'l str,
    /// The client.
    pub(crate) from: IpAddr,
    /// How it was done.
    pub(crate) credential: Credential,
}

/// Is it such a line? sshd tells of keys and certificates that it found in the same words, before their signature.
pub(crate) fn is_about_a_login(line: &str) -> bool {
    line.strip_prefix("Accepted ").is_some_and(|rest| !rest.starts_with("key ") && !rest.starts_with("certificate "))
}

/// Reads a line that begins with `Accepted `; nothing where it says anything else or more than one thing.
pub(crate) fn parse(line: &str) -> Option<Accepted<'_>> {
    let (method, rest) = line.strip_prefix("Accepted ")?.split_once(" for ")?;
    // keyboard-interactive/pam; gssapi-with-mic
    if !method.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'/')) {
        return None;
    }
    let readings = rest.match_indices(" from ").filter_map(|(at, separator)| {
        let user = rest.get(..at)?;
        let after = rest.get(at.checked_add(separator.len())?..)?;
        let (from, credential) = client_and_key(method, after)?;
        ((1..=LONGEST_USER).contains(&user.len())).then_some(Accepted { user, from, credential })
    });
    let mut readings = readings.fuse();
    readings.next().filter(|_| readings.next().is_none())
}

/// `ADDRESS port N ssh2` and what follows.
fn client_and_key(method: &str, text: &str) -> Option<(IpAddr, Credential)> {
    let (address, rest) = text.split_once(" port ")?;
    let (port, rest) = rest.split_once(" ssh2")?;
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address = parse_address(address).filter(|_| is_port)?;
    let more = match rest {
        "" => None,
        rest => Some(rest.strip_prefix(": ")?),
    };
    let credential = match (method, more) {
        ("publickey", Some(key)) => public_key(key)?,
        ("publickey", None) | ("password" | "keyboard-interactive" | "keyboard-interactive/pam", Some(_)) => {
            return None;
        }
        // What a host's key or Kerberos adds is theirs.
        (method, _) => Credential::Method(method.to_owned()),
    };
    Some((address, credential))
}

/// `TYPE FINGERPRINT`, or a certificate with much more.
fn public_key(text: &str) -> Option<Credential> {
    let (kind, rest) = text.split_once(' ')?;
    if kind.is_empty() || !kind.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
        return None;
    }
    if kind.ends_with("-CERT") {
        let names_its_authority = rest.contains(" CA ");
        return names_its_authority.then_some(Credential::Certificate);
    }
    if is_sha256(rest) {
        return Some(Credential::Fingerprint(rest.to_owned()));
    }
    // With `FingerprintHash md5` it is a key, and which one is not known.
    let is_md5 = rest.strip_prefix("MD5:").is_some_and(|hex| {
        hex.len() == 47 && hex.split(':').all(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    is_md5.then_some(Credential::Unseen)
}

/// A fingerprint as ssh-keygen prints it: 32 bytes in base64 without padding.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|base64| {
        base64.len() == 43 && base64.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use libtom::public_key::Fingerprint;
    use proptest::prelude::*;

    const KEY: &str = "SHA256:FfxHDVNbT8Hmlc02+UyyQ5hR9L26kmr/zfCS97fY3dk";
    /// Lines of real sshd 9.2 and 10.0, which tests/tests/lockout_lines.rs compares with what they write.
    const REAL: &str = include_str!("../../../tests/data/accepted-lines.txt");

    fn method(name: &str) -> Credential {
        Credential::Method(name.to_owned())
    }

    fn key() -> Credential {
        Credential::Fingerprint(KEY.to_owned())
    }

    /// The user, address and way that a line is read as.
    fn read(line: &str) -> Option<(String, String, Credential)> {
        parse(line).map(|accepted| (accepted.user.to_owned(), accepted.from.to_string(), accepted.credential))
    }

    #[test]
    fn what_sshd_writes() {
        for (line, user, from, credential) in [
            (
                &*format!("Accepted publickey for root from 203.0.113.5 port 40100 ssh2: ED25519-SK {KEY}"),
                "root",
                "203.0.113.5",
                key(),
            ),
            (
                &format!("Accepted publickey for anna from 2001:db8:10::5 port 1 ssh2: ECDSA {KEY}"),
                "anna",
                "2001:db8:10::5",
                key(),
            ),
            ("Accepted password for root from 192.0.2.7 port 65535 ssh2", "root", "192.0.2.7", method("password")),
            (
                "Accepted keyboard-interactive/pam for bert from ::1 port 22 ssh2",
                "bert",
                "::1",
                method("keyboard-interactive/pam"),
            ),
            ("Accepted none for guest from 192.0.2.7 port 22 ssh2", "guest", "192.0.2.7", method("none")),
            (
                "Accepted gssapi-with-mic for anna from 192.0.2.7 port 22 ssh2: anna@EXAMPLE.NET",
                "anna",
                "192.0.2.7",
                method("gssapi-with-mic"),
            ),
            (
                &format!(
                    "Accepted hostbased for anna from 192.0.2.7 port 22 ssh2: ED25519 {KEY}, client user \"anna\", client host \"a b\""
                ),
                "anna",
                "192.0.2.7",
                method("hostbased"),
            ),
            (
                &format!(
                    "Accepted publickey for root from 192.0.2.7 port 22 ssh2: ED25519-CERT {KEY} ID anna (serial 1) CA ED25519 {KEY}"
                ),
                "root",
                "192.0.2.7",
                Credential::Certificate,
            ),
            (
                "Accepted publickey for root from 192.0.2.7 port 22 ssh2: RSA MD5:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
                "root",
                "192.0.2.7",
                Credential::Unseen,
            ),
            ("Accepted password for root from ::ffff:192.0.2.7 port 22 ssh2", "root", "192.0.2.7", method("password")),
        ] {
            assert_eq!(read(line), Some((user.to_owned(), from.to_owned(), credential)), "{line}");
        }
    }

    #[test]
    fn every_kind_of_line_of_real_sshd_is_understood() {
        let mut kinds = std::collections::BTreeSet::new();
        for line in REAL.lines().filter(|line| !line.starts_with('#')) {
            let line = line.replace("PORT", "40100").replace("FINGERPRINT", KEY);
            let (user, from, credential) = read(&line).unwrap_or_else(|| panic!("{line}"));
            let deceives = line.contains("192.0.2.9");
            assert_eq!(user, if deceives { "x from 192.0.2.9" } else { "anna" }, "{line}");
            assert!(from == "203.0.113.5" || from == "2001:db8:10::5", "{line}");
            kinds.insert(credential);
        }
        let expected = [key(), Credential::Certificate, method("keyboard-interactive/pam"), method("password")];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn names_that_look_like_the_rest_of_the_line() {
        for (user, line) in [
            ("x from 192.0.2.1", "Accepted password for x from 192.0.2.1 from 198.51.100.9 port 22 ssh2"),
            (
                "root from 192.0.2.1 port 1 ssh2",
                "Accepted password for root from 192.0.2.1 port 1 ssh2 from 198.51.100.9 port 22 ssh2",
            ),
            (" from ", "Accepted password for  from  from 198.51.100.9 port 22 ssh2"),
            ("a for b", "Accepted password for a for b from 198.51.100.9 port 22 ssh2"),
        ] {
            assert_eq!(read(line), Some((user.to_owned(), "198.51.100.9".to_owned(), method("password"))), "{line}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_or_none_is_not_read() {
        let long = "u".repeat(100);
        for line in [
            "",
            "Accepted",
            "Accepted password for root",
            "Accepted password for root from 192.0.2.1 port 22",
            "Accepted password for root from 192.0.2.1 port 22 ssh2 ",
            "Accepted password for root from 192.0.2.1 port 22 ssh2: anything",
            "Accepted password for root from 192.0.2.1 port 22 ssh2\nAccepted",
            "Accepted password for root from 192.0.2.1 port 65536 ssh2",
            "Accepted password for root from 192.0.2.1 port +22 ssh2",
            "Accepted password for root from 192.0.2.01 port 22 ssh2",
            "Accepted password for root from UNKNOWN port 22 ssh2",
            "Accepted password for root from host.example.net port 22 ssh2",
            "Accepted password for  from 192.0.2.1 port 22 ssh2x",
            "Accepted pass word for root from 192.0.2.1 port 22 ssh2",
            "accepted password for root from 192.0.2.1 port 22 ssh2",
            "Failed password for root from 192.0.2.1 port 22 ssh2",
            "Accepted publickey for root from 192.0.2.1 port 22 ssh2",
            "Accepted publickey for root from 192.0.2.1 port 22 ssh2: ED25519 SHA256:short",
            "Accepted key ED25519 SHA256:x found at /root/.ssh/authorized_keys:1",
            &format!("Accepted publickey for root from 192.0.2.1 port 22 ssh2: ED25519 {KEY} "),
            &format!("Accepted publickey for root from 192.0.2.1 port 22 ssh2: ed25519 {KEY}"),
            &format!("Accepted password for {long} from 192.0.2.1 port 22 ssh2"),
            // The certificate's name brings a second reading.
            &format!(
                "Accepted publickey for root from 1.2.3.4 port 1 ssh2: RSA-CERT {KEY} ID y from 5.6.7.8 port 2 \
                 ssh2: RSA-CERT {KEY} ID x (serial 1) CA RSA {KEY}"
            ),
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    proptest! {
        /// Whatever an account is called, its line is read as what it is, or not at all.
        #[test]
        fn a_name_never_changes_who_or_from_where(
            user in "[ -~]{1,40}( from (192\\.0\\.2\\.1|x)( port 22( ssh2(: ED25519)?)?)?)?",
            address: std::net::IpAddr,
            port: u16,
            blob: [u8; 3],
            by_key: bool,
        ) {
            let fingerprint = Fingerprint::of(&blob).to_string();
            let (method, key, expected) = if by_key {
                ("publickey", format!(": ED25519 {fingerprint}"), Credential::Fingerprint(fingerprint))
            } else {
                ("password", String::new(), method("password"))
            };
            let line = format!("Accepted {method} for {user} from {address} port {port} ssh2{key}");
            let read = parse(&line);
            prop_assert_eq!(read, Some(Accepted { user: &user, from: address.to_canonical(), credential: expected }));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String, tail in "[ -~]{0,80}") {
            let _ = parse(&text);
            let _ = parse(&format!("Accepted publickey for {text} from 192.0.2.1 port 22 ssh2{tail}"));
        }
    }
}
