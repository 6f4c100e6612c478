//! What a policy would take from whom, told by `tom enable` and `tom apply` before they change anything: recent logins
//! from real records, sessions of this moment, and whoever runs the command.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use tom_tests::company::{ELSEWHERE, HOME, OFFICE, POLICY, anna, bert, policy_with, web1};
use tom_tests::{Host, Key, Output, PASSWORD, Release, SshClient, on_each_release};

/// The host's own journal in place of the bench's. It looks for a file system of control groups, and writes below
/// /run; the bench's Debian 12 has none, and keeps /var/log/auth.log instead.
const JOURNALD: &str = "set -e
    mount -t tmpfs sys /sys; mkdir -p /sys/fs/cgroup
    mount -t cgroup2 -o ro,nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
    echo 0123456789abcdef0123456789abcdef >/etc/machine-id
    rm -f /dev/log; ln -s /run/systemd/journal/dev-log /dev/log
    setsid /usr/lib/systemd/systemd-journald >/run/bench/journald.log 2>&1 &
    for i in $(seq 100); do [ -n \"$(ls /run/log/journal/* 2>/dev/null)\" ] && exit 0; sleep 0.05; done
    cat /run/bench/journald.log; exit 1";
/// A second sshd, which writes to syslog as on every host; the bench's own writes into a file.
const SSHD: &str = "/usr/sbin/sshd -p 2222 -o PidFile=/run/bench/second.pid -o LogLevel=INFO
    for i in $(seq 100); do [ -s /run/bench/second.pid ] && exit 0; sleep 0.05; done; exit 1";

/// The company's policy, which names this host too.
fn listed(policy: &str) -> String {
    format!("{policy}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

/// A host on which nothing asks tom yet, with its records.
fn recorded(release: Release) -> Host {
    let host = web1(release).not_enabled().without_journal().with_syslog().start();
    if release == Release::Trixie {
        host.run(["sh", "-c", JOURNALD]).expect_success();
    }
    host.run(["sh", "-c", SSHD]).expect_success();
    host.write_policy(&listed(POLICY));
    let keys = [Key::file("old-root"), anna()];
    let listed: Vec<&str> = keys.iter().map(Key::public).collect();
    host.authorized_keys("root", &listed.join("\n"));
    host
}

fn ssh<'h>(host: &'h Host, account: &str, from: &str) -> SshClient<'h> {
    host.ssh(account).from(from).option("Port=2222").among_others()
}

/// Writes what syslog got into /var/log/auth.log, as rsyslog does: without the priority, with the host's name.
fn rsyslog(host: &Host) {
    let line = |datagram: String| {
        let (_, text) = datagram.split_once('>')?;
        let (time, rest) = text.split_at_checked("Nov 25 14:45:44".len())?;
        Some(format!("{time} web1{rest}\n"))
    };
    let lines: String = host.syslog().lines().into_iter().filter_map(line).collect();
    host.write("/var/log/auth.log", 0o640, lines);
}

/// What was said, with one space between words.
fn said(output: &Output) -> Vec<String> {
    let lines = output.stdout.lines().chain(output.stderr.lines());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// The table of losses below its heading, which is set in.
fn losses(output: &Output) -> Vec<String> {
    let rows = output.stderr.lines().filter_map(|line| line.strip_prefix("tom:   ")).skip(1);
    let mut found: Vec<String> = rows.map(without_day).collect();
    found.sort();
    found
}

fn without_day(line: &str) -> String {
    let is_day = |word: &str| word.len() == 10 && word.starts_with("20") && word.matches('-').count() == 2;
    let words = line.split_whitespace().map(|word| if is_day(word) { "DAY" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

on_each_release! {
    fn recent_logins_are_put_to_the_policy(release) {
        let host = recorded(release);
        let old = Key::file("old-root");
        for login in [
            ssh(&host, "root", OFFICE).key(&anna()),
            ssh(&host, "root", OFFICE).key(&old),
            ssh(&host, "root", OFFICE).key(&old),
            ssh(&host, "root", ELSEWHERE).key(&anna()),
            ssh(&host, "deploy", OFFICE).password(PASSWORD),
            ssh(&host, "acme", ELSEWHERE).password(PASSWORD),
        ] {
            login.run("true").assert_allowed();
        }
        // Who is not root can have anything written under any name; of the journal it is known who wrote it.
        let forged = "Accepted password for root from 192.0.2.67 port 22 ssh2";
        host.as_user("acme").run(["logger", "-t", "sshd[7]", "-p", "auth.info", forged]).expect_success();
        if release == Release::Bookworm {
            rsyslog(&host);
        }
        // What is tried for it is a login too, and none that anybody could lose: asked again, it says the same.
        host.run(["tom", "enable", "--dry-run", "--as", "anna"]).expect_success();
        let shown = host.run(["tom", "enable", "--dry-run", "--as", "anna"]).expect_success();
        let mut found = losses(&shown);
        if release == Release::Bookworm {
            let believed = "root password 192.0.2.67 DAY 1 only a key of the policy counts here";
            assert!(found.iter().any(|line| line == believed), "{shown:#?}");
            found.retain(|line| line != believed);
        }
        let by_old = format!("root {} {OFFICE} DAY 2 key-unknown", fingerprint(&host, &old));
        let mut expected = vec![
            format!("deploy password {OFFICE} DAY 1 only a key of the policy counts here"),
            format!("root anna's key 'blue' {ELSEWHERE} DAY 1 address-not-allowed"),
            by_old,
        ];
        expected.sort();
        assert_eq!(found, expected, "{shown:#?}");
    }

    fn without_any_record_that_is_said(release) {
        let host = web1(release).not_enabled().start();
        host.write_policy(&listed(POLICY));
        let shown = host.run(["tom", "enable", "--dry-run", "--as", "anna"]).expect_success();
        let unknown = "neither a journal nor /var/log/auth.log";
        assert!(said(&shown).iter().any(|line| line.contains("are not known") && line.contains(unknown)), "{shown:#?}");
    }

    fn whoever_runs_it_is_not_locked_out(release) {
        let host = web1(release).not_enabled().start();
        host.write_policy(&listed(POLICY));
        host.authorized_keys("root", Key::file("old-root").public());
        // Before anybody has come in by token: from where is seen, and who is said.
        let elsewhere = host.ssh("root").from(ELSEWHERE).key(&Key::file("old-root")).open(&[]).expect("in");
        let refused = elsewhere.run("tom enable --dry-run --as anna");
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        let sentence = format!("you, 'anna', are connected from {ELSEWHERE}, and could not log in from there");
        assert!(said(&refused).iter().any(|line| line.contains(&sentence)), "{refused:#?}");
        // This session is one that the policy would refuse, by whatever key it came.
        let now = format!("root not known {ELSEWHERE} now 1 address-not-allowed");
        assert_eq!(losses(&refused), [now], "{refused:#?}");
        for (who, reason) in [
            ("dirk", "rule 5, person-expired"),
            ("zoe", "the policy has no such person"),
            ("max", "could not log in by SSH on this host under this policy"),
        ] {
            let refused = host.run(["tom", "enable", "--dry-run", "--as", who]);
            assert_eq!(refused.status, Some(1), "{refused:#?}");
            assert!(said(&refused).iter().any(|line| line.contains(reason)), "{refused:#?}");
        }
        // Automation is nobody; whoever enables the host by hand is somebody.
        host.run(["tom", "enable", "--dry-run", "--unattended"]).expect_success();
        let refused = host.run(["tom", "enable"]);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert!(said(&refused).iter().any(|line| line.contains("say --as PERSON")), "{refused:#?}");
    }

    fn what_is_doubtful_is_told_and_refuses_nothing(release) {
        let host = web1(release).not_enabled().start();
        // The bench's own address and its loopback; the backup server logs in from the third.
        let doubtful = "cio-home    = [\"198.51.100.7\", \"192.0.2.1\", \"127.0.0.0/8\", \"203.0.113.77\"]";
        let policy = policy_with("cio-home    = [\"198.51.100.7\"]", doubtful);
        let policy = policy.replace("services = [\"sshd\"]\nfrom     = [\"office\", \"cio-home\"]",
            "services = [\"sshd\", \"sudo\"]\nvia = [\"cora\"]\nfrom     = [\"office\", \"cio-home\"]");
        host.write_policy(&listed(&policy));
        host.write("/etc/sudoers.d/bench", 0o440, "acme, cora ALL = (ALL) ALL\nbeta ALL = (acme) ALL\n%archive ALL = (ALL) ALL\n");
        let shown = host.run(["tom", "enable", "--dry-run", "--as", "anna"]).expect_success();
        let warnings: Vec<String> = said(&shown).into_iter().filter(|line| line.contains("warning: network")).collect();
        let expected = [
            "127.0.0.0/8, this host's loopback",
            "192.0.2.1, which is this host's own",
            "203.0.113.77/32, and machine 'nightly-backup' comes from 203.0.113.77",
        ];
        assert_eq!(warnings.len(), expected.len(), "{shown:#?}");
        for (warning, expected) in warnings.iter().zip(expected) {
            let begin = "tom: warning: network 'cio-home' (grant 'operator-admins') holds ";
            assert!(warning.strip_prefix(begin).is_some_and(|rest| rest.starts_with(expected)), "{warning}");
        }
        let mut sudoers: Vec<String> = said(&shown).into_iter().filter(|line| line.contains("may use sudo")).collect();
        sudoers.sort();
        let [acme, archive] = sudoers.as_slice() else { panic!("{shown:#?}") };
        assert!(acme.contains("'acme' may use sudo by sudoers, but no grant"), "{acme}");
        assert!(archive.contains("'archive' may use sudo by sudoers, as one of %archive, but no grant"), "{archive}");
    }

    fn who_has_come_in_by_token_is_known(release) {
        let host = web1(release).start();
        // As `tom enable` leaves it: the bench wrote its lines itself.
        host.write("/var/lib/tom/enabled", 0o640, "mode = \"enforce\"\nsince = \"2026-11-25T14:00:00Z\"\n");
        let session = host.ssh("root").from(HOME).key(&anna()).open(&[]).expect("in");
        let refused = session.run("tom apply --dry-run --as bert");
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        let sentence = "--as names 'bert', but you have come in as 'anna'";
        assert!(said(&refused).iter().any(|line| line.contains(sentence)), "{refused:#?}");
        // A policy that no longer lets anna in from where she is.
        let moved = policy_with("from     = [\"office\", \"cio-home\"]", "from     = [\"office\"]");
        host.write_policy(&moved);
        let refused = session.run("tom apply --dry-run");
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        let sentence = format!("you, 'anna', are connected from {HOME}");
        assert!(said(&refused).iter().any(|line| line.contains(&sentence)), "{refused:#?}");
        assert_eq!(losses(&refused), [format!("root anna's key 'blue' {HOME} now 1 address-not-allowed")]);
        // It is nothing to bert, who is in the office.
        let session = host.ssh("root").from(OFFICE).key(&bert()).open(&[]).expect("in");
        let answer = session.run("tom apply --dry-run");
        assert!(!said(&answer).iter().any(|line| line.contains("you, '")), "{answer:#?}");
    }
}

fn fingerprint(host: &Host, key: &Key) -> String {
    let shown = host.command().stdin(key.public()).run(["ssh-keygen", "-lf", "-"]).expect_success().stdout;
    shown.split(' ').nth(1).expect("a fingerprint").to_owned()
}
