//! What was tried against proofs of tokens, kept: each test tells who would have been deceived, or locked out.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use simulated_token_maker::FidoToken;
use std::time::{Duration, Instant};
use tom_tests::evidence::{EvidenceDirectory, fido_token, maker};
use tom_tests::{Account, Bench, Host, Key, Output, Release, run_on};

const HEAD: &str = "schema = 1\nserial = 1\noperator = \"Example\"\ntoken = { assurance = \"attested\" }\n\
                    networks = { office = [\"203.0.113.0/28\"] }\n";
const GRANT: &str = "[[grant]]\nid = \"admins\"\npersons = [\"anna\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\n\
                     services = [\"sshd\"]\nfrom = [\"office\"]\n";

fn person(id: &str) -> String {
    format!("[[person]]\nid = \"{id}\"\nname = \"{id}\"\nrole = \"r\"\nparty = \"operator\"\n")
}

fn key(person: &str, label: &str) -> String {
    let name = format!("{person}-{label}");
    format!(
        "[[key]]\nperson = \"{person}\"\nlabel = \"{label}\"\npublic = \"TOKEN({name})\"\nproof = \"fido\"\n\
         evidence = {{ attestation = \"{name}.attest\", challenge = \"{name}.challenge\" }}\n"
    )
}

/// Anna with two tokens.
fn policy() -> String {
    [HEAD, &person("anna"), &key("anna", "blue"), &key("anna", "red"), GRANT].concat()
}

fn token(name: &str) -> FidoToken {
    fido_token(&Key::token(name))
}

/// The blue token is proven, the red one is another maker's.
fn host() -> Host {
    let foreign = FidoToken { maker: simulated_token_maker::Maker::named("nobody"), ..token("anna-red") };
    Bench::on(Release::Bookworm)
        .without_sshd()
        .account(Account::person("vera", 2301))
        .trusting(&maker())
        .fido_evidence("anna-blue", &token("anna-blue"))
        .fido_evidence("anna-red", &foreign)
        .start()
}

fn sh(host: &Host, script: &str) {
    host.run(["sh", "-c", script]).expect_success();
}

fn access(host: &Host) -> Output {
    host.run(["tom", "access"]).expect_success()
}

#[track_caller]
fn nothing_raw(output: &Output) {
    let said = [output.stdout.as_str(), output.stderr.as_str()].concat();
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{output:#?}");
}

/// Whoever damages or exchanges what was proven makes `tom access` say neither that a key counts nor that it does not:
/// it goes by what logins go by.
#[test]
fn access_goes_by_what_logins_go_by() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.apply(&policy()).expect_success();
        let sound = access(&host);
        assert!(sound.stdout.contains("blue: fido, proven (") && sound.stderr.is_empty(), "{sound:#?}");
        sh(&host, "cp -a /var/lib/tom/active /root/sound");

        sh(&host, "echo damaged > /var/lib/tom/active/proof");
        let damaged = access(&host);
        assert!(damaged.stdout.contains("blue: fido, proven"), "{damaged:#?}");
        assert!(damaged.stderr.contains("does not fit what logins go by"), "{damaged:#?}");

        // The proofs of a policy under which the red token was proven, and the blue one was not.
        for (name, found) in [("anna-blue", "anna-red"), ("anna-red", "anna-red")] {
            let (attest, name) = (token(found).attestation(), format!("/etc/tom/evidence/{name}.attest"));
            host.write(&name, 0o640, attest);
        }
        host.apply(&policy().replace("serial = 1", "serial = 2")).expect_success();
        assert!(access(&host).stdout.contains("red: fido, proven ("));
        sh(&host, "cp /var/lib/tom/active/proof /root/other; rm -r /var/lib/tom/active");
        sh(&host, "cp -a /root/sound /var/lib/tom/active; cat /root/other > /var/lib/tom/active/proof");
        let exchanged = access(&host);
        assert!(exchanged.stdout.contains("blue: fido, proven"), "{exchanged:#?}");
        assert!(exchanged.stdout.contains("red: PIN not proven"), "{exchanged:#?}");

        sh(&host, "cp /root/sound/proof /var/lib/tom/active/proof; echo '#' >> /var/lib/tom/active/policy.toml");
        assert!(access(&host).stderr.contains("is not the text that logins go by"));
        sh(&host, "echo > /var/lib/tom/active/resolved");
        assert!(access(&host).stderr.contains("logins do not go by this policy"));
    });
}

/// Evidence that the caller may not read, or that is a FIFO, is not the same as evidence that is not there: a check
/// that could not be made answers 3, and never waits.
#[test]
fn a_check_says_when_it_could_not_check() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.write("/srv/policy.toml", 0o644, std::fs::read(written(&host)).expect("the policy"));
        sh(&host, "cp -r /etc/tom/evidence /srv/evidence; chmod 700 /srv/evidence");
        for command in
            [&["tom", "policy", "check", "/srv/policy.toml"][..], &["tom", "access", "--policy", "/srv/policy.toml"]]
        {
            let checked = host.as_user("vera").run(command.iter().copied());
            assert_eq!(checked.status, Some(3), "{checked:#?}");
            assert!(checked.stderr.contains("Permission denied"), "{checked:#?}");
        }
        sh(&host, "rm /srv/evidence/anna-blue.attest; mkfifo /srv/evidence/anna-blue.attest");
        let checked =
            host.command().timeout(Duration::from_secs(10)).run(["tom", "policy", "check", "/srv/policy.toml"]);
        assert_eq!(checked.status, Some(3), "{checked:#?}");
        assert!(checked.stderr.contains("no regular file"), "{checked:#?}");
        // What is not there is told of, and is no finding by itself.
        sh(&host, "rm -r /srv/evidence");
        let checked = host.run(["tom", "policy", "check", "/srv/policy.toml"]);
        assert_eq!(checked.status, Some(0), "{checked:#?}");
        assert!(checked.stderr.contains("evidence-missing"), "{checked:#?}");
    });
}

/// The candidate, with its keys in place.
fn written(host: &Host) -> std::path::PathBuf {
    host.write_policy(&policy());
    host.path("/etc/tom/policy.toml")
}

/// A maker's file from somewhere brings text for the terminal in its comments, its purpose, its name.
#[test]
fn trust_files_say_nothing_to_the_terminal() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        let root = maker().fido_root_pem();
        let vendor = "Yub\u{1b}[2J\u{202e}ico -----BEGIN CERTIFICATE-----";
        // Shipped, so that it is kept beside the active policy as well.
        sh(&host, "rm -r /etc/tom/trust");
        let shipped = "/usr/share/tom/trust/simulated.pem";
        host.write(shipped, 0o644, format!("# purpose: fido\n{root}"));
        host.apply(&policy()).expect_success();
        let text = |purpose: &str| format!("# vendor: {vendor}\n# purpose: {purpose}\n{root}");
        // A line with the head of a certificate in it is damage, which is told and not shown.
        host.write("/etc/tom/trust/a.pem", 0o644, text("fido"));
        nothing_raw(&host.run(["tom", "policy", "check"]));
        host.write("/etc/tom/trust/a.pem", 0o644, text("fido").replace("-----BEGIN CERTIFICATE-----\n#", "\n#"));
        for file in ["blue", "red"] {
            let (public, evidence) = (format!("/srv/{file}.pub"), format!("/etc/tom/evidence/anna-{file}"));
            host.write(&public, 0o644, Key::token(&format!("anna-{file}")).public());
            let (attest, challenge) = (format!("{evidence}.attest"), format!("{evidence}.challenge"));
            let check = ["tom", "evidence", "check", "--proof", "fido", "--public", &public, "--attestation", &attest];
            let checked = host.run(check.into_iter().chain(["--challenge", &challenge]));
            assert_eq!(checked.stdout.contains("Yub?[2J?ico"), file == "blue", "{checked:#?}");
            nothing_raw(&checked);
        }
        host.write("/etc/tom/trust/a.pem", 0o644, format!("# purpose: \u{1b}[31mfido\n{root}"));
        let refused = host.apply(&policy());
        assert_eq!(refused.status, Some(3), "{refused:#?}");
        nothing_raw(&refused);
        sh(&host, "mv /etc/tom/trust/a.pem \"/etc/tom/trust/$(printf 'x\\033[2J\\ntom: sound').pem\"");
        let refused = host.apply(&policy());
        assert_eq!((refused.status, refused.stderr.lines().count()), (Some(3), 1), "{refused:#?}");
        nothing_raw(&refused);
    });
}

/// Distrust counts whatever its file is called, as long as it ends in .pem.
#[test]
fn distrust_is_not_missed_for_its_name() {
    run_on(Release::Bookworm, |_| {
        for name in ["DISTRUSTED.PEM", "m\\351fiance.pem"] {
            let host = host();
            host.apply(&policy()).expect_success();
            host.write("/etc/tom/trust/zz.txt", 0o644, format!("# purpose: none\n{}", maker().fido_root_pem()));
            sh(&host, "mv /etc/tom/trust/simulated-fido.pem /etc/tom/trust/0.pem");
            sh(&host, &format!("mv /etc/tom/trust/zz.txt \"/etc/tom/trust/$(printf '{name}')\""));
            let refused = host.apply(&policy());
            assert_eq!(refused.status, Some(1), "{name}: {refused:#?}");
            assert!(refused.stderr.contains("nobody could log in"), "{name}: {refused:#?}");
        }
    });
}

/// Three thousand persons with a key each, nobody of whom gets in, and an account of each one's own: the check for a
/// lock-out asks about all of them.
#[test]
fn three_thousand_keys_take_no_minute() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        let mut text = HEAD.to_owned();
        let ids: Vec<String> = (0..3000).map(|number| format!("p{number}")).collect();
        for id in &ids {
            let name = format!("{id}-blue");
            text.push_str(&person(id));
            let public = simulated_token_maker::FidoToken {
                key: simulated_token_maker::SubjectKey::ed25519(&name),
                ..token("anna-blue")
            };
            text.push_str(&key(id, "blue").replace(&format!("TOKEN({name})"), &public.public_line("ssh:")));
        }
        let persons = ids.iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
        text.push_str(&GRANT.replace("\"anna\"", &persons).replace("\"root\"", "\"{person}\""));
        let started = Instant::now();
        host.write_policy(&text);
        let refused = host.command().timeout(Duration::from_secs(120)).run(["tom", "apply", "--now"]);
        assert_eq!(refused.status, Some(1), "{:?} {:.2000}", refused.status, refused.stderr);
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    });
}

/// What stands in for ssh-keygen: the enrolment never gets further than this.
fn enrol(host: &Host, keygen: &str, key: &str) -> Output {
    host.write("/srv/bin/ssh-keygen", 0o755, format!("#!/bin/sh\n{keygen}\n"));
    let enroll = ["tom", "enroll", "fido", "--person", "anna", "--label", "green", "--key", key];
    host.command().env("PATH", "/srv/bin:/usr/bin:/bin").run(enroll)
}

/// Ctrl-C at the prompt for the PIN left a half-made key beside the person's others.
#[test]
fn an_interrupted_enrolment_leaves_nothing() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.write_policy(&policy());
        for signal in ["INT", "HUP", "QUIT"] {
            let script = format!("kill -{signal} $PPID; sleep 0.2; kill -{signal} $$");
            let stopped = enrol(&host, &script, "/root/keys/id");
            assert_eq!(stopped.status, Some(1), "{signal}: {stopped:#?}");
            let left = host.run(["find", "/root/keys", "-mindepth", "1"]).stdout;
            assert_eq!(left, "", "{signal}");
        }
    });
}

/// In a directory that others can write, they could put links in the workshop's place.
#[test]
fn no_workshop_where_others_can_write() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.write_policy(&policy());
        let prepare = "mkdir -m 777 /srv/all; mkdir -m 775 /srv/group; mkdir /srv/veras; chown vera /srv/veras";
        sh(&host, prepare);
        for directory in ["/srv/all", "/srv/group", "/srv/veras"] {
            let refused = enrol(&host, "touch /srv/ran", &format!("{directory}/id"));
            assert_eq!(refused.status, Some(3), "{directory}: {refused:#?}");
            assert!(refused.stderr.contains("others can write this directory"), "{refused:#?}");
            assert_eq!(host.run(["ls", "-A", directory]).stdout, "");
        }
        assert!(!host.path("/srv/ran").exists());
    });
}

/// The whole enrolment, with a simulated token.
fn enrol_for_good(host: &Host, label: &str, policy: &str) -> Output {
    let key = format!("/root/{label}");
    host.command()
        .env("SSH_SK_PROVIDER", "/usr/local/lib/tom-bench/libsimulated_security_key.so")
        .env("SSH_ASKPASS", "/usr/local/lib/tom-bench/askpass")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("BENCH_ANSWER", "123456")
        .run([
            "tom", "enroll", "fido", "--person", "anna", "--label", label, "--key", &key, "--policy", policy, "--write",
        ])
}

/// A policy kept elsewhere, with a link to it and an owner and mode of its own, got a copy in the link's place.
#[test]
fn an_entry_goes_where_the_link_points_to() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        // Without a newline at its end, and with a comment there.
        host.write("/srv/checkout/policy.toml", 0o604, [HEAD, &person("anna"), GRANT, "# the end"].concat());
        sh(&host, "chown vera:games /srv/checkout/policy.toml; mkdir /srv/here; umask 077");
        sh(&host, "ln -s ../checkout/policy.toml /srv/here/policy.toml");
        enrol_for_good(&host, "green", "/srv/here/policy.toml").expect_success();
        let is = host.run(["stat", "-c", "%N %F %a %U %G", "/srv/here/policy.toml"]).stdout;
        assert!(is.contains("symbolic link"), "{is}");
        let is = host.run(["stat", "-c", "%a %U %G", "/srv/checkout/policy.toml"]).stdout;
        assert_eq!(is, "604 vera games\n");
        let text = std::fs::read_to_string(host.path("/srv/checkout/policy.toml")).expect("the policy");
        assert!(text.contains("# the end\n[[key]]\n") && text.contains("label    = \"green\""), "{text}");
        host.run(["tom", "policy", "check", "/srv/here/policy.toml"]).expect_success();
    });
}

/// When the entry cannot be written the key is enrolled all the same, and nobody is left without the entry.
#[test]
fn an_entry_that_cannot_be_written_is_handed_over() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.write("/srv/policy.toml", 0o644, [HEAD, &person("anna"), GRANT].concat());
        host.write("/srv/policy.toml.new", 0o644, "left by a run that was killed");
        let enrolled = enrol_for_good(&host, "green", "/srv/policy.toml");
        assert_eq!(enrolled.status, Some(3), "{enrolled:#?}");
        assert!(enrolled.stderr.contains("is not in /srv/policy.toml; put this into it yourself"), "{enrolled:#?}");
        let entry = enrolled.stdout.split_once("[[key]]").expect("the entry").1;
        host.write("/srv/policy.toml", 0o644, [HEAD, &person("anna"), GRANT, "[[key]]", entry].concat());
        host.run(["tom", "policy", "check", "/srv/policy.toml"]).expect_success();
    });
}

/// A run that began with an older text waits nowhere and overtakes nobody: while one is at work another is refused
/// before it reads its candidate.
#[test]
fn a_run_that_began_earlier_overtakes_no_later_one() {
    run_on(Release::Bookworm, |_| {
        let host = host();
        host.apply(&policy()).expect_success();
        host.write_policy("no policy at all");
        let refused = host.run(["flock", "/var/lib/tom/lock", "tom", "apply", "--now"]);
        assert_eq!(refused.status, Some(3), "{refused:#?}");
        assert!(refused.stderr.contains("another 'tom apply' is at work"), "{refused:#?}");
    });
}
