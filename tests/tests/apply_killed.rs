//! `tom apply` killed at a system call, or one of its system calls failing: the active policy is the old one
//! or the new one, whole, and the next `tom apply` works.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use tom_tests::faults::{self, OFFICE, POLICY, Random, Step, Traced, bench, is_campaign};
use tom_tests::{Host, Key, Release, run_on};

const FAULTS: [&str; 6] = ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EMFILE", "error=ENOMEM", "error=EACCES"];

/// The second policy gives Bert a key.
fn second() -> String {
    format!("{POLICY}[[key]]\nperson = \"bert\"\nlabel = \"blue\"\npublic = \"TOKEN(bert-blue)\"\nproof = \"fido\"\n")
}

fn line(host: &Host, key: &str) -> String {
    let key = Key::token(key);
    let (kind, blob) = key.public().split_once(' ').expect("two words");
    host.as_user("_tom").run(["/usr/lib/tom/tom-authorized-keys", "root", kind, blob]).expect_success().stdout
}

/// Which of the two is active: all its parts must agree, and logins work.
fn is_second_active(host: &Host, what: &str) -> bool {
    assert!(line(host, "anna-blue").ends_with("tom:anna:blue\n"), "{what}");
    assert_eq!(line(host, "stranger"), "", "{what}");
    assert_eq!(line(host, "bert-lost"), "", "{what}");
    let by_hook = !line(host, "bert-blue").is_empty();
    let source = std::fs::read_to_string(host.path("/var/lib/tom/active/policy.toml")).expect("the text");
    let first = std::fs::read_to_string(host.path("/etc/tom/first.toml")).expect("the first");
    let second = std::fs::read_to_string(host.path("/etc/tom/second.toml")).expect("the second");
    assert_eq!(source, if by_hook { second } else { first }, "{what}");
    let checked =
        host.run(["tom", "explain", "--account", "root", "--service", "sshd", "--person", "anna", "--from", OFFICE]);
    assert!(checked.success(), "{what}: {checked:#?}");
    by_hook
}

fn make_active(host: &Host, name: &str) {
    let script = format!("cp /etc/tom/{name}.toml /etc/tom/policy.toml && tom apply --now");
    host.run(["sh", "-c", &script]).expect_success();
}

/// No directory or file of a run that ended early is left, and the fallback is whole.
fn is_tidy(host: &Host, what: &str) {
    let list = host.run(["ls", "/var/lib/tom"]).expect_success().stdout;
    assert!(!list.contains(".new"), "{what}: {list}");
    let older = host.path("/var/lib/tom/rollback/older");
    assert!(!older.exists(), "{what}");
}

struct Applied<'a> {
    host: &'a Host,
    traced: Traced<'a>,
}

impl Applied<'_> {
    fn with_fault(&self, step: &Step, fault: &str) {
        let host = self.host;
        make_active(host, "first");
        host.run(["cp", "/etc/tom/second.toml", "/etc/tom/policy.toml"]).expect_success();
        let run = (0..5).map(|_| self.traced.inject(step, fault)).find(|run| {
            // One that the fault has missed has done its work: back to the first.
            if !run.hit {
                make_active(host, "first");
                host.run(["cp", "/etc/tom/second.toml", "/etc/tom/policy.toml"]).expect_success();
            }
            run.hit
        });
        let what = format!("{fault} in call {} of {}", step.number, step.line);
        let run = run.unwrap_or_else(|| panic!("no fault was injected: {what}"));
        let second = is_second_active(host, &what);
        match run.output.status {
            Some(0) => assert!(second, "it said that it had worked: {what}: {:#?}", run.output),
            // Stopped by the signal, or by a fault in memory that no program survives.
            None | Some(124..) => {}
            // The standard library panics where a directory cannot be closed, which no kernel refuses.
            Some(101) if step.call == "close" => {}
            Some(_) => assert!(!second, "it said that it had failed: {what}: {:#?}", run.output),
        }
        host.run(["tom", "apply", "--now"]).expect_success();
        assert!(is_second_active(host, &what), "the next apply: {what}");
        is_tidy(host, &what);
    }
}

fn campaign(sample: usize, wanted: impl Fn(&str) -> bool) {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        for (name, text) in [("first", POLICY.to_owned()), ("second", second())] {
            host.write_policy(&text);
            host.run(["mv", "/etc/tom/policy.toml", &format!("/etc/tom/{name}.toml")]).expect_success();
        }
        make_active(&host, "first");
        make_active(&host, "second");
        assert!(is_second_active(&host, "no fault"));
        make_active(&host, "first");
        assert!(!is_second_active(&host, "no fault"));
        host.run(["cp", "/etc/tom/second.toml", "/etc/tom/policy.toml"]).expect_success();
        let traced = Traced::new(&host, None, ["tom", "apply", "--now"].map(str::to_owned).into());
        let (steps, output) = traced.steps(None);
        assert!(output.success(), "{output:#?}");
        assert!(
            steps.iter().any(|step| step.call == "renameat2" || step.line.contains("RENAME_EXCHANGE")),
            "{steps:#?}"
        );
        let mut random = Random::seeded();
        let all: Vec<(&Step, &str)> = steps
            .iter()
            .flat_map(|step| FAULTS.iter().map(move |fault| (step, *fault)))
            .filter(|(_, fault)| wanted(fault))
            .collect();
        // In the sample the calls that change something are always there: the others are drawn by lot.
        let changes = |step: &Step| {
            let names = ["rename", "mkdir", "fsync", "flock", "unlink", "rmdir", "fchmod", "chown"];
            names.iter().any(|name| step.call.contains(name)) || step.line.contains("O_CREAT")
        };
        let faults: Vec<(&Step, &str)> = if is_campaign() {
            all.clone()
        } else {
            let drawn: Vec<_> = (0..sample).map(|_| all[random.below(all.len())]).collect();
            let changing: Vec<_> = all.iter().copied().filter(|(step, _)| changes(step)).collect();
            let some = (0..sample).map(|_| changing[random.below(changing.len())]);
            some.chain(drawn).collect()
        };
        println!("{} faults of {} in {} steps", faults.len(), all.len(), steps.len());
        let applied = Applied { host: &host, traced };
        for (step, fault) in faults {
            applied.with_fault(step, fault);
        }
    });
}

#[test]
fn killed() {
    campaign(25, |fault| fault == "signal=KILL");
}

#[test]
fn a_call_that_fails() {
    campaign(40, |fault| fault != "signal=KILL");
}

/// Before there was any policy: what is left is none, or a whole one.
#[test]
fn the_first_of_all() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        let traced = Traced::new(&host, None, ["tom", "apply", "--now"].map(str::to_owned).into());
        let forget = "rm -rf /var/lib/tom/active /var/lib/tom/fallback /var/lib/tom/rollback /var/lib/tom/lock";
        host.run(["sh", "-c", forget]).expect_success();
        let (steps, output) = traced.steps(None);
        assert!(output.success(), "{output:#?}");
        let mut random = Random::seeded();
        let renames = steps.iter().filter(|step| step.call.contains("rename"));
        let others = (0..12).map(|_| &steps[random.below(steps.len())]);
        for step in if is_campaign() { steps.iter().collect::<Vec<_>>() } else { renames.chain(others).collect() } {
            for fault in ["signal=KILL", "error=EIO"] {
                host.run(["sh", "-c", forget]).expect_success();
                let run = traced.inject(step, fault);
                let what = format!("{fault} in call {} of {}", step.number, step.line);
                let active = host.path("/var/lib/tom/active").exists();
                if active {
                    assert!(line(&host, "anna-blue").ends_with("tom:anna:blue\n"), "{what}");
                }
                if run.hit && run.output.status.is_some_and(|code| code < 124) {
                    assert_eq!(run.output.success(), active, "{what}: {:#?}", run.output);
                }
                host.run(["tom", "apply", "--now"]).expect_success();
                assert!(line(&host, "anna-blue").ends_with("tom:anna:blue\n"), "{what}");
                is_tidy(&host, &what);
            }
        }
    });
}
