//! `ssh-keygen` itself makes keys at the simulated token and stores what it attests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test-only; a panic here is a failed test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use simulated_token_maker::{FidoToken, Maker, SIMULATED_AAGUID, SubjectKey};

const CHALLENGE: &[u8] = b"a challenge that somebody made up";
const PIN_AND_TOUCH: [&str; 2] = ["-O", "verify-required"];

/// Whether keys can be made here; where tests may not be skipped, they must be.
fn ssh_keygen_is_here() -> bool {
    let here = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !here {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED is a failure in CI: no ssh-keygen");
        eprintln!("SKIPPED: no ssh-keygen here");
    }
    here
}

/// A directory for one key, gone after the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("simulated-key-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("challenge"), CHALLENGE).unwrap();
        Self(path)
    }

    /// Runs ssh-keygen; the user enters `pin` whenever asked.
    fn enrol(&self, key_type: &str, options: &[&str], pin: &str, token: &[(&str, &str)]) -> Output {
        let askpass = self.0.join("askpass");
        fs::write(&askpass, format!("#!/bin/sh\necho asked >> {}/asked\necho {pin}\n", self.0.display())).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o755)).unwrap();
        Command::new("ssh-keygen")
            .args(["-q", "-t", key_type, "-N", "", "-C", "", "-f", "key"])
            .args(["-O", "challenge=challenge", "-O", "write-attestation=attestation"])
            .args(options)
            .current_dir(&self.0)
            .env("SSH_SK_PROVIDER", token_library())
            .env("SSH_ASKPASS", askpass)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .envs(token.iter().copied())
            .output()
            .unwrap()
    }

    fn was_asked_for_the_pin(&self) -> bool {
        self.0.join("asked").exists()
    }

    fn attestation(&self) -> Attestation {
        Attestation::read(&fs::read(self.0.join("attestation")).unwrap())
    }

    fn public_line(&self) -> String {
        fs::read_to_string(self.0.join("key.pub")).unwrap().trim().to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn token_library() -> PathBuf {
    const NAME: &str = "libsimulated_security_key.so";
    let program = std::env::current_exe().unwrap();
    let dir = program.parent().unwrap_or(Path::new("/"));
    [dir.join(NAME), dir.join("..").join(NAME)].into_iter().find(|path| path.is_file()).expect(NAME)
}

/// The file as its reader sees it.
struct Attestation {
    certificate: Vec<u8>,
    signature: Vec<u8>,
    auth_data: Vec<u8>,
}

impl Attestation {
    fn read(file: &[u8]) -> Self {
        let mut rest = file;
        assert_eq!(string(&mut rest), b"ssh-sk-attest-v01");
        let certificate = string(&mut rest).to_vec();
        let signature = string(&mut rest).to_vec();
        let wrapped = string(&mut rest);
        assert_eq!(rest, [0; 8], "reserved: no flags, an empty string");
        assert_eq!(wrapped[0], 0x58, "a CBOR byte string of less than 256 bytes");
        assert_eq!(usize::from(wrapped[1]), wrapped[2..].len());
        Self { certificate, signature, auth_data: wrapped[2..].to_vec() }
    }

    fn is_signed_by(&self, maker: &str, challenge: &[u8]) -> bool {
        let signed = [&self.auth_data, digest(&SHA256, challenge).as_ref()].concat();
        let SubjectKey::P256(point) = FidoToken::sound(&Maker::named(maker)).attestation_key().public() else {
            panic!("tokens attest with P-256");
        };
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(&signed, &self.signature).is_ok()
    }

    fn flags(&self) -> u8 {
        self.auth_data[32]
    }

    fn says_cred_protect(&self, level: u8) -> bool {
        self.auth_data.ends_with(&[&b"\xa1\x6bcredProtect"[..], &[level]].concat())
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        self.auth_data.windows(bytes.len()).any(|window| window == bytes)
    }
}

fn string<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, after) = rest.split_at(4);
    let (found, after) = after.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
    *rest = after;
    found
}

fn made(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_sound_token_attests_pin_and_protection() {
    if !ssh_keygen_is_here() {
        return;
    }
    for key_type in ["ed25519-sk", "ecdsa-sk"] {
        let place = Place::new();
        made(&place.enrol(key_type, &PIN_AND_TOUCH, "123456", &[]));
        let found = place.attestation();
        assert!(place.was_asked_for_the_pin());
        assert!(found.is_signed_by("simulated", CHALLENGE));
        assert!(!found.is_signed_by("simulated", b"another challenge"));
        assert!(!found.is_signed_by("other", CHALLENGE));
        assert_eq!(found.auth_data[..32], *digest(&SHA256, b"ssh:").as_ref());
        assert_eq!(found.flags(), 0xc5);
        assert_eq!(found.auth_data[37..53], SIMULATED_AAGUID);
        assert!(found.says_cred_protect(3));
        assert_eq!(found.certificate, FidoToken::sound(&Maker::named("simulated")).certificate());
        assert_eq!(place.rebuilt(), place.public_line(), "the key that is attested is the key that was made");
    }
}

impl Place {
    /// The public line that follows from the authenticator data.
    fn rebuilt(&self) -> String {
        let data = self.attestation().auth_data;
        let key = &data[32 + 1 + 4 + 16..];
        let key = &key[2 + usize::from(u16::from_be_bytes([key[0], key[1]]))..];
        let key = if key[0] == 0xa4 {
            SubjectKey::Ed25519(key[10..42].try_into().unwrap())
        } else {
            let point = [&[4], &key[10..42], &key[45..77]].concat();
            SubjectKey::P256(point.try_into().unwrap())
        };
        FidoToken { key, ..FidoToken::sound(&Maker::named("simulated")) }.public_line("ssh:")
    }
}

#[test]
fn without_verify_required_nobody_is_asked_and_nothing_is_protected() {
    if !ssh_keygen_is_here() {
        return;
    }
    let place = Place::new();
    made(&place.enrol("ed25519-sk", &[], "123456", &[]));
    assert!(!place.was_asked_for_the_pin());
    assert_eq!(place.attestation().flags(), 0x41);
    assert!(!place.attestation().holds(b"credProtect"));

    // A token that always wants its PIN, as the real vector with UV and without credProtect.
    let place = Place::new();
    made(&place.enrol("ed25519-sk", &[], "123456", &[("SIMULATED_KEY_PIN_RULE", "always")]));
    assert!(place.was_asked_for_the_pin());
    assert_eq!(place.attestation().flags(), 0x45);
    assert!(!place.attestation().holds(b"credProtect"));
}

#[test]
fn a_wrong_pin_makes_no_key() {
    if !ssh_keygen_is_here() {
        return;
    }
    let place = Place::new();
    let output = place.enrol("ed25519-sk", &PIN_AND_TOUCH, "000000", &[]);
    assert!(!output.status.success());
    assert!(place.was_asked_for_the_pin());
    assert!(!place.0.join("key").exists() && !place.0.join("attestation").exists());
}

#[test]
fn a_token_lies_as_it_is_told() {
    if !ssh_keygen_is_here() {
        return;
    }
    let enrolled = |token: &[(&str, &str)]| {
        let place = Place::new();
        made(&place.enrol("ed25519-sk", &PIN_AND_TOUCH, "123456", token));
        place
    };
    let sound = FidoToken::sound(&Maker::named("simulated"));

    assert!(enrolled(&[("SIMULATED_KEY_MAKER", "other")]).attestation().is_signed_by("other", CHALLENGE));

    let place = enrolled(&[("SIMULATED_KEY_ENROLL_FLAGS", "65"), ("SIMULATED_KEY_CRED_PROTECT", "none")]);
    assert_eq!(place.attestation().flags(), 0x41);
    assert!(!place.attestation().holds(b"credProtect"));
    assert!(enrolled(&[("SIMULATED_KEY_CRED_PROTECT", "2")]).attestation().says_cred_protect(2));

    let place = enrolled(&[("SIMULATED_KEY_ATTESTED_KEY", "other")]);
    assert_ne!(place.rebuilt(), place.public_line());
    assert!(place.attestation().is_signed_by("simulated", CHALLENGE));

    let attested = enrolled(&[("SIMULATED_KEY_CHALLENGE", "ignored")]).attestation();
    assert!(!attested.is_signed_by("simulated", CHALLENGE));
    let attested = enrolled(&[("SIMULATED_KEY_ATTESTATION_SIGNER", "other")]).attestation();
    assert!(!attested.is_signed_by("simulated", CHALLENGE));

    let attested = enrolled(&[("SIMULATED_KEY_APPLICATION", "ssh:other")]).attestation();
    assert_eq!(attested.auth_data[..32], *digest(&SHA256, b"ssh:other").as_ref());

    let aaguid = "d7781e5d-e353-46aa-afe2-3ca49f13332a";
    let bytes = 0xd778_1e5d_e353_46aa_afe2_3ca4_9f13_332a_u128.to_be_bytes();
    let attested = enrolled(&[("SIMULATED_KEY_AAGUID", aaguid), ("SIMULATED_KEY_FIRMWARE", "5.4.3")]).attestation();
    assert_eq!(attested.auth_data[37..53], bytes);
    let expected = FidoToken { cert_aaguid: Some(bytes), firmware: Some([5, 4, 3]), ..sound.clone() };
    assert_eq!(attested.certificate, expected.certificate());

    let attested = enrolled(&[("SIMULATED_KEY_CERT_AAGUID", aaguid)]).attestation();
    assert_eq!(attested.auth_data[37..53], SIMULATED_AAGUID);
    assert_eq!(attested.certificate, FidoToken { cert_aaguid: Some(bytes), ..sound.clone() }.certificate());

    let none = [("SIMULATED_KEY_CERT_AAGUID", "none"), ("SIMULATED_KEY_FIRMWARE", "none")];
    let expected = FidoToken { cert_aaguid: None, firmware: None, ..sound.clone() };
    assert_eq!(enrolled(&none).attestation().certificate, expected.certificate());

    let attested = enrolled(&[("SIMULATED_KEY_ISSUER", "self")]).attestation();
    let expected = FidoToken { issuer: simulated_token_maker::Issuer::SelfSigned, ..sound };
    assert_eq!(attested.certificate, expected.certificate());
}
