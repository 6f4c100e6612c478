//! What undoes a change that nobody confirms, who may confirm it, and what happens when two come at once.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test says what it expects, and waits for it"
)]

use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use tom_tests::changes::{
    Deciding, confirm, enters, not_enabled, old_root, second_policy, start_anew, stranger, waits,
};
use tom_tests::company::{BACKUP_SERVER, OFFICE, anna, backup_job, bert};
use tom_tests::{Host, Output, Release, on_each_release, run_on};

fn run(host: &Host, command: &str) -> Output {
    host.command().timeout(Duration::from_secs(90)).run(["sh", "-c", command])
}

fn enabled(release: Release) -> Host {
    let host = not_enabled(release);
    run(&host, "tom enable --as anna --now").expect_success();
    host
}

/// Waits until no change waits, at most that long.
fn wait_until_settled(host: &Host, limit: u64) -> Duration {
    let started = Instant::now();
    while waits(host) && started.elapsed() < Duration::from_secs(limit) {
        sleep(Duration::from_millis(200));
    }
    assert!(!waits(host), "still waits after {limit} s");
    started.elapsed()
}

/// The session that made it is killed with all its processes, and nothing but tom's own waiting process is left.
fn undone_after_the_session_is_gone() {
    run_on(Release::Bookworm, |release| {
        let host = not_enabled(release);
        let before = Deciding::on(&host);
        let command = "tom enable --as anna --confirm-within 30 && kill -KILL 0";
        let killed = host.run(["setsid", "--wait", "sh", "-c", command]);
        assert_ne!(killed.status, Some(0));
        assert!(waits(&host) && enters(&host, &anna()) && !enters(&host, &old_root()));
        let took = wait_until_settled(&host, 45);
        println!("undone after {took:?}");
        assert!(took > Duration::from_secs(20), "too early: {took:?}");
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        assert!(enters(&host, &old_root()) && !enters(&host, &anna()));
    });
}

fn nothing_is_undone_after_a_confirmation() {
    run_on(Release::Bookworm, |release| {
        let host = not_enabled(release);
        run(&host, "tom enable --as anna --confirm-within 30").expect_success();
        let _ = confirm(&host).assert_allowed();
        let confirmed = Deciding::on(&host);
        sleep(Duration::from_secs(34));
        let now = Deciding::on(&host);
        assert!(now == confirmed, "{}", now.differences(&confirmed));
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
    });
}

fn a_second_look_confirms() {
    run_on(Release::Bookworm, |release| {
        let host = not_enabled(release);
        run(&host, "tom enable --as anna --confirm-within 30 --unattended").expect_success();
        // Whoever looks too early confirms nothing.
        run(&host, "tom confirm --by-check").expect_success();
        assert!(waits(&host));
        let took = wait_until_settled(&host, 28);
        println!("confirmed after {took:?}");
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
    });
}

fn a_second_look_that_finds_no_sshd() {
    run_on(Release::Bookworm, |release| {
        let mut host = not_enabled(release);
        let before = Deciding::on(&host);
        run(&host, "tom enable --as anna --confirm-within 30 --unattended; kill $(cat /run/sshd.pid)").expect_success();
        let _ = wait_until_settled(&host, 50);
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        host.start_sshd_again();
        assert!(enters(&host, &old_root()));
    });
}

fn a_second_look_at_a_drop_in_put_before() {
    run_on(Release::Trixie, |release| {
        let host = not_enabled(release);
        run(&host, "tom enable --as anna --confirm-within 30 --unattended").expect_success();
        host.write(
            "/etc/ssh/sshd_config.d/00-late.conf",
            0o644,
            "Match User root\nAuthorizedKeysFile .ssh/authorized_keys\n",
        );
        let took = wait_until_settled(&host, 50);
        println!("undone after {took:?}");
        assert!(!host.path("/var/lib/tom/enabled").exists());
        assert!(enters(&host, &old_root()) && !enters(&host, &anna()));
    });
}

/// Without systemd a process of its own waits. All at once, since each takes half a minute.
#[test]
fn the_timer_without_systemd() {
    let tests = [
        undone_after_the_session_is_gone,
        nothing_is_undone_after_a_confirmation,
        a_second_look_confirms,
        a_second_look_that_finds_no_sshd,
        a_second_look_at_a_drop_in_put_before,
    ];
    let threads = tests.map(thread::spawn);
    let failed = threads.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
    assert_eq!(failed, 0, "see above");
}

on_each_release! {
    /// Who may not confirm, and is told what would.
    fn who_confirms(release) {
        let host = enabled(release);
        let opened_before = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).expect("she comes in");
        host.write_policy(&second_policy());
        run(&host, "tom apply --as anna").expect_success();
        let refused = |output: &Output, words: &str| {
            assert_eq!(output.status, Some(1), "{words}: {output:#?}");
            assert!(output.stderr.contains(words) && output.stderr.contains("log in anew"), "{words}: {output:#?}");
            assert!(waits(&host), "{words}");
        };
        let older = "older than the change";
        refused(&opened_before.run("tom confirm"), older);
        // A session of su within it is newer, and proves no way in.
        refused(&opened_before.run("su root -c 'tom confirm'"), older);
        refused(&run(&host, "TOM_PERSON=anna TOM_KEY=blue tom confirm"), "not let in by tom");
        // Nor what was left by its login, as in tmux.
        let left = host.ssh("root").key(&anna()).from(OFFICE)
            .run("(setsid sh -c 'sleep 1; tom confirm >/run/left 2>&1; echo $? >>/run/left' >/dev/null 2>&1 &) ; true");
        let _ = left.assert_allowed();
        sleep(Duration::from_secs(2));
        let said = std::fs::read_to_string(host.path("/run/left")).expect("it ran");
        assert!(said.contains("not let in by tom") && said.ends_with("\n1\n"), "{said}");
        // No record of sessions at all.
        run(&host, "rm -rf /run/tom").expect_success();
        refused(&run(&host, "tom confirm"), "not let in by tom");
        // An account without tom cannot even ask.
        let acme = host.as_user("acme").run(["tom", "confirm"]);
        assert_eq!(acme.status, Some(3), "{acme:#?}");
        // A machine comes in with its forced command alone.
        host.write("/usr/local/sbin/backup-job", 0o755, "#!/bin/sh\nexec tom confirm\n");
        let machine = host.ssh("root").key(&backup_job()).from(BACKUP_SERVER).run("true");
        assert!(machine.stderr.contains("a machine cannot confirm"), "{machine:#?}");
        assert!(waits(&host));
        drop(opened_before);
        let confirmed = host.ssh("root").key(&bert()).from(OFFICE).run("su root -c 'tom confirm'");
        assert!(confirmed.assert_allowed().stdout.contains("is confirmed by bert"), "{confirmed:#?}");
        assert!(!waits(&host));
    }

    /// Two at once: one after the other, or one is told so.
    fn at_once(release) {
        let host = not_enabled(release);
        let before = Deciding::on(&host);
        let two = |one: &str, other: &str| {
            let output = run(&host, &format!("{one} >/run/bench/one 2>&1 & one=$!; {other} >/run/bench/other 2>&1; o=$?
                wait $one; echo $? $o; cat /run/bench/one /run/bench/other >&2"));
            println!("{one} | {other}: {}", output.stdout.trim());
            output
        };
        let enable = "tom enable --as anna";
        let both = two(enable, enable);
        assert!(["0 1", "1 0"].contains(&both.stdout.trim()), "{both:#?}");
        assert!(both.stderr.contains("waits for its confirmation"), "{both:#?}");
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
        // A change that waits is ended by disable: what was there before is not enabled.
        run(&host, "tom disable").expect_success();
        assert!(!waits(&host) && enters(&host, &old_root()) && !enters(&host, &anna()));
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        run(&host, "tom enable --as anna --now").expect_success();
        let enforced = Deciding::on(&host);
        host.write_policy(&second_policy());
        let second = "/etc/tom/policy.toml";
        let is_settled = |both: &Output| {
            assert!(!waits(&host), "{both:#?}");
            assert!(enters(&host, &anna()) && !enters(&host, &old_root()) && !enters(&host, &stranger()), "{both:#?}");
            let beta = run(&host, "grep -q 'Match User.*beta' /etc/ssh/sshd_config.d/10-tom.conf").success();
            let active = run(&host, &format!("cmp -s {second} /var/lib/tom/active/policy.toml")).success();
            assert_eq!(beta, active, "the drop-in and the policy differ: {both:#?}");
            active
        };
        // A rollback while an apply is at work, and an apply while a rollback is.
        for (one, other) in [("tom apply --as anna", "sleep 0.3; tom rollback"), ("tom apply --as anna; tom rollback", "sleep 0.5; tom apply --as anna --now")] {
            let both = two(one, other);
            if waits(&host) {
                run(&host, "tom rollback").expect_success();
            }
            let _ = is_settled(&both);
            run(&host, "tom disable --allow-lockout; cp /etc/tom/policy.toml /root/second").expect_success();
            host.write_policy(&tom_tests::changes::listed(tom_tests::company::POLICY));
            run(&host, "rm -rf /var/lib/tom/active /var/lib/tom/fallback; tom enable --as anna --now; mv /root/second /etc/tom/policy.toml").expect_success();
        }
        let _ = enforced;
        // A confirmation and the rollback at one moment: one of them, whole.
        let mut confirmations = Vec::new();
        for race in ["tom rollback", "sleep 0", "sleep 0.01", "sleep 0.02", "sleep 0.04", "sleep 3"] {
            run(&host, "tom apply --as anna").expect_success();
            let undone = "(tom rollback; echo $?) >/run/bench/rollback 2>&1";
            let command = match race {
                "tom rollback" => format!("{undone}; tom confirm"),
                delay => format!("({delay}; {undone}) & tom confirm; code=$?; [ '{delay}' = 'sleep 3' ] || wait; exit $code"),
            };
            // A login within the same two clock ticks is taken for an older one.
            sleep(Duration::from_millis(30));
            let login = host.ssh("root").key(&anna()).from(OFFICE).run(&command);
            sleep(Duration::from_millis(500));
            let said = std::fs::read_to_string(host.path("/run/bench/rollback")).unwrap_or_default();
            confirmations.push(login.status == Some(0));
            println!("{race}: confirmed {:?} {}, rollback said {}", login.status, login.stderr, said.lines().next().unwrap_or_default());
            if waits(&host) {
                // The rollback came after the confirmation, and goes back to the policy before as a change of its own.
                run(&host, "tom rollback").expect_success();
            }
            let active = is_settled(&Output { status: login.status, stdout: login.stdout.clone(), stderr: said, duration: login.duration });
            if login.status != Some(0) {
                assert!(!active, "refused, and active: {login:#?}");
            }
            start_anew(&host).expect_success();
            if active {
                run(&host, "tom rollback --now --as anna").expect_success();
            }
        }
        assert!(confirmations.contains(&true) && confirmations.contains(&false), "{confirmations:?}");
    }
}
