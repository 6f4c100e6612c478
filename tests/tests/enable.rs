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
use tom_tests::company::{ELSEWHERE, OFFICE, POLICY, anna, bert, web1};
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

/// Enabled, and done with.
fn enabled(release: tom_tests::Release) -> Host {
    let host = not_enabled(release);
    host.run(["tom", "enable", "--as", "anna", "--now"]).expect_success();
    host
}

/// The policy with a higher serial, under which Bert is gone.
fn without_bert() -> String {
    let policy = listed(POLICY).replace("serial   = 2026112301", "serial   = 2026112401");
    policy.replace("id    = \"bert\"\n", "id    = \"bert\"\nvalid-until = 2025-01-01\n")
}

fn comes_in(host: &Host, key: &Key) -> bool {
    host.ssh("root").key(key).from(OFFICE).run("true").allowed()
}

on_each_release! {
    fn a_policy_waits_for_its_confirmation_too(release) {
        let host = enabled(release);
        let before = deciding(&host);
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        assert!(comes_in(&host, &anna()) && !comes_in(&host, &bert()));
        let second = host.run(["tom", "apply", "--as", "anna"]);
        assert_eq!(second.status, Some(1), "one after the other: {second:#?}");
        host.run(["tom", "rollback"]).expect_success();
        assert!(comes_in(&host, &anna()) && comes_in(&host, &bert()));
        host.write_policy(&listed(POLICY));
        assert_eq!(deciding(&host), before);
        // By anna herself, over a connection that is newer than the change.
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        host.ssh("root").key(&anna()).from(OFFICE).run("tom confirm").assert_allowed();
        assert!(!comes_in(&host, &bert()));
        // The policy before comes back, and that waits as well.
        host.run(["tom", "rollback", "--as", "anna"]).expect_success();
        assert!(comes_in(&host, &bert()));
        host.ssh("root").key(&bert()).from(OFFICE).run("tom confirm").assert_allowed();
        assert!(comes_in(&host, &bert()));
    }

    fn shown_and_not_done(release) {
        let host = not_enabled(release);
        let before = deciding(&host);
        let shown = host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        assert!(shown.stdout.contains("/etc/pam.d/common-account (changed)"), "{shown:#?}");
        assert_eq!(deciding(&host), before);
    }

    fn disabled_is_as_before(release) {
        let host = not_enabled(release);
        let lines = || deciding(&host).into_iter().filter(|(path, _)| !path.starts_with("/var/lib") && !path.starts_with("/etc/tom"));
        let before: Vec<_> = lines().collect();
        host.run(["tom", "enable", "--as", "anna", "--now"]).expect_success();
        host.run(["tom", "disable"]).expect_success();
        assert_eq!(lines().collect::<Vec<_>>(), before);
        assert!(comes_in(&host, &Key::file("old-root")) && !comes_in(&host, &anna()));
    }

    fn disabled_where_nobody_has_keys_of_his_own(release) {
        let host = enabled(release);
        fs::remove_file(host.path("/root/.ssh/authorized_keys")).expect("it was there");
        let refused = host.run(["tom", "disable"]);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert!(comes_in(&host, &anna()));
        host.run(["tom", "disable", "--leave-keys"]).expect_success();
        keys_are_left(&host);
        // And back: what was left is taken away.
        host.run(["tom", "enable", "--as", "anna", "--now"]).expect_success();
        assert!(!host.path("/etc/ssh/tom-left-keys").exists());
        assert!(comes_in(&host, &anna()));
    }

    fn the_package_goes_and_administrators_still_come_in(release) {
        let host = enabled(release);
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        let files = ["/usr/bin/tom", "/usr/lib/tom", "/usr/lib/x86_64-linux-gnu/security/pam_tom.so", "/var/lib/tom", "/etc/tom"];
        host.run(["rm", "-r"].into_iter().chain(files)).expect_success();
        keys_are_left(&host);
    }

    fn observed_first(release) {
        let host = not_enabled(release);
        let old = Key::file("old-root");
        let shown = host.run(["tom", "enable", "--observe"]).expect_success();
        assert!(shown.stdout.contains("OBSERVING: nothing is refused"), "{shown:#?}");
        host.journal().clear();
        let login = host.ssh("root").key(&old).from(OFFICE).run("echo -$TOM_PERSON-");
        assert_eq!(login.assert_allowed().stdout, "--\n");
        let event = host.journal().event("would-refuse");
        assert_eq!(event.get("TOM_REASON"), "key-unknown");
        assert_eq!(host.run(["tom", "confirm"]).status, Some(1), "nothing waits");
        host.run(["tom", "enable", "--as", "anna", "--now"]).expect_success();
        assert!(comes_in(&host, &anna()) && !comes_in(&host, &old));
        let pam = fs::read_to_string(host.path("/etc/pam.d/common-session")).expect("read");
        assert!(pam.contains("default=bad]\tpam_tom.so") && !pam.contains("observe"), "{pam}");
        // Back to looking on is a change that must not be made by accident, but can be.
        host.run(["tom", "enable", "--observe", "--as", "anna", "--now"]).expect_success();
        assert!(comes_in(&host, &old) && !host.path("/etc/ssh/sshd_config.d/10-tom.conf").exists());
    }

    fn an_active_policy_of_another_version(release) {
        let host = enabled(release);
        for file in ["active/resolved", "fallback"] {
            let path = host.path(format!("/var/lib/tom/{file}"));
            let mut bytes = fs::read(&path).expect("read");
            bytes[11] = b'9';
            fs::write(&path, bytes).expect("written");
        }
        assert!(!comes_in(&host, &anna()), "nothing of it can be read");
        host.run(["tom", "refresh"]).expect_success();
        assert!(comes_in(&host, &anna()) && comes_in(&host, &bert()));
        assert!(!comes_in(&host, &Key::file("old-root")));
    }
}

/// Two persons with PIV tokens, which are plain keys to sshd.
const PIV: &str = r#"
schema = 1
serial = 1
operator = "Example Hosting GmbH"
token = { assurance = "declared" }
networks = { office = ["203.0.113.0/28"] }
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "administrator"
party = "operator"
[[person]]
id = "bert"
name = "Bert Muster"
role = "administrator"
party = "operator"
[[key]]
person = "anna"
label = "piv"
public = "ECDSA-FILE-KEY(anna-piv)"
proof = "piv"
[[key]]
person = "bert"
label = "piv"
public = "ECDSA-FILE-KEY(bert-piv)"
proof = "piv"
[[grant]]
id = "admins"
persons = ["anna", "bert"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
"#;

on_each_release! {
    /// Found by an attacker: the rehearsal's own key said nothing of theirs, and the second look would have confirmed a
    /// lock-out.
    fn an_sshd_that_takes_none_of_their_keys(release) {
        let host = web1(release).not_enabled().start();
        host.write_policy(PIV.replace("serial = 1", "serial = 2026112401").as_str());
        let hardened = "PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com\n";
        host.write("/etc/ssh/sshd_config.d/20-hardened.conf", 0o644, hardened);
        let before = deciding(&host);
        let refused = enable(&host);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("no signature by a key of 'anna'"), "{refused:#?}");
        assert_eq!(deciding(&host), before);
        fs::remove_file(host.path("/etc/ssh/sshd_config.d/20-hardened.conf")).expect("removed");
        enable(&host).expect_success();
        assert!(comes_in(&host, &Key::ecdsa_file("bert-piv")));
    }
}

/// Without any of tom's programs: Anna's and Bert's tokens come in from the office, and nothing else does.
fn keys_are_left(host: &Host) {
    assert!(comes_in(host, &anna()) && comes_in(host, &bert()));
    assert!(!comes_in(host, &anna().without_pin()), "the PIN is still demanded");
    for key in [Key::token("stranger"), Key::file("old-root")] {
        assert!(!comes_in(host, &key));
    }
    host.ssh("root").key(&anna()).from(ELSEWHERE).run("true").assert_refused();
    let pam = host.run(["grep", "-r", "pam_tom", "/etc/pam.d"]);
    assert_eq!(pam.stdout, "");
}
