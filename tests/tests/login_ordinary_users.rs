//! Whoever is no administrator logs in exactly as on a host without tom, whatever the policy's state, and
//! tom says nothing of them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{self, ELSEWHERE, OFFICE, web1};
use tom_tests::{Account, Bench, Event, Host, Key, Login, PASSWORD, Release, on_each_release};

/// What happened: a name, the exit code, what was written.
type Outcome = (&'static str, Option<i32>, String);

/// What ordinary users may have beside tom, and must keep.
fn their_own(bench: Bench) -> Bench {
    let with_all = "@include common-auth\n@include common-account\n@include common-session\n";
    let cron = "@include common-auth\n@include common-account\n@include common-session-noninteractive\n";
    let other = format!("#!/bin/sh\n[ \"$1\" = beta ] && echo '{}'\n", Key::file("from-the-directory").public());
    bench
        .file("/usr/local/bin/keys-from-a-directory", 0o755, other)
        .sshd_drop_in(
            "30-directory.conf",
            "AuthorizedKeysCommand /usr/local/bin/keys-from-a-directory %u\nAuthorizedKeysCommandUser nobody\n",
        )
        .file("/etc/pam.d/cron", 0o644, cron)
        .file("/etc/pam.d/vsftpd", 0o644, with_all)
        .file("/etc/sudoers.d/acme", 0o440, "acme ALL=(beta) ALL\n")
}

/// Ways in which ordinary users don't come in. PAM waits two seconds after each.
fn every_failure(host: &Host) -> Vec<Outcome> {
    let login = host.ssh("acme").password("wrong").run("id");
    let su = host.as_user("acme").stdin("wrong\n").run(["su", "beta", "-c", "id"]);
    let sudo = host.as_user("beta").stdin(format!("{PASSWORD}\n")).run(["sudo", "-S", "-u", "acme", "id"]);
    let key = host.ssh("acme").key(&Key::file("nobodys")).run("id");
    vec![
        ("key of nobody", key.status, key.stdout),
        ("wrong password", login.status, login.stdout),
        ("su, wrong password", su.status, su.stdout),
        ("sudo, not in sudoers", sudo.status, sudo.stdout),
    ]
}

/// Every way in which ordinary users come in.
fn every_way(host: &Host) -> Vec<Outcome> {
    let own = Key::file("acme-laptop");
    let token = Key::token("acme-token").without_pin();
    host.authorized_keys("acme", &format!("environment=\"X=1\",no-pty {}\n{}\n", own.public(), token.public()));
    // Not MOTD and mail, nor what differs from login to login.
    let show = "id; env | grep -v ^SSH_ | sort";
    let ssh = |user: &'static str| host.ssh(user);
    let logins: Vec<(&'static str, Login)> = vec![
        ("password", ssh("acme").password(PASSWORD).run(show)),
        ("password from anywhere", ssh("acme").password(PASSWORD).from(ELSEWHERE).run(show)),
        ("key in a file", ssh("acme").key(&own).from(OFFICE).run(show)),
        ("token without PIN", ssh("acme").key(&token).from(OFFICE).run(show)),
        ("key from a directory", ssh("beta").key(&Key::file("from-the-directory")).run(show)),
        ("sftp", ssh("acme").key(&own).sftp("get /etc/hostname /tmp/by-acme")),
        ("password of a person's account", ssh("anna").password(PASSWORD).run(show)),
    ];
    let mut outcomes: Vec<Outcome> =
        logins.into_iter().map(|(name, login)| (name, login.status, login.stdout)).collect();
    let phases = ["acct_mgmt", "open_session", "close_session"];
    let typed = format!("{PASSWORD}\n");
    let asked = [
        ("cron", host.pam("cron", "acme").ask(&phases)),
        (
            "ftp",
            host.pam("vsftpd", "acme").typing(&typed).item("rhost", "203.0.113.9").ask(&[
                "authenticate",
                "acct_mgmt",
                "open_session",
            ]),
        ),
        ("login", host.pam("login", "acme").typing(&typed).ask(&["authenticate", "acct_mgmt"])),
        ("su", host.as_user("acme").stdin(typed.as_str()).run(["su", "beta", "-c", "id"])),
        ("sudo", host.as_user("acme").stdin(typed.as_str()).run(["sudo", "-S", "-u", "beta", "id"])),
        ("root's su", host.run(["su", "-", "beta", "-c", "id"])),
    ];
    outcomes.extend(asked.map(|(name, output)| (name, output.status, output.stdout)));
    outcomes
}

fn host_without_tom(release: Release) -> Host {
    let accounts = [("deploy", 2101), ("archive", 2102), ("nagios", 2103), ("beta", 3002)];
    let bench =
        accounts.iter().fold(Bench::on(release), |bench, (name, uid)| bench.account(Account::person(name, *uid)));
    their_own(bench).without_tom().start()
}

fn of_a_host_without_tom(release: Release) -> Vec<Outcome> {
    let outcomes = every_way(&host_without_tom(release));
    let failed: Vec<_> = outcomes.iter().filter(|(_, status, _)| *status != Some(0)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    outcomes
}

fn assert_the_same(host: &Host, before: &[Outcome]) {
    host.journal().clear();
    assert_same_outcomes(host, before);
    let events = events_of_tom(host);
    assert!(events.is_empty(), "{events:#?}");
}

fn assert_same_outcomes(host: &Host, before: &[Outcome]) {
    for (with, without) in every_way(host).iter().zip(before) {
        assert_eq!(with, without);
    }
}

fn events_of_tom(host: &Host) -> Vec<Event> {
    host.journal().events().into_iter().filter(|event| !event.get("TOM_EVENT").is_empty()).collect()
}

on_each_release! {
    fn log_in_as_before(release) {
        let before = of_a_host_without_tom(release);
        let host = their_own(web1(release)).start();
        assert_the_same(&host, &before);
    }

    fn fail_as_before(release) {
        let before = every_failure(&host_without_tom(release));
        assert!(before.iter().all(|(_, status, _)| *status != Some(0)), "{before:#?}");
        let host = their_own(web1(release)).start();
        assert_eq!(every_failure(&host), before);
    }

    fn log_in_as_before_while_the_policy_is_missing_or_damaged(release) {
        let before = of_a_host_without_tom(release);
        let host = their_own(web1(release)).start();
        let governed = |host: &Host| host.ssh("root").key(&company::anna()).from(OFFICE).run("id");
        governed(&host).assert_allowed();
        let resolved = host.path("/var/lib/tom/active/resolved");
        let sound = std::fs::read(&resolved).expect("the active policy");
        for damaged in [&b""[..], &sound[..sound.len() / 2], b"\xff\xff\xff\xff"] {
            std::fs::write(&resolved, damaged).expect("damaged");
            governed(&host).assert_refused();
            assert_the_same(&host, &before);
        }
        std::fs::write(&resolved, &sound).expect("repaired");
        governed(&host).assert_allowed();
        host.run(["rm", "-r", "/var/lib/tom/active", "/var/lib/tom/fallback"]).expect_success();
        governed(&host).assert_refused();
        assert_the_same(&host, &before);
    }

    fn log_in_as_before_where_no_policy_was_ever_applied(release) {
        let before = of_a_host_without_tom(release);
        let host = their_own(company::without_policy(release, "web1.example.net")).start();
        assert_same_outcomes(&host, &before);
        // Nothing says whom a policy would govern: that is told, and nothing else.
        for event in events_of_tom(&host) {
            assert_eq!((event.get("TOM_EVENT"), event.get("TOM_VERDICT")), ("policy-unusable", "not-governed"));
        }
    }
}
