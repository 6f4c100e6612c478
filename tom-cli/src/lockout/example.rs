//! A company for the tests of this directory.

use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy};
use libtom::moment::Moment;
use libtom::policy::{self, Policy};
use libtom::public_key::{Fingerprint, PublicKey, encode_blob};

/// Two administrators and a customer's person; keys are written by number.
pub(super) const POLICY: &str = r#"
schema = 1
serial = 1
operator = "Example Hosting GmbH"
token = { assurance = "declared" }
networks = { office = ["203.0.113.0/28", "2001:db8:10::/48"], home = ["198.51.100.7"], backup = ["192.0.2.77"] }

[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"

[[person]]
id = "bert"
name = "Bert Beispiel"
role = "administrator"
party = "operator"
valid-until = 2026-12-31

[[person]]
id = "carl"
name = "Carl Kunde"
role = "administrator of the customer"
party = "customer:acme"

[[key]]
person = "anna"
label = "blue"
public = "TOKEN(1)"
proof = "fido"

[[key]]
person = "anna"
label = "sealed"
public = "TOKEN(2)"
proof = "fido"
break-glass = true

[[key]]
person = "bert"
label = "red"
public = "TOKEN(3)"
proof = "fido"

[[key]]
person = "carl"
label = "laptop"
public = "FILE(4)"
proof = "none"

[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root", "{person}"]
hosts = ["*"]
services = ["sshd", "su", "sudo"]
from = ["office", "home"]

[[grant]]
id = "bert"
persons = ["bert"]
accounts = ["bert"]
hosts = ["web*"]
services = ["sshd", "sudo"]
from = ["office"]
via = ["bert"]

[[grant]]
id = "carl"
persons = ["carl"]
accounts = ["shop"]
hosts = ["web*", "root7"]
services = ["sshd"]
from = ["home"]

[[machine]]
id = "nightly-backup"
owner = "anna"
public = "FILE(5)"
accounts = ["root"]
hosts = ["*"]
from = ["backup"]
command = "/usr/bin/rrsync -ro /"
reason = "nightly pull backup"

[[machine]]
id = "icinga-checks"
owner = "anna"
via = ["nagios"]
accounts = ["root"]
hosts = ["*"]
reason = "checks that read as root"
"#;

/// Where carl may come in.
pub(super) const ROOT7: &str = "\n[[host]]\nmatch = [\"root7\"]\nclass = \"root-host\"\ncustomers = [\"acme\"]\n\
                                [[host]]\nmatch = [\"*\"]\nclass = \"shared-hosting\"\n";

/// A moment at which everything in it is valid.
pub(super) fn now() -> Moment {
    Moment::parse("2026-11-25T14:30:00Z").unwrap()
}

/// The key of this number.
pub(super) fn key(number: u8, token: bool) -> PublicKey {
    let kind = if token { "sk-ssh-ed25519@openssh.com" } else { "ssh-ed25519" };
    let mut blob = Vec::new();
    let mut fields = vec![kind.as_bytes().to_vec(), vec![number; 32]];
    fields.extend(token.then(|| b"ssh:".to_vec()));
    for field in fields {
        blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        blob.extend(field);
    }
    PublicKey::from_blob(&blob).unwrap()
}

/// Its fingerprint.
pub(super) fn fingerprint(number: u8, token: bool) -> String {
    Fingerprint::of(key(number, token).blob()).to_string()
}

/// The policy of this text.
pub(super) fn policy(text: &str) -> Policy {
    let mut text = if text.contains("customers = [\"acme\"]") {
        text.to_owned()
    } else {
        text.replace("customer:acme", "operator").replace("proof = \"none\"", "proof = \"piv\"")
    };
    for number in 1..=9 {
        for (name, token) in [("TOKEN", true), ("FILE", false)] {
            let key = key(number, token);
            let line = format!("{} {}", key.key_type().name(), encode_blob(key.blob()));
            text = text.replace(&format!("{name}({number})"), &line);
        }
    }
    policy::parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What counts of it on this host.
pub(super) fn on<'p>(policy: &'p Policy, host: &str) -> HostPolicy<'p> {
    HostPolicy::resolve(policy, HostFacts { id: host, console: ConsoleRule::Token })
}
