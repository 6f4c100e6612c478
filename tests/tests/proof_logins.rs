//! `assurance = "attested"`: a key counts with proof of its PIN, and what was proven decides real logins.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use simulated_token_maker::{FidoToken, Maker, PivToken, SubjectKey};
use tom_tests::evidence::{EvidenceDirectory, fido_token, maker, piv_token};
use tom_tests::{Bench, Host, Key, Package, Release, on_each_release};

const OFFICE: &str = "203.0.113.5";

/// Persons with a key each: what their names say is what their evidence says.
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

[[key]]
person = "anna"
label = "blue"
public = "TOKEN(anna-blue)"
proof = "fido"
evidence = { attestation = "anna-blue.attest", challenge = "anna-blue.challenge" }

[[key]]
person = "anna"
label = "red"
public = "ECDSA-TOKEN(anna-red)"
proof = "fido"
evidence = { attestation = "anna-red.attest", challenge = "anna-red.challenge" }

[[key]]
person = "anna"
label = "piv"
public = "ECDSA-FILE-KEY(anna-piv)"
proof = "piv"
evidence = { slot = "anna-piv-9a.pem", device = "anna-piv-f9.pem" }

[[key]]
person = "anna"
label = "bare"
public = "TOKEN(anna-bare)"
proof = "fido"

[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
"#;

fn blue() -> Key {
    Key::token("anna-blue")
}

fn red() -> Key {
    Key::ecdsa_token("anna-red")
}

/// To sshd a key on a PIV token looks like this one.
fn piv() -> Key {
    Key::ecdsa_file("anna-piv")
}

/// A host with sound evidence for all keys but the bare one.
fn sound(release: Release) -> Bench {
    Bench::on(release)
        .trusting(&maker())
        .fido_evidence("anna-blue", &fido_token(&blue()))
        .fido_evidence("anna-red", &fido_token(&red()))
        .piv_evidence("anna-piv", &piv_token(&piv()))
}

fn enters(host: &Host, key: &Key) -> bool {
    host.ssh("root").key(key).from(OFFICE).run("true").allowed()
}

/// The reason that tom gives for this key.
fn reason(host: &Host, key: &Key) -> String {
    let question = format!(
        "{{\"phase\":\"offer\",\"service\":\"sshd\",\"account\":\"root\",\"uid\":0,\"from\":\"{OFFICE}\",\"key\":\"{}\"}}\n",
        key.public()
    );
    let answer = host.command().stdin(question.as_bytes()).run(["tom", "decide"]).expect_success().stdout;
    let answer: serde_json::Value = serde_json::from_str(answer.trim()).expect("JSON");
    answer["reason"].as_str().expect("a reason").to_owned()
}

on_each_release! {
    /// Proven keys come in, with both kinds of token; one without evidence does not.
    fn proven_keys_come_in(release) {
        let host = sound(release).policy(POLICY).start();
        for key in [blue(), red(), piv()] {
            assert!(enters(&host, &key), "{}", key.name());
        }
        let bare = Key::token("anna-bare");
        assert!(!enters(&host, &bare));
        assert_eq!(reason(&host, &bare), "pin-not-proven");
        // Genuine tokens are asked for their PIN all the same.
        assert!(!enters(&host, &blue().without_pin()));
        let access = host.run(["tom", "access"]).expect_success().stdout;
        assert!(access.contains("blue: fido, proven (") && access.contains("bare: PIN not proven"), "{access}");
    }

    /// Trust anchors, evidence and clock count when a policy is applied, and never in a login.
    fn what_was_proven_stays(release) {
        let host = sound(release).policy(POLICY).start();
        host.run(["rm", "-r", "/etc/tom/trust", "/etc/tom/evidence", "/usr/share/tom/trust"]).expect_success();
        for key in [blue(), red(), piv()] {
            assert!(enters(&host, &key), "{}", key.name());
        }
        // Without anchors the next apply would let nobody in, and is refused.
        let refused = host.apply(&POLICY.replace("2026112501", "2026112502"));
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("nobody could log in"), "{refused:#?}");
        assert!(enters(&host, &blue()));
    }
}

/// Policies by decisions alone: each lie, and the reason for it.
fn check(evidence: impl FnOnce(Bench) -> Bench, policy: &str) -> Host {
    let host = evidence(sound(Release::Bookworm)).without_sshd().start();
    host.apply(policy).expect_success();
    host
}

fn on_bookworm(test: impl FnOnce()) {
    tom_tests::run_on(Release::Bookworm, |_| test());
}

#[test]
fn evidence_that_proves_nothing_is_told_and_refused() {
    on_bookworm(|| {
        let blue_token = || fido_token(&blue());
        let own = blue_token().challenge;
        let cases = [
            ("issuer-unknown", FidoToken { maker: Maker::named("another maker"), ..blue_token() }, &own),
            ("cred-protect-missing", FidoToken { cred_protect: None, flags: 0x45, ..blue_token() }, &own),
            ("user-not-verified", FidoToken { flags: 0xc1, ..blue_token() }, &own),
            ("challenge-wrong", blue_token(), &b"somebody else's challenge".to_vec()),
            ("other-key", FidoToken { key: SubjectKey::ed25519("another"), ..blue_token() }, &own),
        ];
        for (expected, token, challenge) in cases {
            let file = "/etc/tom/evidence/anna-blue.challenge";
            let evidence =
                |bench: Bench| bench.fido_evidence("anna-blue", &token).evidence_file(file, 0o640, challenge.clone());
            let host = check(evidence, POLICY);
            assert_eq!(reason(&host, &blue()), "pin-not-proven", "{expected}");
            assert_eq!(reason(&host, &red()), "granted", "{expected}");
            let checked = host.run(["tom", "policy", "check"]);
            assert_eq!(checked.status, Some(1), "{expected}: {checked:#?}");
            assert!(checked.stderr.contains(&format!("anna's key 'blue': warning: {expected}: ")), "{checked:#?}");
            let explained = host.run([
                "tom",
                "explain",
                "--account",
                "root",
                "--service",
                "sshd",
                "--from",
                OFFICE,
                "--person",
                "anna",
            ]);
            assert!(explained.stdout.contains(&format!("rule 8, pin-not-proven: {expected}: ")), "{explained:#?}");
        }
    });
}

/// Case 26: PIN policy never, and firmware by the policy's own measure.
#[test]
fn case_26_pin_never_and_old_firmware() {
    on_bookworm(|| {
        let never = PivToken { pin: 1, ..piv_token(&piv()) };
        let host = check(|bench| bench.piv_evidence("anna-piv", &never), POLICY);
        assert_eq!(reason(&host, &piv()), "pin-not-proven");

        let measured = POLICY.replace("\"attested\" }", "\"attested\", minimum-firmware = \"5.7\" }");
        let old_piv = PivToken { firmware: Some([5, 4, 3]), ..piv_token(&piv()) };
        let old_fido = FidoToken { firmware: Some([5, 4, 3]), ..fido_token(&blue()) };
        let unknown = FidoToken { firmware: None, ..fido_token(&red()) };
        let evidence = |bench: Bench| {
            bench
                .piv_evidence("anna-piv", &old_piv)
                .fido_evidence("anna-blue", &old_fido)
                .fido_evidence("anna-red", &unknown)
                .fido_evidence("anna-bare", &fido_token(&Key::token("anna-bare")))
        };
        // One key of firmware 5.7 stays, since nobody may be locked out.
        let with_bare = measured.replace(
            "public = \"TOKEN(anna-bare)\"\nproof = \"fido\"\n",
            "public = \"TOKEN(anna-bare)\"\nproof = \"fido\"\n\
             evidence = { attestation = \"anna-bare.attest\", challenge = \"anna-bare.challenge\" }\n",
        );
        let host = check(evidence, &with_bare);
        for key in [blue(), red(), piv()] {
            assert_eq!(reason(&host, &key), "firmware-too-old", "{}", key.name());
        }
        assert_eq!(reason(&host, &Key::token("anna-bare")), "granted");
        let explained = host.run([
            "tom",
            "explain",
            "--account",
            "root",
            "--service",
            "sshd",
            "--from",
            OFFICE,
            "--person",
            "anna",
        ]);
        assert!(explained.stdout.contains("firmware 5.4.3, and the policy takes 5.7.0 or newer"), "{explained:#?}");
        // The operator's word stands for all of it.
        host.apply(&with_bare.replace("\"attested\"", "\"declared\"").replace("2501", "2502")).expect_success();
        for key in [blue(), red(), piv()] {
            assert_eq!(reason(&host, &key), "granted", "{}", key.name());
        }
    });
}

/// An upgrade that ships an anchor no longer takes no key away; the operator can.
#[test]
fn an_anchor_in_use_outlives_an_upgrade() {
    on_bookworm(|| {
        let shipped = |name: &str| format!("/usr/share/tom/trust/{name}.pem");
        let bench = Bench::on(Release::Bookworm)
            .file(&shipped("simulated-fido"), 0o644, maker().fido_root_pem())
            .fido_evidence("anna-blue", &fido_token(&blue()));
        let host = bench.without_sshd().start();
        host.apply(POLICY).expect_success();
        assert_eq!(reason(&host, &blue()), "granted");
        host.run(["rm", &shipped("simulated-fido")]).expect_success();
        for serial in ["2502", "2503"] {
            host.apply(&POLICY.replace("2501", serial)).expect_success();
            assert_eq!(reason(&host, &blue()), "granted", "{serial}");
        }
        let distrusted = format!("# purpose: none\n{}", maker().fido_root_pem());
        host.write("/etc/tom/trust/distrusted.pem", 0o644, distrusted);
        let refused = host.apply(&POLICY.replace("2501", "2504"));
        assert!(refused.stderr.contains("issuer-unknown"), "{refused:#?}");
        assert_eq!(refused.status, Some(1));
    });
}

/// The same by dpkg: an older package shipped the anchor, the newer does not.
#[test]
fn an_anchor_that_the_package_no_longer_ships_stays() {
    on_bookworm(|| {
        let anchor = "usr/share/tom/trust/simulated-fido.pem";
        let older = Package::built().variant("0.0.9", |files| {
            std::fs::write(files.join(anchor), maker().fido_root_pem()).expect("the anchor");
        });
        let bench = Bench::on(Release::Bookworm).packaged().fido_evidence("anna-blue", &fido_token(&blue()));
        let host = bench.without_sshd().start();
        host.dpkg_file("--install", &older).expect_success();
        host.apply(POLICY).expect_success();
        host.dpkg_file("--install", &Package::built()).expect_success();
        assert!(!host.path(format!("/{anchor}")).exists());
        assert_eq!(reason(&host, &blue()), "granted");
        host.apply(&POLICY.replace("2501", "2502")).expect_success();
        assert_eq!(reason(&host, &blue()), "granted");
    });
}

/// A trust anchor that others could have written, or that is damaged, stops the command and changes nothing.
#[test]
fn anchors_are_trusted_files() {
    on_bookworm(|| {
        let host = sound(Release::Bookworm).policy(POLICY).without_sshd().start();
        let next = POLICY.replace("2501", "2502");
        for (what, script) in [
            ("can be written by its group or by others", "chmod 666 /etc/tom/trust/simulated-piv.pem"),
            ("does not belong to root", "chmod 644 /etc/tom/trust/*; chown 2001 /etc/tom/trust/simulated-piv.pem"),
            ("symbolic link", "rm /etc/tom/trust/simulated-piv.pem; ln -s /tmp/x.pem /etc/tom/trust/simulated-piv.pem"),
            ("neither PEM nor DER", "rm /etc/tom/trust/simulated-piv.pem; echo -----BEGIN > /etc/tom/trust/a.pem"),
        ] {
            host.run(["sh", "-c", script]).expect_success();
            let refused = host.apply(&next);
            assert_eq!(refused.status, Some(3), "{what}: {refused:#?}");
            assert!(refused.stderr.contains(what), "{what}: {refused:#?}");
            assert_eq!(reason(&host, &piv()), "granted");
        }
    });
}

/// One challenge for two keys is an error of the policy, whatever the files are called.
#[test]
fn a_reused_challenge_is_an_error() {
    on_bookworm(|| {
        let same = FidoToken { challenge: fido_token(&blue()).challenge, ..fido_token(&red()) };
        let host = sound(Release::Bookworm).fido_evidence("anna-red", &same).without_sshd().start();
        let refused = host.apply(POLICY);
        assert_eq!(refused.status, Some(4), "{refused:#?}");
        assert!(refused.stderr.contains("have the same FIDO challenge"), "{refused:#?}");
    });
}
