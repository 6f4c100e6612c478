//! `tom enroll fido`: from a token that nobody knows to a login with it, and everything on the way that is refused.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::evidence::{EvidenceDirectory, maker};
use tom_tests::{ASKPASS, Bench, Host, Key, Output, Refusal, Release, TOKEN_LIBRARY, on_each_release};

const OFFICE: &str = "203.0.113.5";
/// The PIN of the simulated token, unless its environment names another.
const PIN: &str = "123456";
const KEY: &str = "/root/k";

/// Anna shall administer, and has no token yet.
const POLICY: &str = r#"
schema   = 1
serial   = 2026112501
operator = "Example Hosting GmbH"
token    = { assurance = "attested" }
networks = { office = ["203.0.113.0/28"] }

[[person]]
id = "anna"
name = "Anna Beispiel"
role = "administrator"
party = "operator"

[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
"#;

fn host(release: Release) -> Host {
    let host = Bench::on(release).trusting(&maker()).start();
    host.write_policy(POLICY);
    host
}

/// One sitting: what the person types for the PIN, and how the token behaves.
fn sitting(host: &Host, arguments: &[&str], answer: &str, token: &[(&str, &str)]) -> Output {
    let mut command = host
        .command()
        .env("SSH_SK_PROVIDER", TOKEN_LIBRARY)
        .env("SSH_ASKPASS", ASKPASS)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("BENCH_ANSWER", answer);
    for (name, value) in token {
        command = command.env(name, value);
    }
    command.run(["tom", "enroll", "fido"].iter().chain(arguments))
}

/// Anna's token of this label, with its key in `/root/k` and the entry written to the policy.
fn enrol(host: &Host, label: &str, token: &[(&str, &str)]) -> Output {
    sitting(host, &["--person", "anna", "--label", label, "--key", KEY, "--write"], PIN, token)
}

/// All that an enrolment could leave behind: names, kinds, modes, owners and contents.
fn traces(host: &Host) -> String {
    let script = "find /root /etc/tom /var/lib/tom -printf '%p %y %m %u %g\n' | sort; \
                  find /root /etc/tom /var/lib/tom -type f -exec sha256sum {} + | sort";
    host.run(["sh", "-c", script]).expect_success().stdout
}

/// The policy as it stands on the host with the next serial: what a person does before `tom apply`.
fn raise_serial(host: &Host) {
    let script = "n=$(sed -n 's/^serial *= *//p' /etc/tom/policy.toml); \
                  sed -i \"s/^serial .*/serial = $((n + 1))/\" /etc/tom/policy.toml";
    host.run(["sh", "-c", script]).expect_success();
}

fn text_of(host: &Host, path: &str) -> String {
    std::fs::read_to_string(host.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

on_each_release! {
    /// The whole way: enrolled, applied, and in with the very key that ssh-keygen made.
    fn an_enrolled_token_logs_in(release) {
        let host = host(release);
        let enrolled = enrol(&host, "green", &[]).expect_success();
        for word in ["what the token's maker attests", "written: /root/k and /root/k.pub", "raise its serial"] {
            assert!(enrolled.stderr.contains(word), "{word}: {enrolled:#?}");
        }
        assert_eq!(enrolled.stdout, "", "with --write nothing is left to copy");

        raise_serial(&host);
        host.run(["tom", "policy", "check"]).expect_success();
        host.run(["tom", "apply", "--now"]).expect_success();

        let key = Key::on_host(&host, KEY);
        host.journal().clear();
        let login = host.ssh("root").key(&key).from(OFFICE).run("id -un");
        assert_eq!(login.assert_allowed().stdout, "root\n");
        let event = host.journal().event("login-allowed");
        assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY")), ("anna", "green"), "{event:#?}");

        // The same key without its PIN: mistyped, and by a token that asks for none.
        let mistyped = key.clone().with_wrong_pin();
        host.ssh("root").key(&mistyped).from(OFFICE).run("true").assert_refused_by(Refusal::NoSignature);
        let unasked = host.ssh("root").key(&key).env("SIMULATED_KEY_PIN_RULE", "never").from(OFFICE).run("true");
        unasked.assert_refused_by(Refusal::PinNotVerified);
        host.ssh("root").key(&key).from("198.51.100.7").run("true").assert_refused();
    }

    /// P-256 for older tokens; the file's name may have a dot.
    fn an_older_token_logs_in(release) {
        let host = host(release);
        let arguments = ["--person", "anna", "--label", "red", "--key", "/root/id.red", "--ecdsa", "--write"];
        sitting(&host, &arguments, PIN, &[]).expect_success();
        raise_serial(&host);
        host.run(["tom", "apply", "--now"]).expect_success();
        let key = Key::on_host(&host, "/root/id.red");
        assert!(key.public().starts_with("sk-ecdsa-sha2-nistp256@openssh.com "), "{}", key.public());
        host.ssh("root").key(&key).from(OFFICE).run("true").assert_allowed();
    }
}

fn on_bookworm(test: impl FnOnce(&Host)) {
    tom_tests::run_on(Release::Bookworm, |release| test(&host(release)));
}

/// Refused, told why, and nothing is there that was not there before.
#[track_caller]
fn assert_leaves_nothing(host: &Host, what: &str, expected: (i32, &str), attempt: impl FnOnce() -> Output) {
    let before = traces(host);
    let refused = attempt();
    let (status, said) = expected;
    assert_eq!(refused.status, Some(status), "{what}: {refused:#?}");
    assert!(refused.stderr.contains(said), "{what}: {refused:#?}");
    assert_eq!(refused.stdout, "", "{what}");
    assert_eq!(traces(host), before, "{what} left something behind");
}

/// Cases 7 and 26: whatever a token, or who pretends to be one, claims wrongly.
#[test]
fn case_07_case_26_lies_of_a_token_leave_nothing_behind() {
    on_bookworm(|host| {
        let another_model = "11111111-2222-3333-4444-555555555555";
        for (variable, value, said) in [
            ("SIMULATED_KEY_MAKER", "another maker", "issuer-unknown: "),
            ("SIMULATED_KEY_ISSUER", "self", "self-signed: "),
            ("SIMULATED_KEY_ISSUER", "other", "issuer-unknown: "),
            ("SIMULATED_KEY_CRED_PROTECT", "none", "may sign with this key without its PIN"),
            ("SIMULATED_KEY_CRED_PROTECT", "1", "may sign with this key without its PIN"),
            ("SIMULATED_KEY_ENROLL_FLAGS", "193", "no PIN was entered when the key was made"),
            ("SIMULATED_KEY_ATTESTED_KEY", "other", "other-key: "),
            ("SIMULATED_KEY_CHALLENGE", "ignored", "challenge-wrong: "),
            ("SIMULATED_KEY_APPLICATION", "ssh:other", "other-application: "),
            ("SIMULATED_KEY_CERT_AAGUID", another_model, "other-model: "),
            ("SIMULATED_KEY_ATTESTATION_SIGNER", "other", "challenge-wrong: "),
            ("SIMULATED_KEY_ATTESTATION", "none", "attestation-damaged: "),
        ] {
            let what = format!("{variable}={value}");
            assert_leaves_nothing(host, &what, (1, said), || enrol(host, "green", &[(variable, value)]));
        }
        // With nothing to lie about, the same sitting succeeds.
        enrol(host, "green", &[]).expect_success();
    });
}

/// Case 26: the policy's own measure of firmware counts before the key does.
#[test]
fn case_26_old_firmware_leaves_nothing_behind() {
    on_bookworm(|host| {
        host.write_policy(&POLICY.replace("\"attested\" }", "\"attested\", minimum-firmware = \"5.7\" }"));
        let old = "the token has firmware 5.4.3, and the policy takes 5.7.0 or newer";
        let untold = "the token does not attest its firmware, and the policy takes 5.7.0 or newer";
        for (firmware, said) in [("5.4.3", old), ("none", untold)] {
            assert_leaves_nothing(host, firmware, (1, said), || {
                enrol(host, "green", &[("SIMULATED_KEY_FIRMWARE", firmware)])
            });
        }
        enrol(host, "green", &[("SIMULATED_KEY_FIRMWARE", "5.7.0")]).expect_success();
    });
}

#[test]
fn what_a_person_does_wrong_leaves_nothing_behind() {
    on_bookworm(|host| {
        let attempt = |person: &str, label: &str, answer: &str| {
            sitting(host, &["--person", person, "--label", label, "--key", KEY, "--write"], answer, &[])
        };
        assert_leaves_nothing(host, "wrong PIN", (1, "a wrong PIN"), || attempt("anna", "green", "000000"));
        assert_leaves_nothing(host, "no PIN", (1, "ssh-keygen made no key"), || attempt("anna", "green", ""));
        let unknown = "'nobody' is no person of the policy: add a [[person]]";
        assert_leaves_nothing(host, "unknown person", (1, unknown), || attempt("nobody", "green", PIN));
        assert_leaves_nothing(host, "a path", (1, "cannot be used"), || attempt("anna", "../green", PIN));
        let absent = ["--person", "anna", "--label", "green", "--policy", "/root/none.toml", "--write"];
        assert_leaves_nothing(host, "no policy", (3, "name the policy with --policy"), || {
            sitting(host, &absent, PIN, &[])
        });

        for taken in [KEY, "/root/k.pub"] {
            host.write(taken, 0o600, "somebody's");
            let said = format!("{taken} is there already: name another file with --key");
            assert_leaves_nothing(host, taken, (3, &said), || attempt("anna", "green", PIN));
            host.run(["rm", taken]).expect_success();
        }
        for ending in ["attest", "challenge"] {
            let taken = format!("/etc/tom/evidence/anna-green.{ending}");
            host.write(&taken, 0o640, "of another key");
            let said = format!("{taken} is there already: take another --label");
            assert_leaves_nothing(host, &taken, (3, &said), || attempt("anna", "green", PIN));
            host.run(["rm", &taken]).expect_success();
        }

        attempt("anna", "green", PIN).expect_success();
        host.run(["rm", KEY, "/root/k.pub"]).expect_success();
        let taken = "'anna' has a key with the label 'green' already";
        assert_leaves_nothing(host, "label taken", (1, taken), || attempt("anna", "green", PIN));
    });
}

/// A lost token locks out whoever has no other.
#[test]
fn the_first_token_calls_for_a_second() {
    on_bookworm(|host| {
        let warning = "warning: this is the only token of 'anna'";
        let first = enrol(host, "green", &[]).expect_success();
        assert!(first.stderr.contains(warning), "{first:#?}");
        let arguments = ["--person", "anna", "--label", "blue", "--key", "/root/k2", "--write"];
        let second = sitting(host, &arguments, PIN, &[]).expect_success();
        assert!(!second.stderr.contains(warning), "{second:#?}");

        // For whom, when, and never the same twice; read again by `tom apply`.
        let [green, blue] = ["green", "blue"].map(|label| {
            let challenge = text_of(host, &format!("/etc/tom/evidence/anna-{label}.challenge"));
            let lines: Vec<&str> = challenge.lines().collect();
            assert_eq!(lines[..3], ["tom enrolment 1", "person: anna", &format!("label: {label}")], "{challenge}");
            assert!(lines[3].starts_with("date: 20") && lines[3].ends_with('Z'), "{challenge}");
            lines[4].strip_prefix("nonce: ").expect("random bytes").to_owned()
        });
        assert_eq!((green.len(), blue.len()), (64, 64));
        assert_ne!(green, blue);
        raise_serial(host);
        host.run(["tom", "apply", "--now"]).expect_success();
        for path in [KEY, "/root/k2"] {
            host.ssh("root").key(&Key::on_host(host, path)).from(OFFICE).run("true").assert_allowed();
        }
    });
}

/// Evidence of one label under another: it says for whom it was made.
#[test]
fn evidence_does_not_move_to_another_label() {
    on_bookworm(|host| {
        enrol(host, "green", &[]).expect_success();
        let script = "sed -i 's/\"green\"/\"yellow\"/' /etc/tom/policy.toml";
        host.run(["sh", "-c", script]).expect_success();
        let checked = host.run(["tom", "policy", "check"]);
        assert_eq!(checked.status, Some(1), "{checked:#?}");
        assert!(checked.stderr.contains("anna's key 'yellow': warning: "), "{checked:#?}");
    });
}

/// Without --write the entry is on standard output, alone, and appending it is all that --write does.
#[test]
fn the_printed_entry_is_the_written_one() {
    on_bookworm(|host| {
        let printed = sitting(host, &["--person", "anna", "--label", "green", "--key", KEY], PIN, &[]).expect_success();
        assert_eq!(text_of(host, "/etc/tom/policy.toml"), POLICY);
        assert!(printed.stdout.starts_with("\n[[key]]\nperson   = \"anna\"\n"), "{printed:#?}");
        host.write_policy(&format!("{POLICY}{}", printed.stdout));
        host.run(["tom", "apply", "--now"]).expect_success();
        host.ssh("root").key(&Key::on_host(host, KEY)).from(OFFICE).run("true").assert_allowed();
    });
}

/// A policy that cannot be written costs the person no second sitting: evidence and key stay, the entry is told.
#[test]
fn an_entry_that_cannot_be_written_is_told() {
    on_bookworm(|host| {
        host.write("/etc/tom/policy.toml.new", 0o600, "of a run that was interrupted");
        let told = enrol(host, "green", &[]);
        assert_eq!(told.status, Some(3), "{told:#?}");
        for word in ["put this into it yourself", "/etc/tom/policy.toml.new: File exists"] {
            assert!(told.stderr.contains(word), "{word}: {told:#?}");
        }
        assert!(!told.stderr.contains("not enrolled"), "{told:#?}");
        assert_eq!(text_of(host, "/etc/tom/policy.toml"), POLICY);
        assert_eq!(text_of(host, "/etc/tom/policy.toml.new"), "of a run that was interrupted");
        host.write_policy(&format!("{POLICY}{}", told.stdout));
        host.run(["tom", "apply", "--now"]).expect_success();
        host.ssh("root").key(&Key::on_host(host, KEY)).from(OFFICE).run("true").assert_allowed();
    });
}

/// The PIN goes from the person to the token: it is no argument, in no environment, in no journal and in no file.
#[test]
fn the_pin_is_nowhere() {
    on_bookworm(|host| {
        // This askpass has it from a file, so that the test itself puts it into no environment.
        host.write("/run/bench/pin", 0o600, format!("{PIN}\n"));
        host.write(
            "/run/bench/askpass",
            0o755,
            "#!/bin/sh\n[ \"$SSH_ASKPASS_PROMPT\" = none ] || cat /run/bench/pin\n",
        );
        host.journal().clear();
        let traced = host
            .command()
            .env("SSH_SK_PROVIDER", TOKEN_LIBRARY)
            .env("SSH_ASKPASS", "/run/bench/askpass")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .run([
                "strace",
                "-f",
                "-v",
                "-s",
                "65536",
                "-e",
                "trace=execve",
                "-o",
                "/run/bench/trace",
                "tom",
                "enroll",
                "fido",
                "--person",
                "anna",
                "--label",
                "green",
                "--key",
                KEY,
                "--write",
            ])
            .expect_success();
        let trace = text_of(host, "/run/bench/trace");
        for program in ["ssh-keygen", "ssh-sk-helper", "/run/bench/askpass", "SSH_SK_PROVIDER="] {
            assert!(trace.contains(program), "{program}: {trace}");
        }
        assert!(!trace.contains(PIN), "{trace}");
        assert!(!traced.stdout.contains(PIN) && !traced.stderr.contains(PIN), "{traced:#?}");
        let events = format!("{:?}", host.journal().events());
        assert!(!events.contains(PIN), "{events}");
        let found = host.run(["grep", "-r", "-l", "-a", PIN, "/etc/tom", "/root", "/tmp", "/var/log", "/var/lib/tom"]);
        assert_eq!((found.status, found.stdout.as_str()), (Some(1), ""), "{found:#?}");
    });
}
