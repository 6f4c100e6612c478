//! A second model of the rules, written independently (tests/second-model), agrees with what is built; and
//! the stored policy answers as its text does.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tom_tests::faults::{artefact, is_campaign};
use tom_tests::{Bench, Release, run_on};

fn second_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("second-model")
}

fn python(arguments: &[&str]) -> Output {
    let mut python = Command::new("python3");
    let output = python.args(arguments).current_dir(second_model()).env("PYTHONDONTWRITEBYTECODE", "1").output();
    let output = output.expect("python3 (tests/roots/install-packages.sh installs it)");
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {}\n{shown}{said}", output.status);
    output
}

/// `TOM_SEED`, else a new one for each day, so that the comparison goes on and can be repeated.
fn seed() -> String {
    std::env::var("TOM_SEED").unwrap_or_else(|_| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        format!("day-{}", now.as_secs() / 86_400)
    })
}

/// It checks itself first: hand-written cases, each from a sentence of interfaces.md.
#[test]
fn its_own_tests_pass() {
    let output = python(&["-m", "unittest", "-q", "test_model"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("OK") && !said.contains("Ran 0 tests"), "{said}");
}

#[test]
fn it_agrees_on_random_policies_and_requests() {
    let tom = artefact("/usr/bin/tom");
    let policies = if is_campaign() { "5000" } else { "500" };
    let seed = seed();
    println!("seed {seed}, {policies} policies with 200 requests each");
    let tom = tom.to_str().expect("a path that is text");
    let arguments =
        ["compare.py", "--tom", tom, "--seed", &seed, "--policies", policies, "--requests", "200", "--jobs", "2"];
    let output = python(&arguments);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains(" decisions, 0 disagreements") && !shown.contains("never occurred"), "{shown}");
}

/// Prints a random policy of a seed, a line `====`, and requests about web1.example.net.
const GENERATE: &str = "
import json, random, sys
import generate, model
rng = random.Random(sys.argv[1])
text = generate.policy_text(rng, ['expect'])
policy = model.load(text)
print(text)
print('====')
for _ in range(int(sys.argv[2])):
    line = generate.request_line(rng, policy, [])
    try:
        request = json.loads(line)
        if isinstance(request, dict):
            request.pop('host', None)
            line = json.dumps(request)
    except ValueError:
        pass
    print(line)
";

/// `tom decide` of the active policy is what logins read; `--policy FILE` is its text.
#[test]
fn the_stored_policy_answers_as_its_text() {
    run_on(Release::Bookworm, |release| {
        let host = Bench::on(release).without_sshd().start();
        let (policies, requests) = if is_campaign() { (300, "1000") } else { (25, "400") };
        let seed = seed();
        println!("seed {seed}");
        let mut allowed = 0;
        for number in 0..policies {
            let made = python(&["-c", GENERATE, &format!("{seed}:{number}"), requests]);
            let made = String::from_utf8(made.stdout).expect("UTF-8");
            let (policy, questions) = made.split_once("====\n").expect("both parts");
            host.run(["rm", "-rf", "/var/lib/tom"]).expect_success();
            host.write_policy(policy);
            host.run(["tom", "apply", "--now", "--allow-lockout"]).expect_success();
            let ask = |arguments: &[&str]| {
                let words = [&["tom", "decide"][..], arguments].concat();
                host.command().stdin(questions).run(words).expect_success().stdout
            };
            let (stored, text) = (ask(&[]), ask(&["--policy", "/etc/tom/policy.toml"]));
            assert_eq!(stored.lines().count(), text.lines().count(), "policy {number}");
            for ((stored, text), question) in stored.lines().zip(text.lines()).zip(questions.lines()) {
                assert_eq!(stored, text, "policy {number}, {question}\n{policy}");
            }
            allowed += stored.matches("\"allow\"").count();
        }
        assert!(allowed > 20, "only {allowed} were allowed: this compares nothing");
    });
}
