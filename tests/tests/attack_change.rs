//! Attacks on what changes a host: enable, apply, confirm, rollback, disable, the rehearsal, the removal. Each test is
//! the story of one attempt; what it says was once false, or could easily become so.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

#[path = "attack_change/confirming.rs"]
mod confirming;
#[path = "attack_change/rehearsing.rs"]
mod rehearsing;
#[path = "attack_change/undoing.rs"]
mod undoing;
#[path = "attack_change/without_keys.rs"]
mod without_keys;

use std::fs;
use tom_tests::company::{OFFICE, POLICY, web1};
use tom_tests::{Host, Key, Release};

/// The company's policy, which names this host too.
fn listed(policy: &str) -> String {
    format!("{policy}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

/// The same under a higher serial, with Bert gone.
fn without_bert() -> String {
    let policy = listed(POLICY).replace("serial   = 2026112301", "serial   = 2026112401");
    policy.replace("id    = \"bert\"\n", "id    = \"bert\"\nvalid-until = 2025-01-01\n")
}

/// root's key from before tom.
fn old_root() -> Key {
    Key::file("old-root")
}

/// Installed, with the policy as a candidate, and a key of root's from before.
fn not_enabled(release: Release) -> Host {
    let host = web1(release).not_enabled().start();
    host.write_policy(&listed(POLICY));
    host.authorized_keys("root", &format!("{}\n", old_root().public()));
    host
}

/// Enabled, and done with.
fn enabled(release: Release) -> Host {
    let host = not_enabled(release);
    host.run(["tom", "enable", "--as", "anna", "--now"]).expect_success();
    host
}

fn comes_in(host: &Host, key: &Key) -> bool {
    host.ssh("root").key(key).from(OFFICE).run("true").allowed()
}

/// root has no key of its own any more, as on most enforced hosts.
fn without_own_keys(host: &Host) {
    fs::remove_file(host.path("/root/.ssh/authorized_keys")).expect("it was there");
}

/// The time of the change that waits is over, and what should have undone it is gone.
fn overdue(host: &Host) {
    change_waiting(host, "deadline", "1");
}

/// Another value in the record of the change that waits.
fn change_waiting(host: &Host, name: &str, value: &str) {
    let path = host.path("/var/lib/tom/rollback/pending/change");
    let text = fs::read_to_string(&path).expect("a change waits");
    let with_value = |line: &str| match line.split_once(' ') {
        Some((known, _)) if known == name => format!("{name} {value}\n"),
        _ => format!("{line}\n"),
    };
    fs::write(&path, text.lines().map(with_value).collect::<String>()).expect("written");
}
