//! What people read: explain, access, diff, check, and the README, which must show what is true.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

const COMPANY: &str = include_str!("../../libtom/tests/company.toml");

struct Said {
    code: i32,
    out: String,
    err: String,
}

fn tom(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_tom")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A policy in a file of its own, gone with the test.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn explain(policy: &Written, more: &[&str]) -> Said {
    let fixed = ["explain", "--policy", policy.path(), "--at", "2026-11-23T10:00:00Z", "--host", "web1.example.net"];
    tom(&[&fixed[..], more].concat())
}

#[test]
fn explain_names_each_rule_and_what_it_compared() {
    let policy = Written::new("explain", COMPANY);
    let said = explain(&policy, &["--account", "root", "--service", "sshd", "--from", "192.0.2.1", "--person", "anna"]);
    assert_eq!(said.code, 1, "{}", said.err);
    for part in [
        "root by sshd on web1.example.net from 192.0.2.1 (uid 0), at 2026-11-23T10:00:00Z",
        "rule 1     Is the account an administrator's?",
        "'root' has uid 0",
        "serial 2026112301",
        "by grant operator-admins; to machine nightly-backup",
        "anna's, key 'blue': sk-ssh-ed25519@openssh.com SHA256:soNRbIusQwbeJz2mWmzWP4QwR3OjwRLHdlStAeKtk6A",
        "rule 7, address-not-allowed: 192.0.2.1 is not in 198.51.100.7,203.0.113.0/28,2001:db8:10::/48",
        "DENIED by rule 7, address-not-allowed",
        "What to do:",
    ] {
        assert!(said.out.contains(part), "{part:?} is not in\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'), "colour without a terminal");
}

#[test]
fn explain_ends_with_the_code_of_the_decision() {
    let policy = Written::new("codes", COMPANY);
    let ask = |more: &[&str]| explain(&policy, &[&["--service", "sshd"], more].concat());
    let inside = ask(&["--account", "root", "--from", "203.0.113.5", "--person", "anna"]);
    assert_eq!((inside.code, inside.out.contains("ALLOWED by rule 9, granted: anna, key 'blue'")), (0, true));
    let anybody = ask(&["--account", "root", "--from", "203.0.113.5"]);
    assert_eq!((anybody.code, anybody.out.contains("whose key it is, the session sees")), (0, true));
    let customer = ask(&["--account", "shop"]);
    assert_eq!((customer.code, customer.out.contains("NOT GOVERNED by rule 1")), (0, true));
    let elsewhere = ask(&["--account", "root", "--from", "203.0.113.5", "--person", "carl"]);
    assert_eq!((elsewhere.code, elsewhere.out.contains("DENIED by rule 3, no-grant")), (1, true));
    let nobody = ask(&["--account", "root", "--person", "zoe"]);
    assert_eq!((nobody.code, nobody.err.contains("'zoe' is no person")), (3, true));
    let dateless = tom(&["explain", "--account", "root", "--service", "sshd", "--at", "yesterday"]);
    assert_eq!((dateless.code, dateless.err.contains("2026-11-23T10:00:00Z")), (2, true), "{}", dateless.err);
    assert_eq!(tom(&["explain", "--policy", "/nowhere", "--account", "root", "--service", "sshd"]).code, 3);
    let expired = tom(&[
        "explain",
        "--policy",
        policy.path(),
        "--host",
        "web1.example.net",
        "--account",
        "root",
        "--service",
        "sshd",
        "--from",
        "203.0.113.77",
        "--at",
        "2027-03-01T00:00:00Z",
    ]);
    assert!(expired.out.contains("DENIED by rule 2, policy-expired"), "{}", expired.out);
}

#[test]
fn access_lists_persons_and_machines_of_a_host() {
    let policy = Written::new("access", COMPANY);
    let all = tom(&["access", "--policy", policy.path()]);
    for part in [
        "anna",
        "carl",
        "customer:acme",
        "all hosts",
        "class root-host",
        "blue: fido, declared, break-glass",
        "/usr/bin/rrsync -ro /",
    ] {
        assert!(all.out.contains(part), "{part:?} is not in\n{}", all.out);
    }
    // A customer's person is nobody on a host that is not the customer's.
    let elsewhere = tom(&["access", "--policy", policy.path(), "--host", "web1.example.net"]);
    assert!(elsewhere.out.contains("anna") && !elsewhere.out.contains("carl"), "{}", elsewhere.out);
    let own = tom(&["access", "--policy", policy.path(), "--host", "root7.example.net", "--account", "root"]);
    assert!(own.out.contains("carl") && own.out.contains("ordinary key"), "{}", own.out);
    let nobody = tom(&["access", "--policy", policy.path(), "--account", "shop"]);
    assert!(nobody.out.contains("no person") && nobody.out.contains("no machine"), "{}", nobody.out);
}

#[test]
fn diff_says_who_gains_and_who_loses() {
    let old = Written::new("old", COMPANY);
    let text = COMPANY
        .replace("serial = 2026112301", "serial = 2026112302")
        .replace("accounts = [\"root\", \"{person}\"]", "accounts = [\"root\", \"deploy\"]")
        .replace("until = 2027-12-31", "until = 2028-12-31")
        .replace("groups = [\"adm-web\"]", "groups = []");
    let new = Written::new("new", &text);
    let said = tom(&["policy", "diff", old.path(), new.path()]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in [
        "serial 2026112301 to 2026112302",
        "+ gains: anna enters deploy on all hosts by sshd (operator-admins)",
        "- loses: anna enters anna on all hosts by sshd (operator-admins)",
        "- no longer: members of group adm-web are administrators",
        "until 2028-12-31",
    ] {
        assert!(said.out.contains(part), "{part:?} is not in\n{}", said.out);
    }
    let same = tom(&["policy", "diff", old.path(), old.path()]);
    assert!(same.out.contains("nobody gains and nobody loses anything"), "{}", same.out);
}

#[test]
fn check_tells_all_problems_with_their_places() {
    let sound = Written::new("sound", COMPANY);
    let said = tom(&["policy", "check", sound.path()]);
    assert_eq!(
        (said.code, said.out.contains("sound; serial 2026112301, 2 persons, 2 keys")),
        (0, true),
        "{}",
        said.err
    );
    let text = COMPANY
        .replace("\"203.0.113.0/28\"", "\"203.0.113.1/28\"")
        .replace("persons = [\"carl\"]", "persons = [\"karl\"]");
    let broken = Written::new("broken", &text);
    let said = tom(&["policy", "check", broken.path()]);
    assert_eq!(said.code, 4);
    let line = |what: &str| text.lines().position(|line| line.contains(what)).unwrap() + 1;
    for (what, place) in [("203.0.113.1/28", 11), ("karl", 12)] {
        let start = format!("{}:{}:{place}: ", broken.path(), line(what));
        assert!(said.err.contains(&start), "{start} is not in\n{}", said.err);
    }
    assert!(said.err.contains("2 problems"), "{}", said.err);
}

#[test]
fn an_expectation_that_does_not_hold_is_a_finding() {
    let unmet = Written::new("unmet", &COMPANY.replace("verdict = \"allow\"", "verdict = \"deny\""));
    let said = tom(&["policy", "check", unmet.path()]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains(
            "expected deny for anna as 'root' on web1.example.net by sshd from 203.0.113.5, but it is allow, granted"
        ),
        "{}",
        said.err
    );
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["nonsense"][..], &["explain"], &["decide", "--polcy", "x"], &[]] {
        assert_eq!(tom(arguments).code, 2, "{arguments:?}");
    }
}

/// The README shows a policy and an answer: they must be a policy and its answer.
#[test]
fn the_readme_is_true() {
    let readme = include_str!("../../README.md");
    let block = |begin: &str| readme.split(begin).nth(1).unwrap().split("```").next().unwrap();
    let policy = Written::new("readme", block("```toml\n"));
    let shown = block("$ tom explain --policy policy.toml ");
    let (arguments, page) = shown.split_once('\n').unwrap();
    let arguments: Vec<&str> = ["explain", "--policy", policy.path()].into_iter().chain(arguments.split(' ')).collect();
    let said = tom(&arguments);
    for line in page.lines().filter(|line| !line.is_empty()) {
        // What is longer than the page ends with an ellipsis there.
        let beginning = line.trim_end_matches('…');
        assert!(said.out.contains(beginning), "{beginning:?} is not in\n{}", said.out);
    }
}
