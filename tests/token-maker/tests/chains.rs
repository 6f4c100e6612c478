//! What is made is what others accept: OpenSSL reads and verifies the chains, ring the signatures.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test-only; what openssl says is what explains a failure"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use simulated_token_maker::{FidoToken, Issuer, LeafSigner, Maker, OpenPgpStatement, PivToken, SubjectKey, arc, pem};

fn maker() -> Maker {
    Maker::named("simulated")
}

/// Whether there is an openssl here; where tests may not be skipped, there must be.
fn openssl_is_here() -> bool {
    let here = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !here {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED is a failure in CI: no openssl");
        eprintln!("SKIPPED: no openssl here");
    }
    here
}

fn openssl(arguments: &[&str], input: &[u8]) -> (bool, String) {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A directory that is gone after the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("token-maker-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, certificate: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, pem(certificate)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

/// `openssl verify`, as strict as it can be without insisting on key identifiers, which real
/// tokens lack.
fn verifies(name: &str, root: &[u8], between: Option<&[u8]>, leaf: &[u8]) -> bool {
    let directory = Directory::new(name);
    let root = directory.file("root", root);
    let leaf = directory.file("leaf", leaf);
    let between = between.map(|certificate| directory.file("between", certificate));
    let mut arguments = vec!["verify", "-no-CApath", "-no-CAstore", "-check_ss_sig", "-CAfile", &root];
    if let Some(between) = &between {
        arguments.extend(["-untrusted", between]);
    }
    arguments.push(&leaf);
    let (accepted, said) = openssl(&arguments, &[]);
    println!("{said}");
    accepted
}

fn shown(certificate: &[u8]) -> String {
    let arguments = ["x509", "-noout", "-text", "-nameopt", "oneline", "-certopt", "ext_dump"];
    let (read, said) = openssl(&arguments, pem(certificate).as_bytes());
    assert!(read, "{said}");
    // Without line breaks, which differ between releases.
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn openssl_verifies_the_honest_chains_and_no_other() {
    if !openssl_is_here() {
        return;
    }
    let root = maker().piv_root_der();
    let sound = PivToken::sound(&maker());
    let keys = [SubjectKey::derived("one"), SubjectKey::p384(), SubjectKey::ed25519("one"), SubjectKey::rsa_2048()];
    for key in keys {
        let token = PivToken { key, fips: true, ..sound.clone() };
        assert!(verifies("piv", &root, Some(&token.device_certificate()), &token.slot_certificate()));
    }
    let lies = [
        PivToken { device_issuer: Issuer::OtherKey, ..sound.clone() },
        PivToken { device_issuer: Issuer::WrongRoot, ..sound.clone() },
        PivToken { device_issuer: Issuer::SelfSigned, ..sound.clone() },
        PivToken { device_is_ca: Some(false), device_path_length: None, ..sound.clone() },
        PivToken { device_is_ca: None, ..sound.clone() },
        PivToken { leaf_signed_by: LeafSigner::OtherKey, ..sound.clone() },
        PivToken { leaf_signed_by: LeafSigner::Itself, ..sound.clone() },
    ];
    for lie in lies {
        assert!(!verifies("lie", &root, Some(&lie.device_certificate()), &lie.slot_certificate()), "{lie:?}");
    }
    let (forged, real) = sound.leaf_as_issuer();
    assert!(!verifies("slot", &root, Some(&real), &forged));
    let other = Maker::named("other");
    assert!(!verifies("other", &other.piv_root_der(), Some(&sound.device_certificate()), &sound.slot_certificate()));

    let fido = FidoToken::sound(&maker());
    assert!(verifies("fido", &maker().fido_root_der(), None, &fido.certificate()));
    let statement = OpenPgpStatement::sound(&maker());
    let root = maker().openpgp_root_der();
    assert!(verifies("openpgp", &root, Some(&statement.device_certificate()), &statement.statement()));
}

#[test]
fn openssl_shows_what_was_meant() {
    if !openssl_is_here() {
        return;
    }
    let token = PivToken { serial: Some(0x00f0_0f14), fips: true, ..PivToken::sound(&maker()) };
    let leaf = shown(&token.slot_certificate());
    for expected in [
        "Issuer: CN = Simulated PIV Attestation",
        "Subject: CN = YubiKey PIV Attestation 9a",
        "Not After : Dec 31 23:59:59 9999 GMT",
        "Signature Algorithm: ecdsa-with-SHA256",
        "1.3.6.1.4.1.41482.3.3: 0000 - 05 07 04",
        "1.3.6.1.4.1.41482.3.7: 0000 - 02 04 00 f0 0f 14",
        "1.3.6.1.4.1.41482.3.8: 0000 - 02 03",
        "1.3.6.1.4.1.41482.3.9: 0000 - 81",
    ] {
        assert!(leaf.contains(expected), "{expected} in {leaf}");
    }
    let device = shown(&token.device_certificate());
    for expected in ["Issuer: CN = Simulated PIV Root CA", "1.3.6.1.4.1.41482.3.10:", "CA:TRUE, pathlen:0"] {
        assert!(device.contains(expected), "{expected} in {device}");
    }
    let fido = shown(&FidoToken::sound(&maker()).certificate());
    for expected in [
        "Subject: C = SE, O = Simulated, OU = Authenticator Attestation, CN = Simulated FIDO EE",
        "1.3.6.1.4.1.41482.13.1: 0000 - 04 03 05 07 04",
        "1.3.6.1.4.1.45724.1.1.4: 0000 - 04 10 73 69 6d",
        "X509v3 Basic Constraints: critical CA:FALSE",
    ] {
        assert!(fido.contains(expected), "{expected} in {fido}");
    }
    let statement = shown(&OpenPgpStatement::sound(&maker()).statement());
    assert!(statement.contains("1.3.6.1.4.1.41482.5.8: 0000 - 04 01 02"), "{statement}");
}

#[test]
fn ring_accepts_the_signature_of_a_fido_attestation() {
    let token = FidoToken::sound(&maker());
    let SubjectKey::P256(point) = token.attestation_key().public() else { panic!() };
    let challenge = ring::digest::digest(&ring::digest::SHA256, &token.challenge);
    let signed = [&token.auth_data()[..], challenge.as_ref()].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    assert!(key.verify(&signed, &token.signature()).is_ok());
    let lie = FidoToken { signed_by_other_key: true, ..token };
    assert!(key.verify(&signed, &lie.signature()).is_err());
}

#[test]
fn the_same_name_gives_the_same_bytes() {
    let twice = || (PivToken::sound(&maker()).slot_certificate(), FidoToken::sound(&maker()).attestation());
    assert_eq!(twice(), twice());
    assert_ne!(maker().piv_root_der(), Maker::named("other").piv_root_der());
}

#[test]
fn authenticator_data_has_the_shape_of_real_ones() {
    let data = FidoToken::sound(&maker()).auth_data();
    let credential = 32 + 1 + 4 + 16;
    assert_eq!(data[32], 0xc5);
    assert_eq!(data[credential..credential + 2], [0, 64]);
    let key = credential + 2 + 64;
    assert_eq!(data[key..key + 10], [0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20]);
    assert_eq!(data[key + 42..], *b"\xa1\x6bcredProtect\x03");
    let p256 = FidoToken { key: SubjectKey::derived("fido"), cred_protect: None, ..FidoToken::sound(&maker()) };
    assert_eq!(p256.auth_data().len(), key + 77);
    let wrapped = p256.wrapped_auth_data();
    assert_eq!(wrapped[..2], [0x58, u8::try_from(key + 77).unwrap()]);
}

#[test]
fn an_extension_may_stand_there_twice() {
    let token = PivToken { duplicate_extension: Some(arc(&[3, 8])), ..PivToken::sound(&maker()) };
    let extensions = token.leaf().extensions;
    assert_eq!(extensions.iter().filter(|extension| extension.oid == arc(&[3, 8])).count(), 2);
}

#[test]
fn ssh_keygen_reads_the_public_lines() {
    if Command::new("ssh-keygen").arg("-?").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED is a failure in CI: no ssh-keygen");
        eprintln!("SKIPPED: no ssh-keygen here");
        return;
    }
    let fido = FidoToken::sound(&maker());
    let ecdsa = FidoToken { key: SubjectKey::derived("fido"), ..fido.clone() };
    let lines = [
        (SubjectKey::derived("one").ssh_line(), "256", "(ECDSA)"),
        (SubjectKey::p384().ssh_line(), "384", "(ECDSA)"),
        (SubjectKey::ed25519("one").ssh_line(), "256", "(ED25519)"),
        (SubjectKey::rsa_2048().ssh_line(), "2048", "(RSA)"),
        (fido.public_line("ssh:"), "256", "(ED25519-SK)"),
        (ecdsa.public_line("ssh:"), "256", "(ECDSA-SK)"),
    ];
    for (line, bits, kind) in lines {
        let mut child = Command::new("ssh-keygen")
            .args(["-l", "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with(bits) && said.trim_end().ends_with(kind), "{line}: {said}");
    }
}
