//! Hosts with the package, and what must hold of them: enabled they enforce, without tom they are as before.

use std::fs;

use crate::accounts::PASSWORD;
use crate::bench::Bench;
use crate::company::{ELSEWHERE, OFFICE, anna};
use crate::host::Host;
use crate::keys::Key;
use crate::machine::Machine;
use crate::package::{Files, changed};
use crate::pam_stack::{ACCOUNT_LINE, AUTH_LINE};

/// tom's lines for sshd.
pub const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-tom.conf";
/// The module.
pub const MODULE: &str = "/usr/lib/x86_64-linux-gnu/security/pam_tom.so";

/// A key in root's authorized_keys from before tom, which tom does not let in.
#[must_use]
pub fn laptop() -> Key {
    Key::file("laptop")
}

/// A host of this company that was enabled with the package's own profile, by pam-auth-update. Anna's token and
/// [`laptop`] are in root's authorized_keys, as before tom.
///
/// # Panics
/// If the profile cannot be enabled.
#[must_use]
pub fn enabled(bench: Bench) -> Host {
    let host = without_lines(bench).start();
    enable(&host);
    host
}

/// The same, booted with systemd.
///
/// # Panics
/// If the profile cannot be enabled.
#[must_use]
pub fn enabled_machine(bench: Bench) -> Machine {
    let machine = without_lines(bench).boot();
    enable(&machine);
    machine
}

fn without_lines(bench: Bench) -> Bench {
    bench.without_pam_auth().without_pam_account().without_pam_session().packaged_and_enabled()
}

fn enable(host: &Host) {
    host.run(["pam-auth-update", "--enable", "tom"]).expect_success();
    for (services, include, line) in [
        (&["login", "su", "sudo", "sudo-i"][..], "common-auth", AUTH_LINE),
        (&["sudo", "sudo-i"], "common-account", ACCOUNT_LINE),
    ] {
        for service in services {
            let insert = format!("/^@include {include}/i {}", line.trim());
            host.run(["sed", "--in-place", &insert, &format!("/etc/pam.d/{service}")]).expect_success();
        }
    }
    host.authorized_keys("root", &format!("{}\n{}", anna().public(), laptop().public()));
}

/// Every line of PAM that names the module, in every file.
#[must_use]
pub fn lines_of_pam(host: &Host) -> String {
    host.run(["grep", "-rsE", "^[^#]*pam_tom", "/etc/pam.d"]).stdout
}

/// The enrolled administrator comes in, by the way that the host has now.
///
/// # Panics
/// If she does not.
#[track_caller]
pub fn anna_comes_in(host: &Host) {
    listening(host);
    host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
}

/// tom decides: anna from the office as herself, nobody from elsewhere, no laptop.
///
/// # Panics
/// If it does not.
#[track_caller]
pub fn enforces(host: &Host) {
    listening(host);
    let login = host.ssh("root").key(&anna()).from(OFFICE).run("echo $TOM_PERSON");
    assert_eq!(login.assert_allowed().stdout, "anna\n");
    host.ssh("root").key(&anna()).from(ELSEWHERE).run("id").assert_refused();
    host.ssh("root").key(&laptop()).from(OFFICE).run("id").assert_refused();
}

/// Nothing asks tom any more. Of a host that enforced, the policy's keys are left behind for sshd: its administrators
/// come in by them, and nobody else does. Any other is as it was without tom: who has a key in authorized_keys comes
/// in, from anywhere. Passwords open what they opened.
///
/// # Panics
/// If it is not so.
#[track_caller]
pub fn is_without_tom(host: &Host) {
    assert_eq!(lines_of_pam(host), "");
    assert!(!host.path("/var/lib/tom/enabled").exists());
    listening(host);
    if host.path(DROP_IN).exists() {
        keys_are_left(host);
    } else {
        for key in [anna(), laptop()] {
            host.ssh("root").key(&key).from(ELSEWHERE).run("id").assert_allowed();
        }
    }
    host.ssh("anna").password(PASSWORD).run("id").assert_allowed();
    for service in ["login", "su"] {
        let answer = host.pam(service, "anna").typing(PASSWORD).ask(&["authenticate", "acct_mgmt"]);
        assert!(answer.success(), "{service}: {answer:#?}");
    }
    let left = fs::read_dir(host.path("/etc/pam.d")).expect("/etc/pam.d");
    let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("tom")), "{left:?}");
}

/// What is left of an enforcing host without tom: Anna's token with its PIN, from the office, and not the laptop.
///
/// # Panics
/// If it is not so.
#[track_caller]
pub fn keys_are_left(host: &Host) {
    let drop_in = fs::read_to_string(host.path(DROP_IN)).expect("the drop-in");
    assert!(drop_in.starts_with("# Left behind by tom") && !drop_in.contains("tom-authorized-keys"), "{drop_in}");
    host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
    host.ssh("root").key(&anna().without_pin()).from(OFFICE).run("id").assert_refused();
    host.ssh("root").key(&anna()).from(ELSEWHERE).run("id").assert_refused();
    host.ssh("root").key(&laptop()).from(OFFICE).run("id").assert_refused();
}

/// Waits until sshd listens: for a moment it does not, while it starts itself anew.
///
/// # Panics
/// If it never does.
#[track_caller]
pub fn listening(host: &Host) {
    let wait = "sleep 0.1; for i in $(seq 200); do \
        socat -u OPEN:/dev/null TCP:127.0.0.1:22 2>/dev/null && exit 0; sleep 0.02; done; exit 1";
    host.run(["sh", "-c", wait]).expect_success();
}

/// Nothing differs between two states of a host's files.
///
/// # Panics
/// With the paths that do.
#[track_caller]
pub fn unchanged(before: &Files, after: &Files) {
    assert_eq!(changed(before, after), [""; 0]);
}
