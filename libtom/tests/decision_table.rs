//! The rules as a truth table: each row is a request, and the reason that interfaces.md gives for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use libtom::decision::{Decision, Groups, Key, Origin, Phase, Request, decide, explain, needs_groups};
use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy, stored};
use libtom::keyline;
use libtom::moment::Moment;
use libtom::policy::{Policy, parse};

const ANNA: &str = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIDC5xPnANpNtku5EhzEI6zzHjudWuUvKKWildrfWrzizAAAABHNzaDo=";
const CARL: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBZM4pHC9C+FWrK6Vsh5ZFqJ9QxRrMMVWbDF+3x4rjYI";
const BACKUP: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDC5xPnANpNtku5EhzEI6zzHjudWuUvKKWildrfWrziz";
const STRANGER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn company(changes: &[(&str, &str)]) -> Policy {
    let mut text = format!(
        r#"
schema = 1
serial = 7
operator = "Example Hosting GmbH"
expires = 2027-02-28T00:00:00Z
[token]
assurance = "declared"
[admin]
groups = ["adm-web"]
exempt-services = ["backup-agent"]
[networks]
office = ["203.0.113.0/28", "2001:db8:10::/48"]
home = ["198.51.100.7"]
backup = ["203.0.113.77"]
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"
valid-until = 2027-12-31
[[person]]
id = "carl"
name = "Carl Kunde"
role = "customer's administrator"
party = "customer:acme"
[[key]]
person = "anna"
label = "blue"
public = "{ANNA}"
proof = "fido"
valid-until = 2027-06-30
break-glass = false
[[key]]
person = "carl"
label = "laptop"
public = "{CARL}"
proof = "none"
[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root", "{{person}}"]
hosts = ["web*"]
services = ["sshd", "su", "sudo", "login"]
from = ["office"]
[[grant]]
id = "anna-from-home"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["home"]
[[grant]]
id = "own-account-only"
persons = ["anna", "carl"]
accounts = ["shop"]
hosts = ["*"]
services = ["sudo"]
via = ["{{person}}"]
[[grant]]
id = "customer"
persons = ["carl"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
[[machine]]
id = "nightly"
owner = "anna"
public = "{BACKUP}"
accounts = ["root"]
hosts = ["*"]
from = ["backup"]
command = "/usr/bin/rrsync \"-ro\" /"
reason = "nightly pull backup"
until = 2027-01-31
[[machine]]
id = "checks"
owner = "anna"
via = ["nagios"]
accounts = ["root"]
hosts = ["*"]
reason = "checks that read as root"
[[host]]
match = ["root7.example.net"]
class = "root-host"
customers = ["acme"]
"#
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in the policy");
        text = text.replace(from, to);
    }
    parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// One row: a request in few words, answered as `verdict reason who`.
struct Row<'r> {
    request: Request<'r>,
    host: &'r str,
}

fn ask<'r>(phase: Phase, service: &'r str, account: &'r str) -> Row<'r> {
    let at = Moment::parse("2026-11-23T10:00:00Z").unwrap();
    let request = Request { account: Some(account), groups: Groups::Known(&[]), ..Request::new(phase, service, at) };
    Row { request, host: "web1" }
}

impl<'r> Row<'r> {
    fn uid(mut self, uid: u32) -> Self {
        self.request.uid = Some(uid);
        self
    }
    fn groups(mut self, groups: &'r [&'r str]) -> Self {
        self.request.groups = Groups::Known(groups);
        self
    }
    fn key(mut self, key: &str) -> Self {
        self.request.key = Key::parse(key);
        self
    }
    fn from(mut self, from: &str) -> Self {
        self.request.origin = Origin::parse(from);
        self
    }
    fn by(mut self, invoker: &'r str, uid: u32) -> Self {
        (self.request.invoker, self.request.invoker_uid) = (Some(invoker), Some(uid));
        self.request.invoker_groups = Groups::Known(&[]);
        self
    }
    fn on(mut self, host: &'r str) -> Self {
        self.host = host;
        self
    }
    fn at(mut self, at: &str) -> Self {
        self.request.at = Moment::parse(at).unwrap();
        self
    }
    fn answered(self, policy: &Policy, expected: &str) {
        let facts = HostFacts { id: self.host, console: ConsoleRule::Token };
        let resolved = HostPolicy::resolve(policy, facts);
        assert_eq!(shown(&decide(&resolved, &self.request)), expected, "{:?}", self.request);
        // The stored form, and the engine that explains, say the same.
        let bytes = stored::encode(&resolved, &[7; 32], Moment::from_unix(0));
        let (read_back, source) = stored::decode(&bytes).unwrap();
        assert_eq!(source, [7; 32]);
        assert_eq!(shown(&explain(&read_back, &self.request).decision), expected, "stored: {:?}", self.request);
    }
}

fn shown(decision: &Decision<'_>) -> String {
    let answer = decision.answer();
    let who = [answer.person, answer.key_label, answer.grant, answer.machine];
    [Some(answer.reason)].into_iter().chain(who).flatten().collect::<Vec<_>>().join(" ")
}

use Phase::{Account, Auth, Offer, Session};

#[test]
fn rule_1_governed() {
    let p = company(&[]);
    ask(Session, "sshd", "peter").answered(&p, "account-not-governed");
    ask(Session, "sshd", "peter").groups(&["users"]).answered(&p, "account-not-governed");
    ask(Session, "sshd", "peter").groups(&["adm-web"]).answered(&p, "no-grant");
    ask(Session, "sshd", "peter").groups(&["libvirt"]).answered(&p, "no-grant");
    ask(Session, "sshd", "toor").uid(0).answered(&p, "no-grant");
    ask(Session, "sshd", "anna").answered(&p, "key-missing");
    ask(Session, "sshd", "anna").on("db1").answered(&p, "account-not-governed");
    ask(Session, "vsftpd", "root").answered(&p, "no-grant");
    ask(Session, "cron", "root").answered(&p, "service-exempt");
    ask(Session, "backup-agent", "root").answered(&p, "service-exempt");
    ask(Session, "cron", "root").from("203.0.113.5").answered(&p, "no-grant");
    ask(Session, "su", "root").by("root", 0).answered(&p, "caller-is-root");
    ask(Session, "su-l", "root").by("root", 0).answered(&p, "caller-is-root");
    ask(Session, "su", "root").by("root", 0).from("x").answered(&p, "key-missing");
    ask(Session, "sshd", "root").by("root", 0).from("203.0.113.5").answered(&p, "key-missing");
}

#[test]
fn rule_1_where_the_account_is_not_yet_known() {
    let p = company(&[]);
    let sudo = |invoker| {
        let mut row = ask(Auth, "sudo", "").by(invoker, 1000);
        row.request.account = None;
        row
    };
    sudo("peter").answered(&p, "account-not-governed");
    sudo("anna").answered(&p, "key-missing");
    sudo("anna").key(ANNA).answered(&p, "granted anna blue admins");
    sudo("carl").key(ANNA).answered(&p, "granted anna blue admins");
    sudo("carl").on("db1").key(CARL).answered(&p, "wrong-customer");
    sudo("carl").on("root7.example.net").key(CARL).answered(&p, "granted carl laptop own-account-only");
}

#[test]
fn groups_are_asked_for_only_where_they_matter() {
    let p = company(&[]);
    let policy = HostPolicy::resolve(&p, HostFacts { id: "web1", console: ConsoleRule::Token });
    for (row, expected) in [
        (ask(Session, "sshd", "root").uid(0), false),
        (ask(Session, "sshd", "root"), false),
        (ask(Session, "sshd", "anna"), false),
        (ask(Session, "sshd", "peter"), true),
        (ask(Session, "cron", "peter"), false),
    ] {
        assert_eq!(needs_groups(&policy, &row.request), expected, "{:?}", row.request);
        // A failed look-up is a denial where it matters, and nothing else.
        let request = Request { groups: Groups::Unknown, ..row.request };
        assert_eq!(shown(&decide(&policy, &request)) == "account-unknown", expected, "{request:?}");
    }
}

#[test]
fn rule_2_break_glass_alone() {
    let p = company(&[]);
    let spare = company(&[("break-glass = false", "break-glass = true")]);
    for (at, reason) in [
        ("2027-02-28T00:00:00Z", "policy-expired"),
        ("1979-12-31T23:59:59Z", "clock-implausible"),
        ("2100-06-01T00:00:00Z", "clock-implausible"),
    ] {
        ask(Session, "sshd", "root").key(ANNA).from("203.0.113.5").at(at).answered(&p, reason);
        ask(Session, "sshd", "root").key(BACKUP).from("203.0.113.77").at(at).answered(&spare, reason);
        ask(Session, "sshd", "root").key(ANNA).from("192.0.2.1").at(at).answered(&spare, reason);
    }
    let late = "2027-03-01T00:00:00Z";
    ask(Session, "sshd", "root").key(ANNA).from("203.0.113.5").at(late).answered(&spare, "granted anna blue admins");
    // Everything else about a break-glass key still counts: its own end above all.
    ask(Session, "sshd", "root")
        .key(ANNA)
        .from("203.0.113.5")
        .at("2027-07-01T00:00:00Z")
        .answered(&spare, "policy-expired");
    ask(Session, "sshd", "peter").at(late).answered(&spare, "account-not-governed");
}

#[test]
fn rule_2_the_fallback_knows_break_glass_and_who_is_governed() {
    let spare = company(&[("break-glass = false", "break-glass = true")]);
    let resolved = HostPolicy::resolve(&spare, HostFacts { id: "web1", console: ConsoleRule::Password });
    let bytes = stored::encode_fallback(&resolved, &[0; 32], Moment::from_unix(0));
    let (policy, _) = stored::decode(&bytes).unwrap();
    let policy = policy.unsound();
    let answer = |row: Row<'_>| shown(&decide(&policy, &row.request));
    assert_eq!(answer(ask(Session, "sshd", "root").key(ANNA).from("203.0.113.5")), "granted anna blue admins");
    assert_eq!(answer(ask(Session, "sshd", "root").key(ANNA).from("192.0.2.1")), "policy-unusable");
    assert_eq!(answer(ask(Session, "sshd", "root").key(BACKUP).from("203.0.113.77")), "policy-unusable");
    assert_eq!(answer(ask(Session, "sshd", "shop").key(CARL)), "policy-unusable");
    assert_eq!(answer(ask(Session, "sshd", "peter").groups(&["adm-web"])), "policy-unusable");
    assert_eq!(answer(ask(Session, "sshd", "peter")), "account-not-governed");
    assert_eq!(answer(ask(Session, "login", "root")), "break-glass-console");
    assert_eq!(answer(ask(Session, "login", "root").from("203.0.113.5")), "policy-unusable");
    assert_eq!(answer(ask(Session, "login", "root").key(ANNA)), "granted anna blue admins");
    // Without a fallback too, uid 0 and the built-in groups stay governed.
    let nothing = HostPolicy::absent();
    for row in [ask(Session, "sshd", "root").uid(0), ask(Session, "sshd", "peter").groups(&["docker"])] {
        assert_eq!(shown(&decide(&nothing, &row.request)), "policy-unusable");
    }
    assert_eq!(shown(&decide(&nothing, &ask(Session, "sshd", "peter").request)), "account-not-governed");
}

#[test]
fn rules_3_and_4_grants_and_keys() {
    let p = company(&[]);
    ask(Session, "sshd", "root").answered(&p, "key-missing");
    ask(Session, "sshd", "root").key(STRANGER).answered(&p, "key-unknown");
    ask(Session, "sshd", "root").key("garbage").answered(&p, "key-unknown");
    ask(Session, "sshd", "anna").key(CARL).answered(&p, "no-grant");
    ask(Session, "sshd", "anna").key(BACKUP).answered(&p, "no-grant");
    ask(Session, "sshd", "shop").key(ANNA).answered(&p, "no-grant");
    // {person} is the person whose key it is, in accounts and in via.
    ask(Session, "sudo", "shop").by("anna", 1000).key(ANNA).answered(&p, "granted anna blue own-account-only");
    ask(Session, "sudo", "shop").by("carl", 1001).key(ANNA).answered(&p, "no-grant");
    ask(Session, "sudo-i", "shop").by("anna", 1000).key(ANNA).answered(&p, "granted anna blue own-account-only");
    // A machine's sudo needs no key, and lets nobody else's key in.
    ask(Session, "sudo", "root").by("nagios", 999).answered(&p, "granted checks");
    ask(Session, "sudo", "root").by("peter", 1002).answered(&p, "key-missing");
    ask(Session, "sudo", "root").by("nagios", 999).key(STRANGER).answered(&p, "key-unknown");
    ask(Session, "su", "root").by("nagios", 999).answered(&p, "key-missing");
    ask(Session, "sudo", "root").by("nagios", 999).from("203.0.113.5").answered(&p, "address-not-allowed");
}

#[test]
fn rules_5_to_9() {
    let p = company(&[]);
    let row = || ask(Session, "sshd", "root").key(ANNA);
    row().from("203.0.113.5").answered(&p, "granted anna blue admins");
    row().from("2001:db8:10::5").answered(&p, "granted anna blue admins");
    row().from("::ffff:203.0.113.5").answered(&p, "granted anna blue admins");
    row().from("198.51.100.7").answered(&p, "granted anna blue anna-from-home");
    row().from("203.0.113.16").answered(&p, "address-not-allowed");
    row().from("").answered(&p, "address-unknown");
    row().from("office.example.net").answered(&p, "address-unknown");
    row().from("203.0.113.05").answered(&p, "address-unknown");
    let forever = company(&[("expires = 2027-02-28T00:00:00Z\n", "")]);
    row().from("203.0.113.5").at("2027-06-30T23:59:59Z").answered(&forever, "granted anna blue admins");
    row().from("203.0.113.5").at("2027-07-01T00:00:00Z").answered(&forever, "key-expired");
    row().from("203.0.113.5").at("2028-01-01T00:00:00Z").answered(&forever, "person-expired");
    let job = || ask(Session, "sshd", "root").key(BACKUP);
    job().from("203.0.113.77").answered(&p, "granted nightly");
    job().from("203.0.113.5").answered(&p, "address-not-allowed");
    job().from("203.0.113.77").at("2027-02-01T00:00:00Z").answered(&p, "key-expired");
    ask(Session, "sshd", "root").key(CARL).from("203.0.113.5").answered(&p, "wrong-customer");
    ask(Session, "sshd", "root")
        .key(CARL)
        .from("203.0.113.5")
        .on("ROOT7.example.net")
        .answered(&p, "granted carl laptop customer");
    let attested = company(&[("\"declared\"", "\"attested\"")]);
    row().from("203.0.113.5").answered(&attested, "pin-not-proven");
    ask(Session, "sshd", "root")
        .key(CARL)
        .from("203.0.113.5")
        .on("root7.example.net")
        .answered(&attested, "granted carl laptop customer");
}

#[test]
fn phase_account_asks_for_anybody() {
    let p = company(&[]);
    ask(Account, "sshd", "root").from("203.0.113.5").answered(&p, "granted");
    ask(Account, "sshd", "root").from("203.0.113.77").answered(&p, "granted");
    ask(Account, "sshd", "root").from("192.0.2.1").answered(&p, "address-not-allowed");
    ask(Account, "sshd", "root").answered(&p, "address-unknown");
    ask(Account, "dovecot", "root").uid(0).from("203.0.113.5").answered(&p, "no-grant");
}

#[test]
fn a_revoked_key_is_out() {
    let p = company(&[]);
    let Key::Blob(blob) = Key::parse(ANNA) else { panic!("no key") };
    let policy = HostPolicy::resolve(&p, HostFacts { id: "web1", console: ConsoleRule::Token });
    let policy = policy.with_revoked([blob.into_owned()]);
    let row = ask(Session, "sshd", "root").key(ANNA).from("203.0.113.5");
    assert_eq!(shown(&decide(&policy, &row.request)), "key-revoked");
    // The others who may enter are still asked in phase account.
    let anybody = ask(Account, "sshd", "root").from("203.0.113.77");
    assert_eq!(shown(&decide(&policy, &anybody.request)), "granted");
}

#[test]
fn the_line_of_an_offer() {
    let p = company(&[]);
    let policy = HostPolicy::resolve(&p, HostFacts { id: "web1", console: ConsoleRule::Token });
    let line = |key: &str| match decide(&policy, &ask(Offer, "sshd", "root").key(key).request) {
        Decision::Allow(allow) => keyline::line(&allow),
        Decision::Deny(_) | Decision::NotGoverned(_) => None,
    };
    assert_eq!(
        line(ANNA).unwrap(),
        format!(
            "verify-required,from=\"198.51.100.7,203.0.113.0/28,2001:db8:10::/48\",expiry-time=\"20270228000000Z\" {ANNA} tom:anna:blue"
        )
    );
    assert_eq!(
        line(BACKUP).unwrap(),
        format!(
            "restrict,command=\"/usr/bin/rrsync \\\"-ro\\\" /\",from=\"203.0.113.77\",expiry-time=\"20270131235959Z\" {BACKUP} tom:nightly"
        )
    );
    assert_eq!(line(STRANGER), None);
    assert_eq!(line(CARL), None);
    // Only an offer has a line.
    let session = ask(Session, "sshd", "root").key(ANNA).from("203.0.113.5");
    let Decision::Allow(allow) = decide(&policy, &session.request) else { panic!("not allowed") };
    assert_eq!(keyline::line(&allow), None);
}
