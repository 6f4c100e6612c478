//! Who is not allowed stays out: by all of tom's layers together, and by each of them alone when the
//! others are taken away.
//!
//! [`SITUATIONS`] is the table: what each layer refuses, and what it cannot see. Both are tested, so that
//! the table is true. The layers:
//! * the key sources: tom-authorized-keys and its line, `AuthorizedKeysFile none`, `TrustedUserCAKeys none`
//! * the pinned option: `PubkeyAuthOptions verify-required`
//! * PAM's account phase, which knows the address and not the key
//! * PAM's session phase, which knows the key and not how it was signed with
//!
//! Where the key sources are taken away, sshd finds every key of the table in a file, and believes the
//! certificates of an authority: what a careless hand, or tom's absence, would leave.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{
    self, ACME_OFFICE, BACKUP_SERVER, ELSEWHERE, ELSEWHERE_V6, OFFICE, anna, anna_old, anna_red, backup_job, dirk, max,
};
use tom_tests::{Account, Bench, Host, Key, Login, Refusal, Release, on_each_release};

/// What a layer does alone.
enum Cell {
    /// It refuses, as sshd tells it, and for tom's reason in the journal ("" where tom is not asked, or
    /// says it in its key line).
    Refuses(Refusal, &'static str),
    /// It cannot see what is wrong, and lets it pass.
    CannotSee,
}
use Cell::{CannotSee, Refuses};

/// Somebody who shall not come in.
struct Situation {
    name: &'static str,
    host: &'static str,
    account: &'static str,
    from: &'static str,
    key: fn() -> Key,
    key_sources: Cell,
    pin_option: Cell,
    account_phase: Cell,
    session_phase: Cell,
}

const WEB1: &str = "web1.example.net";

const fn hook(reason: &'static str) -> Cell {
    Refuses(Refusal::UnknownKey, reason)
}

const fn account(reason: &'static str) -> Cell {
    Refuses(Refusal::PamAccount, reason)
}

const fn session(reason: &'static str) -> Cell {
    Refuses(Refusal::PamSession, reason)
}

const fn pin() -> Cell {
    Refuses(Refusal::PinNotVerified, "")
}

macro_rules! situations {
    ($( $name:literal: $host:expr, $account:literal, $from:expr, $key:expr; $hook:expr, $pin:expr, $acct:expr, $sess:expr; )*) => {
        [ $( Situation {
            name: $name, host: $host, account: $account, from: $from, key: || $key,
            key_sources: $hook, pin_option: $pin, account_phase: $acct, session_phase: $sess,
        }, )* ]
    };
}

#[rustfmt::skip]
const SITUATIONS: [Situation; 19] = situations! {
    "software key":                          WEB1, "root", OFFICE, Key::file("laptop");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "software key, P-256":                   WEB1, "root", OFFICE, Key::ecdsa_file("laptop");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "software key with verify-required":     WEB1, "root", OFFICE, Key::file("verify-required");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "allowed token without PIN":             WEB1, "root", OFFICE, anna().without_pin();
        pin(), pin(), CannotSee, CannotSee;
    "allowed token without PIN, ECDSA":      WEB1, "root", OFFICE, anna_red().without_pin();
        pin(), pin(), CannotSee, CannotSee;
    "unknown token":                         WEB1, "root", OFFICE, Key::token("bought-today");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "expired person":                        WEB1, "root", OFFICE, dirk();
        hook("person-expired"), CannotSee, CannotSee, session("person-expired");
    "expired person, the account's only one": WEB1, "archive", OFFICE, dirk();
        hook("person-expired"), CannotSee, account("person-expired"), session("person-expired");
    "expired key":                           WEB1, "root", OFFICE, anna_old();
        hook("key-expired"), CannotSee, CannotSee, session("key-expired");
    "another's account":                     WEB1, "deploy", OFFICE, anna();
        hook("no-grant"), CannotSee, CannotSee, session("no-grant");
    "address outside":                       WEB1, "root", ELSEWHERE, anna();
        Refuses(Refusal::Address, ""), CannotSee, account("address-not-allowed"), session("address-not-allowed");
    "address outside, IPv6":                 WEB1, "root", ELSEWHERE_V6, anna();
        Refuses(Refusal::Address, ""), CannotSee, account("address-not-allowed"), session("address-not-allowed");
    "address of another grant's":            WEB1, "root", BACKUP_SERVER, anna();
        Refuses(Refusal::Address, ""), CannotSee, CannotSee, session("address-not-allowed");
    "customer's person on our host":         WEB1, "root", OFFICE, max();
        hook("no-grant"), CannotSee, CannotSee, session("no-grant");
    "customer's person on another's host":   "root8.example.net", "root", ACME_OFFICE, max();
        hook("wrong-customer"), CannotSee, account("address-not-allowed"), session("wrong-customer");
    "backup job from elsewhere":             WEB1, "root", OFFICE, backup_job();
        Refuses(Refusal::Address, ""), CannotSee, CannotSee, session("address-not-allowed");
    "certified software key":                WEB1, "root", OFFICE, certified(&Key::file("certified"), "root");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "certified token":                       WEB1, "root", OFFICE, certified(&Key::token("certified"), "root");
        hook("key-unknown"), CannotSee, CannotSee, session("key-unknown");
    "certified token without PIN":           WEB1, "root", OFFICE, certified(&Key::token("certified").without_pin(), "root");
        hook("key-unknown"), pin(), CannotSee, session("key-unknown");
};

fn certified(key: &Key, principals: &str) -> Key {
    key.clone().certified_by(&authority(), principals)
}

fn authority() -> Key {
    Key::file("certificate-authority")
}

/// Every plain key of the table and the authority, as lines of an authorized_keys file.
fn key_file() -> String {
    let plain = SITUATIONS.iter().filter(|situation| !situation.name.starts_with("certified"));
    let mut lines: Vec<String> = plain
        .map(|situation| ((situation.key)(), situation.name.ends_with("with verify-required")))
        .map(|(key, verify)| format!("{}{}", if verify { "verify-required " } else { "" }, key.public()))
        .collect();
    lines.push(format!("cert-authority {}", authority().public()));
    lines.dedup();
    lines.join("\n")
}

/// A host where somebody has put every key into root's own files, and lets sshd trust the authority.
fn with_keys_in_files(release: Release, name: &str) -> Bench {
    keys_in_files(company::host(release, name))
}

fn keys_in_files(bench: Bench) -> Bench {
    let mut bench = bench
        .file("/etc/ssh/ca.pub", 0o644, authority().public())
        .sshd_drop_in("20-ca.conf", "TrustedUserCAKeys /etc/ssh/ca.pub\n");
    for home in ["/root", "/home/deploy", "/home/archive"] {
        for file in ["authorized_keys", "authorized_keys2"] {
            // sshd reads it as the account.
            bench = bench.file(&format!("{home}/.ssh/{file}"), 0o644, key_file());
        }
    }
    bench
}

/// The same, and sshd takes them: tom's key sources are gone.
fn without_key_sources(release: Release, name: &str) -> Bench {
    let bench = company::host(release, name);
    ["root", "deploy", "archive"].into_iter().fold(bench, |bench, account| bench.without_hook(account, &key_file()))
}

/// Tries each situation on the host that it needs, and hands the outcome on.
fn for_each_situation(start: impl Fn(&'static str) -> Bench, judge: impl Fn(&Host, &Situation, &Login)) {
    for name in [WEB1, "root8.example.net"] {
        let host = start(name).start();
        for situation in SITUATIONS.iter().filter(|situation| situation.host == name) {
            host.journal().clear();
            let login = client(&host, situation).run("id");
            judge(&host, situation, &login);
        }
    }
}

fn client<'h>(host: &'h Host, situation: &Situation) -> tom_tests::SshClient<'h> {
    host.ssh(situation.account).key(&(situation.key)()).from(situation.from)
}

fn assert_cell(host: &Host, situation: &Situation, cell: &Cell, login: &Login) {
    println!("{}", situation.name);
    match cell {
        CannotSee => drop(login.assert_allowed()),
        Refuses(by, reason) => {
            login.assert_refused_by(*by);
            if !reason.is_empty() {
                let event = host.journal().wait_for(reason, |event| event.get("TOM_VERDICT") == "deny");
                assert_eq!((event.get("TOM_REASON"), event.get("TOM_ACCOUNT")), (*reason, situation.account));
            }
        }
    }
}

on_each_release! {
    fn by_all_layers_together(release) {
        for_each_situation(|name| with_keys_in_files(release, name), |host, situation, login| {
            assert_cell(host, situation, &situation.key_sources, login);
        });
    }

    fn by_the_key_sources_alone(release) {
        let start = |name| with_keys_in_files(release, name).without_pin_option().without_pam_account().without_pam_session();
        for_each_situation(start, |host, situation, login| {
            assert_cell(host, situation, &situation.key_sources, login);
        });
    }

    fn by_the_pinned_option_alone(release) {
        let start = |name| without_key_sources(release, name).without_pam_account().without_pam_session();
        for_each_situation(start, |host, situation, login| assert_cell(host, situation, &situation.pin_option, login));
    }

    fn by_the_account_phase_alone(release) {
        let start = |name| without_key_sources(release, name).without_pin_option().without_pam_session();
        for_each_situation(start, |host, situation, login| assert_cell(host, situation, &situation.account_phase, login));
    }

    fn by_the_session_phase_alone(release) {
        let start = |name| without_key_sources(release, name).without_pin_option().without_pam_account();
        for_each_situation(start, |host, situation, login| assert_cell(host, situation, &situation.session_phase, login));
    }

    fn for_no_other_reason(release) {
        // Without tom everybody comes in; with tom, and each layer, whoever is allowed does.
        let without_tom = Bench::on(release).without_tom().account(Account::person("deploy", 2101));
        let host = keys_in_files(without_tom.account(Account::person("archive", 2102))).start();
        for situation in SITUATIONS {
            client(&host, &situation).run("id").assert_allowed();
        }
        let all = with_keys_in_files(release, WEB1).start();
        all.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
        let pam = without_key_sources(release, WEB1).start();
        pam.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
    }

    fn with_nothing_achieved(release) {
        let host = with_keys_in_files(release, WEB1).start();
        nothing_achieved(&host, &SITUATIONS[..]);
    }

    fn with_nothing_achieved_where_only_the_account_phase_refuses(release) {
        let host = without_key_sources(release, WEB1).without_pam_session().start();
        nothing_achieved(&host, SITUATIONS.iter().filter(|s| matches!(s.account_phase, Refuses(..))));
    }

    fn with_nothing_achieved_where_only_the_session_phase_refuses(release) {
        let host = without_key_sources(release, WEB1).without_pam_account().start();
        nothing_achieved(&host, SITUATIONS.iter().filter(|s| matches!(s.session_phase, Refuses(..))).step_by(3));
    }
}

/// `-N -L`, `-W`, sftp and scp of whoever is refused.
fn nothing_achieved<'s>(host: &Host, situations: impl IntoIterator<Item = &'s Situation>) {
    let echo = host.echo_service();
    for situation in situations.into_iter().filter(|situation| situation.host == WEB1) {
        println!("{}", situation.name);
        client(host, situation).sftp("get /etc/hostname /tmp/by-sftp\nput /etc/hostname /tmp/to-sftp").assert_refused();
        client(host, situation).scp_from("/etc/hostname", "/tmp/by-scp").assert_refused();
        client(host, situation).scp_to("/etc/hostname", "/tmp/to-scp").assert_refused();
        client(host, situation).stdio_forward(echo, "hello\n").assert_refused();
        if let Ok(connection) = client(host, situation).open(&["8007:127.0.0.1:7"]) {
            assert_eq!(connection.through_port(8007, "hello\n"), "", "{}", situation.name);
            assert!(!connection.run("id").success());
        }
    }
    for file in ["by-sftp", "to-sftp", "by-scp", "to-scp"] {
        assert!(!host.path("/tmp").join(file).exists(), "{file}");
    }
    let entered = host.journal().events().iter().any(|event| event.get("TOM_VERDICT") == "allow");
    assert!(!entered);
}
