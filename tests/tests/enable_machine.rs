//! `tom enable` and `tom apply` on booted machines with the installed package: timers, reboots, power cuts, upgrades.

#![allow(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test says what it expects")]

use std::time::{Duration, Instant};
use tom_tests::company::{OFFICE, POLICY, anna, bert};
use tom_tests::packaged::{enforces, is_without_tom, keys_are_left, laptop, listening, unchanged};
use tom_tests::{Bench, Files, Machine, Package, Release, on_each_release};

/// The company's policy, which names this host too.
fn policy() -> String {
    format!("{POLICY}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

/// The package is installed, the policy lies there, and the old keys of root count.
fn installed(release: Release) -> Machine {
    let machine = Bench::on(release).packaged().boot();
    machine.write_policy(&policy());
    machine.authorized_keys("root", &format!("{}\n{}\n", anna().public(), laptop().public()));
    machine
}

/// What decides logins.
fn deciding(machine: &Machine) -> Files {
    machine.files_below(&["/etc/pam.d", "/etc/ssh", "/etc/tom", "/var/lib/pam"])
}

fn enable(machine: &Machine, more: &[&str]) {
    machine.run([&["tom", "enable", "--as", "anna"], more].concat()).expect_success();
    enforces(machine);
}

/// As before: the laptop comes in, and nothing waits.
fn is_as_before(machine: &Machine, before: &Files) {
    unchanged(before, &deciding(machine));
    assert!(!machine.path("/var/lib/tom/rollback/pending").exists());
    assert!(!machine.path("/var/lib/tom/enabled").exists() && !machine.path("/var/lib/tom/active").exists());
    is_without_tom(machine);
}

fn within(seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

on_each_release! {
    /// The way of an operator: enable, confirm from a new login, a new policy that nobody confirms, a reboot.
    fn a_life(release) {
        let mut machine = installed(release);
        let pid = machine.systemctl(&["show", "--property=MainPID", "ssh"]).stdout;
        enable(&machine, &[]);
        assert_eq!(machine.systemctl(&["show", "--property=MainPID", "ssh"]).stdout, pid, "reloaded, not restarted");
        assert_eq!(machine.systemctl(&["is-active", "tom-rollback.timer"]).stdout, "active\n");
        machine.ssh("root").key(&anna()).from(OFFICE).run("tom confirm").assert_allowed();
        assert_ne!(machine.systemctl(&["is-active", "tom-rollback.timer"]).stdout, "active\n");
        machine.reboot();
        enforces(&machine);
    }

    /// A policy without Bert, which nobody confirms: the timer brings him back, though its session is gone.
    fn a_policy_that_nobody_confirms(release) {
        let machine = installed(release);
        enable(&machine, &["--now"]);
        let second = policy().replace("serial   = 2026112301", "serial   = 2026112401");
        machine.write_policy(&second.replace("id    = \"bert\"\n", "id    = \"bert\"\nvalid-until = 2025-01-01\n"));
        machine.ssh("root").key(&anna()).from(OFFICE).run("tom apply --confirm-within 30").assert_allowed();
        machine.ssh("root").key(&bert()).from(OFFICE).run("true").assert_refused();
        within(60, "it was not undone", || !machine.path("/var/lib/tom/rollback/pending").exists());
        machine.ssh("root").key(&bert()).from(OFFICE).run("true").assert_allowed();
        enforces(&machine);
    }

    /// The package goes: administrators still come in, as enrolled. And comes again.
    fn purged_and_installed_again(release) {
        let machine = installed(release);
        enable(&machine, &["--now"]);
        machine.dpkg(&["--purge", "tom"]).expect_success();
        keys_are_left(&machine);
        machine.dpkg_file("--install", &Package::built()).expect_success();
        machine.write_policy(&policy());
        enable(&machine, &["--now"]);
        assert!(!machine.path("/etc/ssh/tom-left-keys").exists());
    }

    fn rebooted_before_it_was_confirmed(release) {
        let mut machine = installed(release);
        let before = deciding(&machine);
        enable(&machine, &[]);
        machine.reboot();
        is_as_before(&machine, &before);
    }

    fn power_lost_before_it_was_confirmed(release) {
        let mut machine = installed(release);
        let before = deciding(&machine);
        enable(&machine, &[]);
        machine.power_cut();
        machine.boot();
        is_as_before(&machine, &before);
    }

    /// The kernel was not started anew, and the timer is gone all the same (a container, soft-reboot): the unit at boot
    /// finds time left, and sets the timer again.
    fn started_anew_without_its_kernel(release) {
        let machine = installed(release);
        let before = deciding(&machine);
        enable(&machine, &[]);
        machine.systemctl(&["stop", "tom-rollback.timer"]).expect_success();
        // As the unit at boot does. That itself would wait for the reload of an sshd which waits for it, and the
        // sandbox of systemd 252 shows it another boot id than a container has.
        machine.run(["tom", "rollback", "--unconfirmed"]).expect_success();
        assert_eq!(machine.systemctl(&["is-active", "tom-rollback.timer"]).stdout, "active\n");
        machine.run(["tom", "rollback"]).expect_success();
        is_as_before(&machine, &before);
    }

    fn softly_rebooted(release) {
        if release == Release::Bookworm {
            // systemd 252 does not know it.
            return;
        }
        let machine = installed(release);
        let before = deciding(&machine);
        enable(&machine, &["--confirm-within", "40"]);
        let _ = machine.systemctl(&["soft-reboot"]);
        within(120, "it was not undone", || !machine.path("/var/lib/tom/rollback/pending").exists());
        within(60, "there is no sshd", || machine.systemctl(&["is-active", "ssh"]).stdout == "active\n");
        is_as_before(&machine, &before);
    }

    /// For automation: nobody confirms, and the second look does.
    fn unattended(release) {
        let mut machine = installed(release);
        machine.run(["tom", "enable", "--unattended", "--confirm-within", "40"]).expect_success();
        within(60, "it was not confirmed", || !machine.path("/var/lib/tom/rollback/pending").exists());
        enforces(&machine);
        machine.reboot();
        enforces(&machine);
    }

    /// The second look finds an sshd that was changed meanwhile: it does not confirm, and everything comes back.
    fn unattended_and_something_came_between(release) {
        let machine = installed(release);
        machine.run(["tom", "enable", "--unattended", "--confirm-within", "40"]).expect_success();
        machine.write("/etc/ssh/sshd_config.d/00-other.conf", 0o644, "Match User root\n    AuthorizedKeysFile .ssh/authorized_keys\n");
        within(90, "it was not undone", || !machine.path("/var/lib/tom/rollback/pending").exists());
        listening(&machine);
        is_without_tom(&machine);
    }

    fn upgraded_and_downgraded_while_enforcing(release) {
        let machine = installed(release);
        enable(&machine, &["--now"]);
        let before = machine.files_below(&["/etc/pam.d", "/etc/ssh", "/etc/tom", "/var/lib/tom/active"]);
        for version in ["9.0", "0.0.1"] {
            machine.dpkg_file("--install", &Package::built().variant(version, |_| {})).expect_success();
            enforces(&machine);
            unchanged(&before, &machine.files_below(&["/etc/pam.d", "/etc/ssh", "/etc/tom", "/var/lib/tom/active"]));
        }
    }
}
