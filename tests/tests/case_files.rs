//! Adversarial case 24: files that others could have written are not read; what was read is not left open.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use std::time::Duration;

use tom_tests::company::{OFFICE, anna, bert, web1};
use tom_tests::{Host, Key, PASSWORD, on_each_release};

const RESOLVED: &str = "/var/lib/tom/active/resolved";

/// What somebody did, and how it is undone.
struct Tampering {
    what: &'static str,
    doing: &'static str,
    undoing: &'static str,
}

macro_rules! tampering {
    ($( $what:literal: $doing:literal, $undoing:literal; )*) => {
        [ $( Tampering { what: $what, doing: $doing, undoing: $undoing }, )* ]
    };
}

/// In /var/lib/tom/active, where `sound` is a copy of the policy.
#[rustfmt::skip]
const TAMPERINGS: [Tampering; 17] = tampering! {
    "writable by a group":       "chmod g+w resolved", "chmod g-w resolved";
    "writable by everybody":     "chmod o+w resolved", "chmod o-w resolved";
    "directory by a group":      "chmod g+w .", "chmod g-w .";
    "directory by everybody":    "chmod 1777 .", "chmod 0750 .";
    "parent by a group":         "chmod g+w ..", "chmod g-w ..";
    "parent by everybody":       "chmod o+w ..", "chmod o-w ..";
    "grandparent by everybody":  "chmod o+w /var/lib", "chmod o-w /var/lib";
    "its directory a customer's": "chown acme .", "chown root .";
    "a customer's":              "chown acme resolved", "chown root resolved";
    "link":                      "mv resolved x && ln -s x resolved", "rm resolved && mv x resolved";
    "link to elsewhere":         "mv resolved /root/x && ln -s /root/x resolved", "rm resolved && mv /root/x resolved";
    "directory a link":          "mv ../active ../real && ln -s real ../active", "rm ../active && mv ../real ../active";
    "hard link to a customer's": "mv resolved x && cp x /home/acme/p && chown acme:acme /home/acme/p && ln /home/acme/p resolved",
                                 "rm /home/acme/p && mv x resolved";
    "FIFO":                      "mv resolved x && mkfifo -m 0640 resolved && chgrp _tom resolved", "mv x resolved";
    "device":                    "mv resolved x && mknod -m 0640 resolved c 1 5 && chgrp _tom resolved", "mv x resolved";
    "directory":                 "mv resolved x && mkdir resolved", "rmdir resolved && mv x resolved";
    "huge":                      "cp -a resolved x && truncate -s 100M resolved", "mv x resolved";
};

fn in_active(host: &Host, script: &str) {
    host.run(["sh", "-c", &format!("cd /var/lib/tom/active && {script}")]).expect_success();
}

/// The PAM phases, as sshd would ask them for Anna.
fn pam_allows(host: &Host, phase: &str) -> bool {
    let pam =
        host.pam("sshd", "root").item("rhost", OFFICE).env("SSH_CONNECTION", &format!("{OFFICE} 40000 192.0.2.1 22"));
    pam.env("SSH_AUTH_INFO_0", &format!("publickey {}", anna().public())).ask(&[phase]).success()
}

on_each_release! {
    fn case_24_a_policy_that_others_could_write_allows_nobody(release) {
        let host = web1(release).start();
        let phases = ["acct_mgmt", "open_session"];
        for Tampering { what, doing, undoing } in TAMPERINGS {
            println!("{what}");
            in_active(&host, doing);
            host.journal().clear();
            let login = host.ssh("root").key(&anna()).from(OFFICE).run("id");
            login.assert_refused();
            assert!(login.duration < Duration::from_secs(2), "{what}: {:?}", login.duration);
            let event = host.journal().event("policy-unusable");
            assert!(event.get("MESSAGE").contains("/var/lib"), "{what}: {event:#?}");
            for phase in phases {
                assert!(!pam_allows(&host, phase), "{what}: {phase}");
            }
            in_active(&host, undoing);
            assert!(phases.iter().all(|phase| pam_allows(&host, phase)), "{what}, repaired");
        }
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
    }

    fn case_24_ordinary_users_do_not_notice(release) {
        let host = web1(release).start();
        for Tampering { doing, undoing, .. } in TAMPERINGS.iter().step_by(4) {
            in_active(&host, doing);
            host.ssh("acme").password(PASSWORD).run("id").assert_allowed();
            in_active(&host, undoing);
        }
    }

    fn case_24_a_list_of_revoked_keys_that_others_could_write_allows_nobody(release) {
        let host = web1(release).start();
        let revoked = "/var/lib/tom/revoked";
        let tamperings = [
            "install -m 0640 -g _tom /dev/null F; chmod o+w F",
            "install -m 0640 -g _tom -o acme /dev/null F",
            "ln -s /dev/null F",
            "mkfifo -m 0640 F; chgrp _tom F",
            "mkdir F",
            "echo 'no key' >F",
        ];
        for tampering in tamperings {
            host.run(["sh", "-c", &tampering.replace('F', revoked)]).expect_success();
            host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_refused();
            assert!(!pam_allows(&host, "acct_mgmt") && !pam_allows(&host, "open_session"), "{tampering}");
            host.run(["rm", "-rf", revoked]).expect_success();
        }
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
    }

    fn case_24_a_candidate_that_others_could_write_is_not_applied(release) {
        let host = web1(release).start();
        let active = std::fs::read(host.path(RESOLVED)).expect("the active policy");
        let mallory = tom_tests::company::policy_with("TOKEN(bert-blue)", "TOKEN(mallory)").replace("2026112301", "2026112302");
        let tamperings = [
            ("chmod g+w F", "chmod g-w F"),
            ("chmod o+w F", "chmod o-w F"),
            ("chown acme F", "chown root F"),
            ("chmod o+w /etc/tom", "chmod o-w /etc/tom"),
            ("mv F F.x && ln -s policy.toml.x F", "rm F && mv F.x F"),
            ("mv F F.x && mkfifo F", "mv F.x F"),
            ("cp -a F F.x && truncate -s 100M F", "mv F.x F"),
        ];
        host.write_policy(&mallory);
        for (doing, undoing) in tamperings {
            host.run(["sh", "-c", &doing.replace('F', "/etc/tom/policy.toml")]).expect_success();
            let applied = host.command().timeout(Duration::from_secs(5)).run(["tom", "apply", "--now"]);
            assert_eq!(applied.status, Some(3), "{doing}: {applied:#?}");
            assert_eq!(std::fs::read(host.path(RESOLVED)).expect("the active policy"), active, "{doing}");
            host.run(["sh", "-c", &undoing.replace('F', "/etc/tom/policy.toml")]).expect_success();
        }
        host.ssh("root").key(&Key::token("mallory")).from(OFFICE).run("id").assert_refused();
        host.ssh("root").key(&bert()).from(OFFICE).run("id").assert_allowed();
        // The control: without the fault it is taken.
        host.run(["tom", "apply", "--now"]).expect_success();
        host.ssh("root").key(&Key::token("mallory")).from(OFFICE).run("id").assert_allowed();
    }

    fn case_24_no_descriptor_reaches_the_session(release) {
        let host = web1(release).file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) NOPASSWD: ALL\n").start();
        let show = "for fd in /proc/self/fd/*; do readlink $fd; done; true";
        let login = host.ssh("root").key(&anna()).from(OFFICE).run(show);
        let sudo = host.as_user("nagios").run(["sudo", "-n", "sh", "-c", show]).expect_success();
        for open in [&login.assert_allowed().stdout, &sudo.stdout] {
            let kinds = ["pipe:", "socket:", "/dev/", "/proc/"];
            let foreign: Vec<_> = open.lines().filter(|line| !kinds.iter().any(|kind| line.starts_with(kind))).collect();
            assert!(foreign.is_empty() && open.lines().count() >= 3, "{open}");
        }
        // As many as without tom's PAM lines.
        let without = web1(release).without_pam_account().without_pam_session().start();
        let before = without.ssh("root").key(&anna()).from(OFFICE).run("ls /proc/self/fd | wc -l");
        assert_eq!(host.ssh("root").key(&anna()).from(OFFICE).run("ls /proc/self/fd | wc -l").stdout, before.stdout);
    }
}
