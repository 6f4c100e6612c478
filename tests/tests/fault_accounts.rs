//! Users and groups that cannot be looked up: whoever needs them for a decision is refused; root and named
//! accounts are decided all the same.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use tom_tests::faults::{self, Asked, ELSEWHERE, OFFICE, bench, questions};
use tom_tests::{Account, Host, Key, on_each_release};

fn host(release: tom_tests::Release) -> Host {
    let bench = bench(release).file("/etc/pam.d/sshd", 0o644, faults::bare_stack(true)).without_sshd();
    faults::start(bench.account(Account::person("toor", 0)))
}

/// Asks both phases, and gives the reason of a refusal.
fn reason(host: &Host, account: &str, phase: &str, key: &str) -> Option<String> {
    host.journal().clear();
    let info = format!("publickey {}\n", Key::token(key).public());
    let connection = format!("{OFFICE} 40000 192.0.2.1 22");
    let asked = host.pam("sshd", account).env("SSH_CONNECTION", &connection).env("SSH_AUTH_INFO_0", &info);
    let answer = asked.ask(&[phase]);
    assert!(answer.duration < std::time::Duration::from_secs(2), "{account}: {answer:#?}");
    if answer.success() {
        return None;
    }
    let event = host.journal().event("refused");
    assert_eq!(event.get("TOM_ACCOUNT"), account);
    Some(event.get("TOM_REASON").to_owned())
}

on_each_release! {
    fn an_account_that_is_not_there(release) {
        let host = host(release);
        for phase in ["acct_mgmt", "open_session"] {
            for ghost in ["ghost", "root ", "ROOT", "x:y", "../root"] {
                assert_eq!(reason(&host, ghost, phase, "anna-blue").as_deref(), Some("account-unknown"), "{ghost}");
            }
        }
        // It has no entry, but is granted: decided by name.
        host.run(["sed", "-i", "/^deploy:/d", "/etc/passwd"]).expect_success();
        assert_eq!(reason(&host, "deploy", "open_session", "anna-blue"), None);
        assert_eq!(reason(&host, "deploy", "open_session", "stranger").as_deref(), Some("key-unknown"));
        // Another name of uid 0 is governed as root is, and granted to nobody.
        assert_eq!(reason(&host, "toor", "open_session", "anna-blue").as_deref(), Some("no-grant"));
    }

    fn a_database_that_does_not_answer(release) {
        let faults = [
            ("no group file", "rm /etc/group"),
            ("a directory for a group file", "rm /etc/group; mkdir /etc/group"),
            ("a FIFO for a group file", "rm /etc/group; mkfifo /etc/group"),
            ("an empty group file", ": >/etc/group"),
            ("a group file of zeros", "head -c 1000 /dev/zero >/etc/group"),
            ("a group file cut short", "tail -n 3 /etc/group >/run/g; cat /run/g >/etc/group"),
            ("groups from nowhere", "echo 'group: nowhere' >/etc/nsswitch.conf"),
            ("no group file beside systemd", "rm /etc/group; echo 'group: files systemd' >/etc/nsswitch.conf"),
            ("users from nowhere", "echo 'passwd: nowhere' >/etc/nsswitch.conf"),
            ("no passwd file", "rm /etc/passwd"),
            ("a directory for a passwd file", "rm /etc/passwd; mkdir /etc/passwd"),
        ];
        let host = host(release);
        host.run(["sh", "-c", "cp -a /etc/group /etc/passwd /root; cp -a /etc/nsswitch.conf /root 2>/dev/null; true"]).expect_success();
        let repair = "rm -rf /etc/group /etc/passwd /etc/nsswitch.conf; cp -a /root/group /root/passwd /etc; \
                      [ ! -e /root/nsswitch.conf ] || cp -a /root/nsswitch.conf /etc; true";
        for (what, script) in faults {
            host.run(["sh", "-c", script]).expect_success();
            for phase in ["acct_mgmt", "open_session"] {
                // Whether these are administrators cannot be known.
                for account in ["acme", "dora"] {
                    let said = reason(&host, account, phase, "anna-blue");
                    assert_eq!(said.as_deref(), Some("account-unknown"), "{what}: {account} {phase}");
                }
                assert_eq!(reason(&host, "root", phase, "anna-blue"), None, "{what}: {phase}");
                assert_eq!(reason(&host, "deploy", phase, "anna-blue"), None, "{what}: {phase}");
            }
            assert_eq!(reason(&host, "root", "open_session", "stranger").as_deref(), Some("key-unknown"), "{what}");
            let elsewhere = host.pam("sshd", "root").item("rhost", ELSEWHERE).ask(&["acct_mgmt"]);
            assert!(!elsewhere.success(), "{what}");
            host.run(["/bin/sh", "-c", repair]).expect_success();
        }
        for question in questions().iter().filter(|question| question.asked != Asked::Hook) {
            let answer = question.ask(&host);
            assert_eq!(question.is_allow(&answer), question.sound, "repaired: {}", question.name());
        }
    }

    /// The hook looks nobody up.
    fn the_hook_needs_no_database(release) {
        let host = host(release);
        host.run(["sh", "-c", "echo 'group: nowhere' >/etc/nsswitch.conf; rm /etc/group"]).expect_success();
        for question in questions().iter().filter(|question| question.asked == Asked::Hook) {
            let command = question.command();
            let words = ["setpriv", "--reuid=990", "--regid=990", "--clear-groups", "--"].map(str::to_owned);
            let answer = host.run(words.into_iter().chain(command));
            assert_eq!(question.is_allow(&answer), question.sound, "{}: {answer:#?}", question.name());
        }
    }
}
