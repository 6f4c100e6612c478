//! Adversarial cases about keys: 1, 2, 8, 13.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{OFFICE, OFFICE_V6, anna, anna_red, policy_with, web1};
use tom_tests::{Host, Key, Refusal, Release, on_each_release};

/// sshd takes no plain key, only certificates: a client offers both.
const CERTIFICATES: &str =
    "PubkeyAcceptedAlgorithms ssh-ed25519-cert-v01@openssh.com,sk-ssh-ed25519-cert-v01@openssh.com\n";

/// What the hook prints for this offer.
fn hook(host: &Host, account: &str, key_type: &str, key: &str) -> String {
    host.as_user("_tom").run(["/usr/lib/tom/tom-authorized-keys", account, key_type, key]).expect_success().stdout
}

fn hook_for(host: &Host, key: &Key) -> String {
    let (key_type, blob) = key.words();
    hook(host, "root", key_type, blob)
}

on_each_release! {
    fn case_01_no_line_for_a_key_in_a_file_even_listed_with_verify_required(release) {
        let host = web1(release).start();
        assert!(hook_for(&host, &anna()).contains("verify-required,"));
        let lines = [Key::file("laptop"), Key::ecdsa_file("laptop"), Key::rsa_file("laptop")];
        let listed: Vec<String> = lines.iter().map(|key| format!("verify-required {}", key.public())).collect();
        host.authorized_keys("root", &listed.join("\n"));
        for key in &lines {
            assert_eq!(hook_for(&host, key), "", "{}", key.public());
            host.ssh("root").key(key).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
        }
    }

    fn case_01_no_line_for_a_key_called_piv_that_nothing_proves(release) {
        // Under `attested`, and Anna's token, whose evidence is missing, gets none either.
        let attested = policy_with("assurance = \"declared\"", "assurance = \"attested\"")
            + "\n[[key]]\nperson = \"cora\"\nlabel = \"claimed\"\npublic = \"ECDSA-FILE-KEY(laptop)\"\nproof = \"piv\"\n";
        let attested = attested.replace("[[expect]]", "[[expect]]\nat = 1990-01-01T00:00:00Z").replace("verdict = \"allow\"", "verdict = \"deny\"");
        let host = web1(release).start();
        host.write_policy(&attested);
        host.run(["tom", "apply", "--now", "--allow-lockout"]).expect_success();
        for key in [Key::ecdsa_file("laptop"), anna()] {
            assert_eq!(hook_for(&host, &key), "");
            host.ssh("root").key(&key).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
        }
    }

    fn case_02_a_signature_without_user_verification_is_refused(release) {
        let host = web1(release).start();
        for token in [anna(), anna_red()] {
            for from in [OFFICE, OFFICE_V6] {
                let login = |key: &Key| host.ssh("root").key(key).from(from).run("id");
                login(&token).assert_allowed();
                login(&token.clone().without_pin()).assert_refused_by(Refusal::PinNotVerified);
                login(&token.clone().signing_flags(0x01)).assert_refused();
                login(&token.clone().without_touch()).assert_refused_by(Refusal::NotTouched);
                login(&token.clone().signing_flags(0x00)).assert_refused();
                login(&token.clone().lying_about_pin()).assert_refused_by(Refusal::Signature);
                login(&token.clone().with_wrong_pin()).assert_refused_by(Refusal::NoSignature);
            }
        }
        assert!(!host.journal().events().iter().any(|event| event.get("TOM_VERDICT") == "allow" && event.get("TOM_PERSON") != "anna"));
    }

    fn case_08_one_configuration_for_both_generations_of_sshd(release) {
        let text = |release: Release| {
            let host = web1(release).start();
            host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
            host.ssh("root").key(&anna_red()).from(OFFICE_V6).run("id").assert_allowed();
            host.run(["sshd", "-t"]).expect_success();
            std::fs::read_to_string(host.path("/etc/ssh/sshd_config.d/10-tom.conf")).expect("the drop-in")
        };
        let other = if release == Release::Bookworm { Release::Trixie } else { Release::Bookworm };
        let here = text(release);
        assert_eq!(here, text(other));
        let tokens = here.lines().filter(|line| !line.trim_start().starts_with('#') && line.contains("%C"));
        assert_eq!(tokens.count(), 0, "Debian 12's sshd dies at %C");
    }

    fn case_13_no_certificate_gets_in(release) {
        let authority = Key::file("certificate-authority");
        let trusting = "TrustedUserCAKeys /etc/ssh/ca.pub\n";
        let ca = authority.public();
        // Trusted globally, after and before tom's file; the latter wins only outside Match blocks.
        let host = web1(release)
            .file("/etc/ssh/ca.pub", 0o644, ca)
            .sshd_drop_in("05-ca.conf", &format!("{trusting}{CERTIFICATES}"))
            .file("/root/.ssh/authorized_keys", 0o600, format!("cert-authority,principals=\"root\" {ca}\n"))
            .start();
        let keys = [Key::file("laptop"), Key::token("bought-today"), anna()];
        for principals in ["root", "deploy,root", "", "ro\"ot", "root\nTOM_PERSON=anna", "root\" ,command=\"id"] {
            for key in &keys {
                let certified = key.clone().certified_by(&authority, principals);
                host.ssh("root").key(&certified).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
            }
        }
        // sshd does believe the authority, where nobody is governed, and the certificate is good.
        for key in &keys {
            let certified = key.clone().certified_by(&authority, "acme");
            host.ssh("acme").key(&certified).from(OFFICE).run("id").assert_allowed();
        }
    }

    fn case_13_the_hooks_line_has_no_byte_of_the_clients(release) {
        let host = web1(release).start();
        let anna = anna();
        let (key_type, blob) = anna.words();
        let line = hook(&host, "root", key_type, blob);
        let options = "verify-required,from=\"198.51.100.7,203.0.113.0/28,2001:db8:10::/48\"";
        assert_eq!(line, format!("{options} {} tom:anna:blue\n", anna.public()));
        let offers = [
            ("sk-ssh-ed25519-cert-v01@openssh.com", blob.to_owned()),
            ("ssh-ed25519-cert-v01@openssh.com", blob.to_owned()),
            (key_type, format!("{blob} evil\ncommand=\"id\"")),
            (key_type, format!("{blob}\n{blob}")),
            ("sk-ssh-ed25519@openssh.com\" ", blob.to_owned()),
            ("command=\"id\" sk-ssh-ed25519@openssh.com", blob.to_owned()),
            (key_type, String::new()),
            ("", blob.to_owned()),
            (key_type, "A".repeat(100_000)),
        ];
        for (offered_type, offered) in offers {
            let printed = hook(&host, "root", offered_type, &offered);
            assert!(printed.is_empty() || printed == line, "{offered_type} {offered}: {printed}");
        }
        for account in ["root\n", " root", "root\"", "ROOT", "", "root:x", "../root", "toor"] {
            assert_eq!(hook(&host, account, key_type, blob), "", "{account:?}");
        }
    }
}
