//! What sshd writes about logins: the lines that tom reads back when it asks what a new policy would take from whom.
//! tests/data/accepted-lines.txt has each kind of them, and unit tests of the program hold its parser against it.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use tom_tests::{Account, Bench, Key, Login, PASSWORD, on_each_release};

const KNOWN: &str = include_str!("../data/accepted-lines.txt");
/// An account whose name looks like the rest of the line.
const DECEIVING: &str = "x from 192.0.2.9";

/// The line about this login, with marks for what differs each time.
fn line(login: &Login) -> String {
    let lines = login.assert_allowed().sshd_log.as_ref().expect("a log");
    let about = |line: &&String| line.starts_with("Accepted ") && line.contains(" ssh2");
    let line = lines.iter().find(about).expect("a line about it");
    let mut words = Vec::new();
    for word in line.split(' ') {
        words.push(match (words.last(), word.starts_with("SHA256:")) {
            (Some(&"port"), _) => "PORT",
            (_, true) => "FINGERPRINT",
            _ => word,
        });
    }
    words.join(" ")
}

on_each_release! {
    fn sshd_writes_the_lines_that_are_known(release) {
        let authority = Key::file("certificate-authority");
        let keys =
            [Key::file("laptop"), Key::ecdsa_file("laptop"), Key::rsa_file("laptop"), Key::token("blue"), Key::ecdsa_token("red")];
        let host = Bench::on(release)
            .without_tom()
            .account(Account::person(DECEIVING, 2101))
            .file("/etc/ssh/ca.pub", 0o644, authority.public())
            .sshd_drop_in("05-lines.conf", "KbdInteractiveAuthentication yes\nTrustedUserCAKeys /etc/ssh/ca.pub\n")
            .start();
        let listed: Vec<&str> = keys.iter().map(Key::public).collect();
        host.authorized_keys("anna", &listed.join("\n"));
        let ssh = |account: &str| host.ssh(account).from("203.0.113.5");
        let interactive = "PreferredAuthentications=keyboard-interactive";
        let mut logins = vec![
            ssh("anna").password(PASSWORD).run("true"),
            ssh("anna").password(PASSWORD).option(interactive).run("true"),
            // In quotes, which ssh takes off again.
            ssh(&format!("\"{DECEIVING}\"")).password(PASSWORD).run("true"),
            host.ssh("anna").from("2001:db8:10::5").password(PASSWORD).run("true"),
            ssh("anna").key(&Key::file("visitor").certified_by(&authority, "anna")).run("true"),
        ];
        logins.extend(keys.iter().map(|key| ssh("anna").key(key).run("true")));
        let written: BTreeSet<String> = logins.iter().map(line).collect();
        let known: BTreeSet<String> = KNOWN.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        assert_eq!(written, known);
    }
}
