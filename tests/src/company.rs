//! A sample company: three administrators with tokens, an office, a home, a backup job, and two
//! customers with a root host each.

use crate::accounts::Account;
use crate::bench::Bench;
use crate::keys::Key;
use crate::release::Release;

/// An address of the office.
pub const OFFICE: &str = "203.0.113.5";
/// The same, IPv6.
pub const OFFICE_V6: &str = "2001:db8:10::5";
/// Anna's home.
pub const HOME: &str = "198.51.100.7";
/// The backup server.
pub const BACKUP_SERVER: &str = "203.0.113.77";
/// An address of the customer acme.
pub const ACME_OFFICE: &str = "198.51.100.70";
/// The same, IPv6.
pub const ACME_OFFICE_V6: &str = "2001:db8:ac::70";
/// An address of nobody known.
pub const ELSEWHERE: &str = "203.0.113.200";
/// The same, IPv6.
pub const ELSEWHERE_V6: &str = "2001:db8:666::1";
/// The backup job's forced command: says what it is, what it was asked for, and whether it has a terminal.
pub const BACKUP_JOB: &str = "#!/bin/sh
echo \"backup by machine=$TOM_MACHINE person=$TOM_PERSON with $*\"
[ ! -t 0 ] || echo a terminal
";

/// The company's policy. Keys stand by name, see [`Bench::policy`].
pub const POLICY: &str = r#"
schema   = 1
serial   = 2026112301
operator = "Example Hosting GmbH"

[token]
assurance = "declared"

[networks]
office      = ["203.0.113.0/28", "2001:db8:10::/48"]
cio-home    = ["198.51.100.7"]
backup      = ["203.0.113.77"]
acme-office = ["198.51.100.64/28", "2001:db8:ac::/48"]

[[person]]
id    = "anna"
name  = "Anna Beispiel"
role  = "managing director"
party = "operator"

[[person]]
id    = "bert"
name  = "Bert Muster"
role  = "administrator"
party = "operator"

[[person]]
id    = "cora"
name  = "Cora Probe"
role  = "administrator"
party = "operator"

[[person]]
id    = "dirk"
name  = "Dirk Gestern"
role  = "left the company"
party = "operator"
valid-until = 2025-12-31

[[person]]
id    = "max"
name  = "Max Kunde"
role  = "agency of acme"
party = "customer:acme"

[[key]]
person = "anna"
label  = "blue"
public = "TOKEN(anna-blue)"
proof  = "fido"

[[key]]
person = "anna"
label  = "red"
public = "ECDSA-TOKEN(anna-red)"
proof  = "fido"

[[key]]
person = "anna"
label  = "old"
public = "TOKEN(anna-old)"
proof  = "fido"
valid-until = 2025-12-31

[[key]]
person = "bert"
label  = "blue"
public = "TOKEN(bert-blue)"
proof  = "fido"

[[key]]
person = "cora"
label  = "blue"
public = "TOKEN(cora-blue)"
proof  = "fido"

[[key]]
person = "dirk"
label  = "blue"
public = "TOKEN(dirk-blue)"
proof  = "fido"

[[key]]
person = "max"
label  = "laptop"
public = "FILE-KEY(max-laptop)"
proof  = "none"

[[grant]]
id       = "operator-admins"
persons  = ["anna", "bert", "cora", "dirk"]
accounts = ["root"]
hosts    = ["*"]
services = ["sshd"]
from     = ["office", "cio-home"]

[[grant]]
id       = "deployment"
persons  = ["bert"]
accounts = ["deploy"]
hosts    = ["*"]
services = ["sshd"]
from     = ["office"]

[[grant]]
id       = "archive-keeper"
persons  = ["dirk"]
accounts = ["archive"]
hosts    = ["*"]
services = ["sshd"]
from     = ["office"]

[[grant]]
id       = "acme-admins"
persons  = ["max"]
accounts = ["root"]
hosts    = ["root*.example.net"]
services = ["sshd"]
from     = ["acme-office"]

[[machine]]
id       = "nightly-backup"
owner    = "anna"
public   = "FILE-KEY(backup-job)"
accounts = ["root"]
hosts    = ["*"]
from     = ["backup"]
command  = "/usr/local/sbin/backup-job \"two words\""
reason   = "nightly pull backup"

[[machine]]
id       = "icinga-checks"
owner    = "anna"
via      = ["nagios"]
accounts = ["root"]
hosts    = ["*"]
reason   = "checks that read as root"

[[host]]
match     = ["root7.example.net"]
class     = "root-host"
customers = ["acme"]

[[host]]
match     = ["root8.example.net"]
class     = "root-host"
customers = ["zeta"]

[[host]]
match     = ["web*.example.net"]
class     = "shared-hosting"

[[expect]]
account = "root"
host    = "web1.example.net"
service = "sshd"
person  = "anna"
from    = "203.0.113.5"
verdict = "allow"
"#;

/// Anna's token, Ed25519.
#[must_use]
pub fn anna() -> Key {
    Key::token("anna-blue")
}

/// Anna's other token, ECDSA.
#[must_use]
pub fn anna_red() -> Key {
    Key::ecdsa_token("anna-red")
}

/// Anna's former token, whose time is over.
#[must_use]
pub fn anna_old() -> Key {
    Key::token("anna-old")
}

/// Bert's token; he alone may enter `deploy`.
#[must_use]
pub fn bert() -> Key {
    Key::token("bert-blue")
}

/// The token of Dirk, who left.
#[must_use]
pub fn dirk() -> Key {
    Key::token("dirk-blue")
}

/// The customer's administrator: an ordinary key.
#[must_use]
pub fn max() -> Key {
    Key::file("max-laptop")
}

/// The backup job's key.
#[must_use]
pub fn backup_job() -> Key {
    Key::file("backup-job")
}

/// A host of the company of that name, with the policy active: governed accounts root, deploy and archive,
/// the backup job, the ordinary users acme, beta and nagios.
pub fn host(release: Release, name: &str) -> Bench {
    without_policy(release, name).policy(POLICY)
}

/// The shared-hosting server.
pub fn web1(release: Release) -> Bench {
    host(release, "web1.example.net")
}

/// The same host before any policy was applied.
pub fn without_policy(release: Release, name: &str) -> Bench {
    Bench::on(release)
        .host_name(name)
        .account(Account::person("deploy", 2101))
        .account(Account::person("archive", 2102))
        .account(Account::person("nagios", 2103))
        .account(Account::person("beta", 3002))
        .governed(&["deploy", "archive"])
        .file("/usr/local/sbin/backup-job", 0o755, BACKUP_JOB)
}

/// The policy with `text` after its last line.
#[must_use]
pub fn policy_and(text: &str) -> String {
    format!("{POLICY}\n{text}")
}

/// The policy with `old` replaced by `new`.
///
/// # Panics
/// If `old` does not stand there.
#[must_use]
#[track_caller]
pub fn policy_with(old: &str, new: &str) -> String {
    assert!(POLICY.contains(old), "the sample policy lacks {old:?}");
    POLICY.replace(old, new)
}
