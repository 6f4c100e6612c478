//! What attackers tried, kept: each test tells how somebody would have got in, or have kept others out.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

mod exchange;
mod hostile_text;
mod limits;
mod policy_lost;
mod revoked;
mod sizes;

use tom_tests::company::{policy_with, web1};
use tom_tests::{Account, Bench, Host, Output, PASSWORD, Release};

/// The hook.
const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";

/// The company's policy with an admin group of its own and an account that Bert enters as himself.
fn policy() -> String {
    let own = "[[grant]]\nid = \"own\"\npersons = [\"bert\"]\naccounts = [\"{person}\"]\nhosts = [\"*\"]\n\
               services = [\"sshd\"]\nfrom = [\"office\"]\n\n[[machine]]\nid       = \"nightly-backup\"";
    policy_with("[networks]", "[admin]\ngroups = [\"adm-web\"]\n\n[networks]")
        .replace("[[machine]]\nid       = \"nightly-backup\"", own)
}

/// Governed: root; `deploy` and `bert` by name alone; `wanda` by the policy's admin group; `dora` by sudo.
fn company(release: Release) -> Bench {
    web1(release)
        .policy(&policy())
        .account(Account::person("wanda", 2201).in_group("adm-web"))
        .account(Account::person("dora", 2202).in_group("sudo"))
}

/// Runs a script as root.
fn sh(host: &Host, script: &str) {
    host.run(["sh", "-c", script]).expect_success();
}

/// su by a customer who knows the password, with these words before it.
fn su_under(host: &Host, before: &[&str], account: &str) -> Output {
    let su = ["su", account, "-c", "id -u; echo INSIDE"];
    host.as_user("acme").stdin(format!("{PASSWORD}\n")).run(before.iter().copied().chain(su))
}

/// su by a customer who knows the password.
fn su(host: &Host, account: &str) -> Output {
    su_under(host, &[], account)
}

fn is_inside(output: &Output) -> bool {
    output.success() || output.stdout.contains("INSIDE") || output.stderr.contains("INSIDE")
}

#[track_caller]
fn assert_outside(what: &str, output: &Output) {
    assert!(!is_inside(output), "LET IN: {what}: {output:#?}");
}

/// The line that the hook prints for an account and a key; nothing if it prints none.
fn line(host: &Host, account: &str, key: &tom_tests::Key) -> String {
    let (key_type, blob) = key.words();
    host.as_user("_tom").run([HOOK, account, key_type, blob]).stdout
}

/// sshd's session phase for root and this key, from the office.
fn session(host: &Host, key: &tom_tests::Key) -> bool {
    let from = tom_tests::company::OFFICE;
    host.pam("sshd", "root")
        .item("rhost", from)
        .env("SSH_CONNECTION", &format!("{from} 40000 192.0.2.1 22"))
        .env("SSH_AUTH_INFO_0", &format!("publickey {}\n", key.public()))
        .ask(&["open_session"])
        .success()
}
