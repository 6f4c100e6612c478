//! `tom enable` and what follows: nothing changes unless it was rehearsed, and nothing stays unless it is confirmed
//! from a new login.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::collections::BTreeMap;
use std::fs;
use tom_tests::company::{OFFICE, POLICY, anna, bert, web1};
use tom_tests::{Host, Key, on_each_release};

/// What decides logins, byte for byte, with modes.
fn deciding(host: &Host) -> BTreeMap<String, (u32, Vec<u8>)> {
    use std::os::unix::fs::MetadataExt;
    let script = "find /etc/pam.d /etc/ssh /etc/tom /var/lib/pam /var/lib/tom -type f \
                  ! -path '/var/lib/tom/lock' ! -path '/var/lib/tom/rollback/*' | sort";
    let list = host.run(["sh", "-c", script]).expect_success().stdout;
    let files = list.lines().map(|path| {
        let real = host.path(path);
        let metadata = fs::metadata(&real).expect("it is there");
        (path.to_owned(), (metadata.mode(), fs::read(&real).expect("read")))
    });
    files.collect()
}

/// The company's policy, which names this host too.
fn listed(policy: &str) -> String {
    format!("{policy}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

fn not_enabled(release: tom_tests::Release) -> Host {
    let host = web1(release).not_enabled().start();
    host.write_policy(&listed(POLICY));
    host.authorized_keys("root", &format!("{}\n", Key::file("old-root").public()));
    host
}

fn enable(host: &Host) -> tom_tests::Output {
    host.run(["tom", "enable", "--as", "anna"])
}

on_each_release! {
    fn enabled_and_confirmed_from_a_new_login(release) {
        let host = not_enabled(release);
        let old = Key::file("old-root");
        host.ssh("root").key(&old).from(OFFICE).run("true").assert_allowed();
        let _ = enable(&host).expect_success();
        // It is in force at once, for both.
        host.ssh("root").key(&old).from(OFFICE).run("true").assert_refused();
        // Not by the session that made it.
        let confirmed = host.run(["tom", "confirm"]);
        assert_eq!(confirmed.status, Some(1), "{confirmed:#?}");
        let confirmed = host.ssh("root").key(&anna()).from(OFFICE).run("tom confirm");
        assert!(confirmed.assert_allowed().stdout.contains("is confirmed by anna"), "{confirmed:#?}");
        host.ssh("root").key(&bert()).from(OFFICE).run("true").assert_allowed();
        assert_eq!(host.run(["tom", "confirm"]).status, Some(1), "nothing waits any more");
        let _ = host.journal().event("change-confirmed");
    }

    fn not_confirmed_everything_is_as_before(release) {
        let host = not_enabled(release);
        let before = deciding(&host);
        enable(&host).expect_success();
        assert_ne!(deciding(&host), before);
        host.run(["tom", "rollback"]).expect_success();
        assert_eq!(deciding(&host), before);
        let old = Key::file("old-root");
        host.ssh("root").key(&old).from(OFFICE).run("true").assert_allowed();
        host.ssh("root").key(&anna()).from(OFFICE).run("true").assert_refused();
    }

    fn a_policy_that_leaves_one_person_is_refused(release) {
        let host = not_enabled(release);
        let alone = listed(POLICY).replace("valid-until = 2025-12-31", "valid-until = 2025-12-30");
        let alone = alone.replace("id    = \"bert\"\n", "id    = \"bert\"\nvalid-until = 2025-01-01\n");
        host.write_policy(&alone.replace("id    = \"cora\"\n", "id    = \"cora\"\nvalid-until = 2025-01-01\n"));
        let before = deciding(&host);
        let refused = enable(&host);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert_eq!(deciding(&host), before);
    }
}
