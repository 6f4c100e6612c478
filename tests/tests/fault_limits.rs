//! No descriptors, no memory, no room to write: never an allow that the sound policy would not give, never a
//! wait.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;

use tom_tests::faults::{self, Asked, OFFICE, Question, bench, questions};
use tom_tests::{Host, Key, Release, on_each_release, run_on};

fn host(release: Release) -> Host {
    faults::start(bench(release).file("/etc/pam.d/sshd", 0o644, faults::bare_stack(true)).without_sshd())
}

/// Asks every question under these limits; how many of those that the policy allows were still allowed.
fn under(host: &Host, limit: &str) -> usize {
    let mut allowed = 0;
    for question in questions() {
        let answer = question.ask_under(host, &["prlimit", limit, "--"]);
        assert!(answer.duration < Duration::from_secs(2), "{limit}: {}: {answer:#?}", question.name());
        let is_allow = question.is_allow(&answer);
        assert!(question.sound || !is_allow, "LET IN under {limit}: {}: {answer:#?}", question.name());
        if question.asked == Asked::Hook {
            let lines = answer.stdout.lines().count();
            assert!(lines <= 1 && (lines == 0 || answer.stdout.ends_with('\n')), "{limit}: {answer:#?}");
        }
        allowed += usize::from(is_allow);
    }
    allowed
}

fn all_allowed() -> usize {
    questions().iter().filter(|question| question.sound).count()
}

#[test]
fn descriptors() {
    run_on(Release::Bookworm, |release| {
        let host = host(release);
        let counts: Vec<usize> = (0..=12).map(|limit| under(&host, &format!("--nofile={limit}:{limit}"))).collect();
        assert_eq!(under(&host, "--nofile=64:64"), all_allowed());
        // The limits did bite, and let go.
        assert!(counts.first() == Some(&0) && counts.last() == Some(&all_allowed()), "{counts:?}");
    });
}

#[test]
fn memory() {
    run_on(Release::Bookworm, |release| {
        let host = host(release);
        let sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32, 64];
        let counts = sizes.map(|mib| under(&host, &format!("--as={0}:{0}", mib << 20)));
        assert!(counts.first() == Some(&0) && counts.last() == Some(&all_allowed()), "{counts:?}");
        // Finer steps where the hook begins to live.
        for kib in (400..2_600).step_by(200) {
            under(&host, &format!("--as={0}:{0}", kib << 10));
            under(&host, &format!("--data={0}:{0}", kib << 8));
        }
        for kib in [16, 64, 128, 256] {
            under(&host, &format!("--stack={0}:{0}", kib << 10));
        }
    });
}

/// A line that cannot be written is a failure, of which sshd takes no key.
#[test]
fn nowhere_to_write_the_line() {
    run_on(Release::Bookworm, |release| {
        let host = host(release);
        let anna = questions().into_iter().find(|question| question.is_about("anna-blue")).expect("the hook's");
        for where_to in [">/dev/full", ">/dev/full 2>&1", "1<>/run/read-only"] {
            host.write("/run/read-only", 0o444, "");
            let script = format!("exec {} {where_to}", anna.command().join(" "));
            let answer = host.as_user("_tom").run(["sh", "-c", &script]);
            assert!(!answer.success() && answer.stderr.lines().count() <= 1, "{where_to}: {answer:#?}");
        }
        // Without a standard output there is nowhere to put it, and nothing else is taken for it.
        let script = format!("exec {} >&-", anna.command().join(" "));
        let answer = host.as_user("_tom").run(["sh", "-c", &script]);
        assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("", ""));
    });
}

/// Called as sshd never would: an error, and no line.
#[test]
fn wrong_arguments() {
    run_on(Release::Bookworm, |release| {
        let host = host(release);
        let key = Key::token("anna-blue");
        let (kind, blob) = key.public().split_once(' ').expect("two words");
        let hook = "/usr/lib/tom/tom-authorized-keys";
        let huge = "A".repeat(100_000);
        for arguments in [&[hook][..], &[hook, "root"], &[hook, "root", kind], &[hook, "root", kind, blob, "x"]] {
            host.journal().clear();
            let answer = host.as_user("_tom").run(arguments);
            assert_eq!((answer.status, answer.stdout.as_str()), (Some(2), ""), "{arguments:?}");
            assert!(host.journal().event("policy-unusable").get("MESSAGE").contains("%u %t %k"));
        }
        let odd = [
            ["root", kind, &huge],
            [&huge, kind, blob],
            ["", "", ""],
            ["root", "", ""],
            ["root\n", kind, blob],
            ["root", blob, kind],
        ];
        for [account, kind, blob] in odd {
            let answer = host.as_user("_tom").run([hook, account, kind, blob]);
            assert_eq!((answer.status, answer.stdout.as_str()), (Some(0), ""), "{account:.20} {kind:.20}");
        }
        let not_text = format!("{hook} root {kind} \"$(printf '\\377\\376')\"");
        let answer = host.as_user("_tom").run(["sh", "-c", &not_text]);
        assert_eq!((answer.status, answer.stdout.as_str()), (Some(2), ""));
        // No variable of the environment changes anything.
        for (name, value) in
            [("TOM_POLICY", "/tmp/x"), ("LD_PRELOAD", "/tmp/x.so"), ("RUST_BACKTRACE", "1"), ("HOME", "/tmp")]
        {
            let command = host.as_user("_tom").env(name, value);
            let line = command.run([hook, "root", kind, blob]).expect_success().stdout;
            assert!(line.ends_with("tom:anna:blue\n"), "{name}");
        }
    });
}

on_each_release! {
    /// The log is missing, or nobody reads it, or something else lies there: the decision stands.
    fn no_log(release) {
        let host = faults::start(bench(release).without_journal());
        let socket = host.path("/run/systemd/journal/socket");
        let ask_all = |what: &str| {
            for question in questions() {
                let answer = question.ask(&host);
                assert_eq!(question.is_allow(&answer), question.sound, "{what}: {}: {answer:#?}", question.name());
            }
        };
        ask_all("no log at all");
        let log_in = |key: &str| host.ssh("root").key(&Key::token(key)).from(OFFICE).run("id -un");
        assert_eq!(log_in("anna-blue").assert_allowed().stdout, "root\n");
        // A journal that hangs: its queue is full after a few events, and stays so.
        let unread = std::os::unix::net::UnixDatagram::bind(&socket).expect("bound");
        host.run(["chmod", "666", "/run/systemd/journal/socket"]).expect_success();
        let refused: Vec<Question> = questions().into_iter().filter(|question| !question.sound).collect();
        for _ in 0..3 {
            for question in &refused {
                assert!(!question.is_allow(&question.ask(&host)), "{}", question.name());
            }
        }
        unread.set_nonblocking(true).expect("set");
        let mut queued = 0;
        let mut buffer = vec![0; 1 << 16];
        ask_all("nobody reads the journal");
        let login = log_in("anna-blue");
        assert!(login.assert_allowed().duration < Duration::from_secs(2), "{login:#?}");
        log_in("stranger").assert_refused();
        while unread.recv(&mut buffer).is_ok() {
            queued += 1;
        }
        assert!((1..=600).contains(&queued), "{queued} events were queued: the queue was not full");
        for replace in ["", "mkdir -m 777", "mkfifo -m 666", "touch", "ln -s /nowhere"] {
            let path = "/run/systemd/journal/socket";
            host.run(["sh", "-c", &format!("rm -rf {path}; [ -z '{replace}' ] || {replace} {path}")]).expect_success();
            ask_all(replace);
        }
    }
}
