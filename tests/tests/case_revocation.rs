//! Adversarial cases 22 and 23: what changes while somebody logs in, and what strangers do meanwhile.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use std::time::{Duration, Instant};

use tom_tests::company::{OFFICE, anna, bert, policy_with, web1};
use tom_tests::{Bench, Host, Key, Login, Refusal, Release, on_each_release};

const REVOKE_ANNA: &str = "/usr/local/sbin/revoke-anna";

/// A host with a program that takes Anna's key out, and one that takes her out of the policy.
fn bench(release: Release) -> Bench {
    let revoke = format!("#!/bin/sh\necho '{} lost' >>/var/lib/tom/revoked\n", anna().public());
    web1(release).file(REVOKE_ANNA, 0o755, revoke)
}

/// Lets PAM run a program when tom's account phase has allowed: between that and the session.
fn between(host: &Host, program: &str) {
    let stack = std::fs::read_to_string(host.path("/etc/pam.d/sshd")).expect("sshd's stack");
    let line = format!("@include common-account\naccount required pam_exec.so {program}");
    host.write("/etc/pam.d/sshd", 0o644, stack.replace("@include common-account", &line));
}

/// sshd ends a connection after six keys.
fn assert_too_many(login: &Login) {
    assert!(login.stderr.contains("Too many authentication failures") && login.stdout.is_empty(), "{login:#?}");
}

on_each_release! {
    fn case_22_a_key_revoked_after_the_offer_does_not_get_in(release) {
        // ssh asks for the PIN when sshd has accepted the offer: whoever answers revokes the key first.
        let asked = format!("#!/bin/sh\n[ \"${{SSH_ASKPASS_PROMPT:-}}\" = none ] && exit\n{REVOKE_ANNA}\necho \"$BENCH_ANSWER\"\n");
        let host = bench(release).file("/usr/local/sbin/slow", 0o755, asked).start();
        let client = || host.ssh("root").key(&anna()).from(OFFICE);
        client().run("id").assert_allowed();
        let login = client().env("SSH_ASKPASS", "/usr/local/sbin/slow").run("id");
        login.assert_refused();
        assert!(login.logged("Accepted key ") && login.logged("Failed publickey for root"), "{login:#?}");
        client().run("id").assert_refused_by(Refusal::UnknownKey);
        host.ssh("root").key(&bert()).from(OFFICE).run("id").assert_allowed();
    }

    fn case_22_a_key_revoked_before_the_session_gets_none(release) {
        let host = bench(release).start();
        between(&host, REVOKE_ANNA);
        host.journal().clear();
        let echo = host.echo_service();
        let login = host.ssh("root").key(&anna()).from(OFFICE).run("id");
        login.assert_refused_by(Refusal::PamSession);
        let event = host.journal().event("refused");
        let fields = ["TOM_REASON", "TOM_PERSON", "TOM_ACCOUNT"].map(|field| event.get(field));
        assert_eq!(fields, ["key-revoked", "anna", "root"]);
        host.ssh("root").key(&anna()).from(OFFICE).stdio_forward(echo, "hello\n").assert_refused();
    }

    fn case_22_a_person_removed_by_apply_before_the_session_gets_none(release) {
        let host = bench(release).start();
        let without_anna = policy_with("persons  = [\"anna\", \"bert\", \"cora\", \"dirk\"]", "persons = [\"bert\", \"cora\"]")
            .replace("2026112301", "2026112302")
            .replace("person  = \"anna\"\nfrom", "person  = \"bert\"\nfrom");
        host.write_policy(&without_anna);
        between(&host, "/usr/bin/tom apply --now");
        host.journal().clear();
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_refused_by(Refusal::PamSession);
        let event = host.journal().event("refused");
        assert_eq!((event.get("TOM_REASON"), event.get("TOM_POLICY_SERIAL")), ("no-grant", "2026112302"));
        host.ssh("root").key(&bert()).from(OFFICE).run("id").assert_allowed();
    }

    fn case_22_what_is_revoked_stays_so_through_apply(release) {
        let host = bench(release).start();
        host.run([REVOKE_ANNA]).expect_success();
        host.apply(&policy_with("2026112301", "2026112302")).expect_success();
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
    }

    fn case_23_a_login_gets_through_a_flood_of_unknown_keys(release) {
        // sshd would drop connections by itself at its own limit, which is not under test.
        let host = bench(release).sshd_drop_in("05-many.conf", "MaxStartups 1000\n").start();
        let keys: Vec<Key> = (0..6).map(|number| Key::file(&format!("stranger-{number}"))).collect();
        let quiet = host.ssh("root").key(&anna()).from(OFFICE).run("id");
        // The key files are written before.
        let stranger = || keys.iter().fold(host.ssh("root").from("198.51.100.200"), |client, key| client.key(key)).among_others();
        assert_too_many(&stranger().run("id"));
        host.journal().clear();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let flooded = std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        assert_too_many(&stranger().timeout(Duration::from_secs(60)).run("id"));
                        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(500));
            // Three, and the best of them: whatever else this machine does is not under test.
            let times = [(); 3].map(|()| {
                let started = Instant::now();
                let login = host.ssh("root").key(&anna()).from(OFFICE).among_others().run("id -un");
                assert_eq!((login.status, login.stdout.as_str()), (Some(0), "root\n"), "{login:#?}");
                started.elapsed()
            });
            let left = 200 - done.load(std::sync::atomic::Ordering::Relaxed);
            assert!(left > 20, "the flood was over: {left} connections left");
            times.into_iter().min().expect("three")
        });
        println!("a login: {:?} alone, {flooded:?} beside 200 connections with 6 unknown keys each", quiet.duration);
        assert!(flooded < Duration::from_secs(5), "{flooded:?}");
        // Told at debug level only.
        let loud = host.journal().events().into_iter().filter(|event| {
            event.get("TOM_EVENT") == "offer-refused" && event.get("PRIORITY") != "7" || event.get("TOM_EVENT") == "refused"
        });
        assert_eq!(loud.count(), 0);
    }

    fn case_23_a_full_or_read_only_var_changes_no_login(release) {
        let host = bench(release).start();
        let enters = || {
            host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
            host.ssh("root").key(&Key::file("laptop")).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
            host.ssh("deploy").key(&anna()).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
        };
        let full = "cp -a /var/lib/tom /tmp/tom && mount -t tmpfs -o size=128k,mode=0755 full /var/lib/tom && \
             cp -a /tmp/tom/. /var/lib/tom && ! dd if=/dev/zero of=/var/lib/tom/filler bs=1k 2>/dev/null";
        host.run(["sh", "-c", full]).expect_success();
        enters();
        host.write_policy(&policy_with("2026112301", "2026112302"));
        assert_eq!(host.run(["tom", "apply", "--now"]).status, Some(3));
        enters();
        let names = host.run(["ls", "-A", "/var/lib/tom"]).expect_success().stdout;
        assert_eq!(names, "active\nfallback\nfiller\nlock\n", "something half-written was left");
        host.run(["sh", "-c", "umount /var/lib/tom && mount --bind /var /var && mount -o remount,bind,ro /var"]).expect_success();
        enters();
        assert_eq!(host.run(["tom", "apply", "--now"]).status, Some(3));
        enters();
        host.run(["umount", "/var"]).expect_success();
        host.run(["tom", "apply", "--now"]).expect_success();
        enters();
    }
}
