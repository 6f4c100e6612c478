//! `tom enable`, `apply`, `confirm`, `rollback` and `disable`, killed at a system call, or with one of their system calls
//! failing. Whenever that is: an enrolled administrator gets in at that very moment, with the sshd that runs and with one
//! that is started anew; a key that is nobody's does not; what happens by itself makes the host whole; and the next
//! command works.
//!
//! What is stopped is the command itself. Its rehearsal is a child in namespaces of its own that changes nothing; here
//! it is a stand-in that says yes at once, and enable_children.rs lets the real one fail.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;
use tom_tests::changes::{
    Deciding, enters, keep, listed, not_enabled, old_root, put_back, reload_sshd, second_policy, start_anew, stranger,
    waits,
};
use tom_tests::company::{OFFICE, POLICY, anna};
use tom_tests::faults::{Random, Step, Traced, is_campaign};
use tom_tests::{Host, Output, Release, run_on};

const ERRORS: [&str; 5] = ["error=ENOSPC", "error=EIO", "error=EACCES", "error=EROFS", "error=EMFILE"];
/// Calls that cannot fail so, that only wait, or without which no program of any kind goes on.
const LEFT_OUT: [&str; 24] = [
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "brk",
    "madvise",
    "rt_sigaction",
    "rt_sigprocmask",
    "sigaltstack",
    "futex",
    "wait4",
    "waitid",
    "clock_nanosleep",
    "nanosleep",
    "poll",
    "ppoll",
    "arch_prctl",
    "set_tid_address",
    "set_robust_list",
    "rseq",
    "prlimit64",
    "getrandom",
    "sched_getaffinity",
    "gettid",
];
/// Calls that change something, or start something that does.
const CHANGING: [&str; 17] = [
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "fsync",
    "syncfs",
    "flock",
    "kill",
    "vfork",
    "clone3",
    "fchmod",
];

/// A command on its way from one state to another.
struct Way {
    host: Host,
    command: Vec<&'static str>,
    /// Where it starts.
    from: &'static str,
    before: Deciding,
    /// Where it ends, but for moments; with whatever waits.
    after: Deciding,
    /// Was tom asked before?
    enforced: bool,
    /// Does it wait for a confirmation when it is done?
    waits: bool,
    /// By Anna in a login, as `tom confirm` must be.
    in_a_login: bool,
    /// What must work afterwards.
    next: &'static str,
}

fn words(command: &'static str) -> Vec<&'static str> {
    command.split(' ').collect()
}

/// The states that commands start from.
fn prepare(host: &Host) {
    host.write("/usr/bin/unshare", 0o755, "#!/bin/sh\necho passed by a stand-in\n");
    // What undoes it later is the tests' own affair here.
    host.write("/usr/bin/setsid", 0o755, "#!/bin/sh\nexit 0\n");
    keep(host, "plain");
    host.run(words("tom enable --as anna --now")).expect_success();
    keep(host, "enabled");
    host.write_policy(&second_policy());
    keep(host, "second");
    host.run(words("tom apply --as anna --confirm-within 86400")).expect_success();
    keep(host, "waiting");
    host.write_policy(&listed(POLICY));
    put_back(host, "second");
    host.run(words("tom apply --as anna --now")).expect_success();
    keep(host, "applied");
    put_back(host, "plain");
    host.run(words("tom enable --observe --as anna")).expect_success();
    keep(host, "observing");
}

impl Way {
    fn new(release: Release, from: &'static str, command: &'static str) -> Self {
        let host = not_enabled(release);
        prepare(&host);
        put_back(&host, from);
        let before = Deciding::on(&host);
        let mut way = Self {
            before: before.clone(),
            after: before,
            command: words(command),
            enforced: !["plain", "observing"].contains(&from),
            waits: false,
            in_a_login: command == "tom confirm",
            next: if command.contains("able") { "tom enable --as anna --now" } else { "tom apply --as anna --now" },
            from,
            host,
        };
        way.run_whole();
        way
    }

    /// Without a fault: what it leads to.
    fn run_whole(&mut self) {
        let done = (self.runner())(self.command.iter().map(|word| (*word).to_owned()).collect());
        assert!(done.success(), "{done:#?}");
        self.after = Deciding::on(&self.host);
        self.waits = waits(&self.host);
        if self.command.starts_with(&["tom", "rollback"]) && self.from == "waiting" {
            // What it comes back to is whole.
            put_back(&self.host, "second");
            let second = Deciding::on(&self.host);
            assert!(self.after == second, "{}", self.after.differences(&second));
            self.before = self.after.clone();
        } else {
            assert!(self.after != self.before || self.command == ["tom", "confirm"], "nothing changed");
        }
        if self.command == ["tom", "confirm"] {
            // Not confirmed it would be what there was before the change.
            put_back(&self.host, "second");
            self.before = Deciding::on(&self.host);
        }
    }

    fn runner(&self) -> impl Fn(Vec<String>) -> Output + '_ {
        |words: Vec<String>| {
            if self.in_a_login {
                let login = self.host.ssh("root").key(&anna()).from(OFFICE).run(&words.join(" "));
                let Output { status, stdout, stderr, duration } = Output {
                    status: login.status,
                    stdout: login.stdout,
                    stderr: login.stderr,
                    duration: login.duration,
                };
                // ssh says 255 of a command that a signal ended.
                return Output { status: status.filter(|code| *code < 250), stdout, stderr, duration };
            }
            self.host.command().timeout(Duration::from_secs(60)).run(words)
        }
    }

    fn with_fault(&self, traced: &Traced<'_>, step: &Step, fault: &str, look_further: bool) -> bool {
        let host = &self.host;
        let mut run = None;
        for _ in 0..3 {
            put_back(host, self.from);
            let injected = traced.inject(step, fault);
            if injected.hit {
                run = Some(injected);
                break;
            }
        }
        // A call more or less in a loop that waits.
        let Some(run) = run else { return false };
        let what = format!("{} with {fault} in {} {}: {}", self.command.join(" "), step.call, step.number, step.line);
        println!("{what}: {:?}", run.output.status);
        // At this moment, and for a daemon that is started in it.
        self.check_logins(&what);
        reload_sshd(host);
        self.check_logins(&format!("{what}, and sshd started anew"));
        let now = Deciding::on(host);
        // The list of the governed may name more than the policy does: that is told, and the policy is active.
        let list_is_older = run.output.stderr.contains("the new policy is active all the same");
        let is_like = |one: &Deciding| {
            let (mut one, mut after) = (one.but_for_moments(), self.after.but_for_moments());
            if list_is_older {
                one.leave_out("/etc/tom/governed");
                after.leave_out("/etc/tom/governed");
            }
            one == after
        };
        let is_done = is_like(&now) && waits(host) == self.waits;
        match run.output.status {
            Some(0) => assert!(
                is_done,
                "it said that it had worked: {what}: {}\n{:#?}",
                now.differences(&self.after),
                run.output
            ),
            // Stopped by the signal.
            None | Some(124..) => {}
            // The standard library panics where a directory cannot be closed, which no kernel refuses.
            Some(101) if step.call == "close" => {}
            Some(101) => panic!("it panicked: {what}: {:#?}", run.output),
            Some(_) => {}
        }
        // What happens by itself.
        let settled = start_anew(host);
        assert!(settled.success() && !waits(host), "{what}: {settled:#?}");
        let then = Deciding::on(host);
        let is_before = then == self.before;
        let is_after = is_like(&then) && (!self.waits || self.after == self.before);
        assert!(
            is_before || is_after,
            "{what}: half done, from before: {}\nfrom after: {}",
            then.differences(&self.before),
            then.differences(&self.after)
        );
        if run.output.status.is_some_and(|code| (1..=100).contains(&code)) {
            assert!(is_before, "it said that it had failed: {what}: {:#?}", run.output);
        }
        if look_further {
            self.check_logins(&format!("{what}, and settled"));
            host.run(words(self.next)).expect_success();
            self.check_logins_of_enforced(&what);
        }
        true
    }

    fn check_logins(&self, what: &str) {
        let host = &self.host;
        assert!(!enters(host, &stranger()), "a stranger came in: {what}");
        let enrolled = enters(host, &anna());
        if self.enforced && self.command[1] != "disable" && !self.command.contains(&"--observe") {
            assert!(enrolled, "an administrator was locked out: {what}");
            assert!(!enters(host, &old_root()), "an old key counts: {what}");
        } else {
            assert!(enrolled || enters(host, &old_root()), "nobody gets in: {what}");
        }
    }

    fn check_logins_of_enforced(&self, what: &str) {
        let host = &self.host;
        assert!(enters(host, &anna()), "the next command locks out: {what}");
        assert!(!enters(host, &old_root()) && !enters(host, &stranger()), "the next command lets in: {what}");
    }
}

/// Kills and errors at steps drawn by lot, three of four at those that change something; in the campaign each of these
/// is killed and gets an error, and 300 more steps are drawn.
fn campaign(from: &'static str, command: &'static str, sample: usize) {
    run_on(Release::Bookworm, |release| {
        let way = Way::new(release, from, command);
        let traced = Traced::by(&way.host, way.command.iter().map(|word| (*word).to_owned()).collect(), way.runner());
        put_back(&way.host, from);
        let (steps, output) = traced.steps(None);
        assert!(output.success(), "{output:#?}");
        let steps: Vec<Step> = steps.into_iter().filter(|step| !LEFT_OUT.contains(&step.call.as_str())).collect();
        let changing: Vec<&Step> = steps
            .iter()
            .filter(|step| CHANGING.contains(&step.call.as_str()) || step.line.contains("O_CREAT"))
            .collect();
        let mut random = Random::seeded();
        let mut faults: Vec<(&Step, &str)> = Vec::new();
        if is_campaign() {
            // Between two steps that change something a kill is the same kill.
            for step in &changing {
                faults.extend([(*step, "signal=KILL"), (*step, ERRORS[random.below(ERRORS.len())])]);
            }
            faults.extend((0..300).map(|_| (&steps[random.below(steps.len())], ERRORS[random.below(ERRORS.len())])));
        } else {
            for number in 0..sample {
                let step = if number % 4 == 3 {
                    &steps[random.below(steps.len())]
                } else {
                    changing[random.below(changing.len())]
                };
                let error = ERRORS[random.below(ERRORS.len())];
                faults.push((step, if number % 2 == 0 { "signal=KILL" } else { error }));
            }
        }
        let mut hits = 0;
        for (number, (step, fault)) in faults.iter().enumerate() {
            let look_further = number % if is_campaign() { 20 } else { 3 } == 0;
            hits += usize::from(way.with_fault(&traced, step, fault, look_further));
        }
        println!(
            "{hits} faults of {} hit, in {} steps ({} change something)",
            faults.len(),
            steps.len(),
            changing.len()
        );
        assert!(hits * 10 >= faults.len() * 8, "too few faults hit: {hits} of {}", faults.len());
    });
}

#[test]
fn enable() {
    campaign("plain", "tom enable --as anna --confirm-within 86400", 8);
}

#[test]
fn observe() {
    campaign("plain", "tom enable --observe --as anna", 4);
}

#[test]
fn enable_after_observing() {
    campaign("observing", "tom enable --as anna --confirm-within 86400", 6);
}

#[test]
fn back_to_observing() {
    campaign("enabled", "tom enable --observe --as anna --confirm-within 86400", 6);
}

#[test]
fn apply() {
    campaign("second", "tom apply --as anna --confirm-within 86400", 6);
}

#[test]
fn confirm() {
    campaign("waiting", "tom confirm", 6);
}

#[test]
fn rollback_of_what_waits() {
    campaign("waiting", "tom rollback", 8);
}

#[test]
fn rollback_to_the_policy_before() {
    campaign("applied", "tom rollback --as anna", 5);
}

#[test]
fn disable() {
    campaign("enabled", "tom disable", 6);
}

#[test]
fn disable_and_leave_keys() {
    campaign("enabled", "tom disable --leave-keys", 6);
}

/// What was kept of before is damaged or gone: it is undone as far as it can be, and nothing is taken away for it.
#[test]
fn what_was_kept_is_lost() {
    run_on(Release::Bookworm, |release| {
        let host = not_enabled(release);
        prepare(&host);
        put_back(&host, "second");
        let before = Deciding::on(&host);
        put_back(&host, "waiting");
        let waiting = Deciding::on(&host);
        let pending = "/var/lib/tom/rollback/pending";
        for damage in [
            ": >change",
            "rm change",
            "echo nonsense >change",
            "rm before/list",
            "rm -r before",
            ": >before/list",
            "rm -r before/var/lib/tom/active",
            "rm before/etc/pam.d/common-account",
            "sed -i /enabled/d before/list",
        ] {
            put_back(&host, "waiting");
            host.run(["sh", "-c", &format!("cd {pending} && {damage}")]).expect_success();
            let undone = host.run(["tom", "rollback"]);
            println!("{damage}: {:?} {}", undone.status, undone.stderr.trim());
            assert!(enters(&host, &anna()), "{damage}: {undone:#?}");
            assert!(!enters(&host, &old_root()) && !enters(&host, &stranger()), "{damage}");
            let now = Deciding::on(&host);
            if undone.success() {
                assert!(now == before && !waits(&host), "{damage}: {}", now.differences(&before));
            } else {
                assert_eq!(undone.status, Some(3), "{damage}: {undone:#?}");
                assert!(undone.stderr.contains(pending), "{damage}: {undone:#?}");
                assert!(now == waiting, "{damage}: {}", now.differences(&waiting));
            }
        }
    });
}
