//! The way in that is promised for each emergency, and no other: real logins, one table.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::thread;

use tom_tests::evidence::{EvidenceDirectory, fido_token, maker};
use tom_tests::faults::{self, Damage, ELSEWHERE, OFFICE, POLICY, bench, repair};
use tom_tests::{Bench, Host, Key, PASSWORD, Release, on_each_release};

const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";
/// The hook linked dynamically: the shipped one asks the kernel for the time by itself.
const DYNAMIC_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/tom-authorized-keys");

/// Who gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Everybody who is granted, as ever.
    AsEver,
    /// Break-glass keys alone, and the console by password where host.toml says so; each use is an alarm.
    BreakGlass,
    /// Nobody who is governed.
    Nobody,
}

/// A host whose console may be opened by this in an emergency, with an ordinary user's key in place.
fn host(bench: Bench, console: &str) -> Host {
    let host =
        faults::start(bench.file("/etc/tom/host.toml", 0o644, format!("[break-glass]\nconsole = \"{console}\"\n")));
    host.authorized_keys("acme", &format!("{}\n", Key::file("acme").public()));
    host.authorized_keys("deploy", &format!("{}\n", Key::file("acme").public()));
    host.authorized_keys("root", &format!("{}\n", Key::file("acme").public()));
    host
}

/// A local login by password through PAM, up to the session.
fn console(host: &Host, account: &str, items: &[(&str, &str)]) -> bool {
    let stack = host.pam("login", account).typing(&format!("{PASSWORD}\n"));
    let stack = items.iter().fold(stack, |stack, (name, value)| stack.item(name, value));
    stack.ask(&["authenticate", "acct_mgmt", "open_session"]).success()
}

fn alarms(host: &Host, kind: &str) -> usize {
    let told = host.journal().events().into_iter().filter(|event| event.get("TOM_EVENT") == kind);
    told.inspect(|event| assert_eq!(event.get("PRIORITY"), "2", "{event:?}")).count()
}

/// Tries every way, and tells those that are not as they should be.
fn assert_open(host: &Host, what: &str, open: Open, console_rule: &str) {
    host.journal().clear();
    let wrong = |way: &str, entered: bool, expected: bool| {
        assert_eq!(entered, expected, "{what}: {way} {}", if entered { "LET IN" } else { "LOCKED OUT" });
    };
    let login = |account: &str, key: &Key, from: &str| host.ssh(account).key(key).from(from).run("true").allowed();
    let token = Key::token;
    let (ever, glass) = (open == Open::AsEver, open != Open::Nobody);
    for account in ["root", "deploy"] {
        wrong(&format!("token as {account}"), login(account, &token("anna-blue"), OFFICE), ever);
        wrong(&format!("break-glass as {account}"), login(account, &token("anna-safe"), OFFICE), glass);
        wrong(
            "break-glass without its PIN",
            host.ssh(account).key(&token("anna-safe").without_pin()).from(OFFICE).run("true").allowed(),
            false,
        );
        wrong("break-glass from elsewhere", login(account, &token("anna-safe"), ELSEWHERE), false);
        wrong("a revoked break-glass key", login(account, &token("bert-lost"), OFFICE), false);
        wrong("a stranger", login(account, &token("stranger"), OFFICE), false);
        wrong("authorized_keys", login(account, &Key::file("acme"), OFFICE), false);
    }
    // Used once as each account, and each use is an alarm of its own kind.
    wrong("alarm of break-glass", alarms(host, "break-glass-used") == 2, open == Open::BreakGlass);
    host.journal().clear();
    let by_password = open == Open::BreakGlass && console_rule == "password";
    // At once: who is refused a password waits for seconds.
    thread::scope(|scope| {
        for account in ["dora", "deploy"] {
            scope.spawn(move || {
                let entered = console(host, account, &[("tty", "/dev/tty1")]);
                assert_eq!(entered, by_password, "{what}: the console by password as {account}");
            });
            scope.spawn(move || {
                let entered = console(host, account, &[("rhost", OFFICE)]);
                assert!(!entered, "{what}: LET IN: console of {account} with an address");
            });
            scope.spawn(move || {
                let login = host.ssh(account).password(PASSWORD).from(OFFICE).among_others().run("true");
                assert!(!login.allowed(), "{what}: LET IN: {account} by password over SSH");
            });
        }
    });
    for (service, caller) in [("su", "acme"), ("sudo", "dora"), ("vsftpd", "")] {
        let stack = host.pam(service, "dora").item("ruser", caller);
        wrong(service, stack.ask(&["acct_mgmt", "open_session"]).success(), false);
    }
    wrong("alarm of the console", alarms(host, "console-by-password") >= 2, by_password);
    assert_eq!(alarms(host, "break-glass-used"), 0);
}

fn ordinary_user(host: &Host, what: &str) {
    host.ssh("acme").key(&Key::file("acme")).from(ELSEWHERE).run("true").assert_allowed();
    assert!(console(host, "acme", &[("tty", "/dev/tty1")]), "{what}");
}

fn with_everything(release: Release) -> Bench {
    let everything = "@include common-auth\n@include common-account\n@include common-session\n";
    bench(release).file("/etc/pam.d/vsftpd", 0o644, everything)
}

on_each_release! {
    fn when_the_policy_cannot_be_used(release) {
        for rule in ["token", "password"] {
            let host = host(with_everything(release), rule);
            assert_open(&host, "sound", Open::AsEver, rule);
            Damage::Flipped(400).inflict(&host, "/var/lib/tom/active/resolved");
            assert_open(&host, "damaged", Open::BreakGlass, rule);
            ordinary_user(&host, "damaged");
            repair(&host);
            host.run(["rm", "-r", "/var/lib/tom/active"]).expect_success();
            assert_open(&host, "gone", Open::BreakGlass, rule);
            repair(&host);
            // A list that cannot be read: no key can be told from a revoked one.
            Damage::Owner.inflict(&host, "/var/lib/tom/revoked");
            assert_open(&host, "revoked list", Open::BreakGlass, rule);
            repair(&host);
            // Nothing is left that names a key or the console's rule.
            host.run(["sh", "-c", "rm -r /var/lib/tom/active /var/lib/tom/fallback"]).expect_success();
            assert_open(&host, "nothing left", Open::Nobody, rule);
            ordinary_user(&host, "nothing left");
            repair(&host);
            host.ssh("root").key(&Key::token("anna-blue")).from(OFFICE).run("true").assert_allowed();
        }
    }

    fn when_the_policy_has_expired(release) {
        let expired = POLICY.replace("[token]", "expires = 2025-01-01T00:00:00Z\n[token]");
        for rule in ["token", "password"] {
            let host = host(with_everything(release).policy(&expired), rule);
            assert_open(&host, "expired", Open::BreakGlass, rule);
            ordinary_user(&host, "expired");
        }
    }

    /// Evidence is verified when a policy is applied: afterwards its anchors may go, and evidence, and what it
    /// said in words.
    fn when_the_trust_anchors_are_gone(release) {
        let evidence = |label: &str, name: &str| {
            let old = format!("public = \"TOKEN({name})\"\n");
            let new = format!("{old}evidence = {{ attestation = \"{name}.attest\", challenge = \"{name}.challenge\" }}\n");
            assert!(POLICY.contains(&old), "{label}");
            (old, new)
        };
        let mut policy = POLICY.replace("assurance = \"declared\"", "assurance = \"attested\"");
        let mut bench = with_everything(release).trusting(&maker());
        for name in ["anna-blue", "anna-safe", "bert-lost"] {
            let (old, new) = evidence(name, name);
            policy = policy.replace(&old, &new);
            bench = bench.fido_evidence(name, &fido_token(&Key::token(name)));
        }
        let host = host(bench.policy(&policy), "token");
        let gone = "rm -r /usr/share/tom/trust /etc/tom/trust /etc/tom/evidence /etc/tom/policy.toml \
                    /var/lib/tom/active/proof /var/lib/tom/active/anchors.pem /var/lib/tom/active/evidence /var/lib/tom/active/policy.toml";
        host.run(["sh", "-c", gone]).expect_success();
        assert_open(&host, "anchors gone", Open::AsEver, "token");
        ordinary_user(&host, "anchors gone");
    }

    fn when_the_clock_is_dead(release) {
        let hook = std::fs::read(DYNAMIC_HOOK).expect("make build leaves it");
        for rule in ["token", "password"] {
            let mut host = host(with_everything(release).file(HOOK, 0o755, hook.clone()), rule);
            host.write("/etc/faketimerc", 0o644, "@1979-12-31 12:00:00");
            host.write("/etc/ld.so.preload", 0o644, "/usr/$LIB/faketime/libfaketime.so.1\n");
            host.restart_sshd();
            assert_open(&host, "clock dead", Open::BreakGlass, rule);
            host.write("/etc/ld.so.preload", 0o644, "");
            host.restart_sshd();
            host.ssh("root").key(&Key::token("anna-blue")).from(OFFICE).run("true").assert_allowed();
        }
    }

    /// Groups that cannot be looked up: uid 0 and named accounts are decided before any is.
    fn when_groups_cannot_be_looked_up(release) {
        let host = host(with_everything(release), "password");
        host.run(["sh", "-c", "cp -a /etc/group /root; cp -a /etc/nsswitch.conf /root 2>/dev/null; true"]).expect_success();
        for (what, script) in [
            ("no group file", "rm /etc/group"),
            ("groups from nowhere", "echo 'group: nowhere' >/etc/nsswitch.conf"),
            ("a dead service", "printf 'passwd: files nowhere\\ngroup: nowhere files\\nshadow: files\\n' >/etc/nsswitch.conf"),
            ("a directory for a group file", "rm /etc/group; mkdir /etc/group"),
        ] {
            host.run(["sh", "-c", script]).expect_success();
            let login = |account: &str, key: &str| host.ssh(account).key(&Key::token(key)).from(OFFICE).run("true");
            for account in ["root", "deploy"] {
                login(account, "anna-blue").assert_allowed();
                login(account, "stranger").assert_refused();
                host.ssh(account).key(&Key::token("anna-blue")).from(ELSEWHERE).run("true").assert_refused();
            }
            // The policy is sound: no console is opened by this.
            assert!(!console(&host, "deploy", &[("tty", "/dev/tty1")]), "{what}");
            host.ssh("deploy").password(PASSWORD).from(OFFICE).run("true").assert_refused();
            host.run(["sh", "-c", "rm -rf /etc/group /etc/nsswitch.conf; cp -a /root/group /etc; cp -a /root/nsswitch.conf /etc 2>/dev/null; true"]).expect_success();
        }
        host.ssh("root").key(&Key::token("anna-blue")).from(OFFICE).run("true").assert_allowed();
    }
}
