//! Signatures made by others (real security keys, ssh-keygen) and by a maker of our own: each verifies over its
//! message and for its purpose, and no byte of it can be changed, cut or added.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a test says what it expects"
)]

mod signature_maker;

use libtom::public_key::{KeyType, PublicKey};
use libtom::ssh_signature::{SshSignature, SshSignatureError, Verified};
use proptest::prelude::*;
use signature_maker::{Kind, Maker, armour};
use std::path::Path;

/// What every file here was signed over.
const MESSAGE: &[u8] = b"Test\n";

macro_rules! by_ssh_keygen {
    ($name:literal) => {
        (
            include_str!(concat!("ssh_signatures/", $name, ".pub")),
            include_str!(concat!("ssh_signatures/", $name, ".sig")),
        )
    };
}

/// Verifies, and then fails with every bit changed, every cut, and a byte added.
fn verifies_in_one_form_alone(public: &str, armoured: &str, message: &[u8]) -> Verified {
    let verify = |blob: &[u8]| SshSignature::from_blob(blob).and_then(|signature| signature.verify(message, "file"));
    let verified = SshSignature::parse(armoured.as_bytes()).unwrap().verify(message, "file").unwrap();
    assert_eq!(verified.public_key(), &PublicKey::parse(public).unwrap());
    assert_eq!(verified.namespace(), "file");

    let blob = decoded(armoured);
    assert_eq!(verify(&blob).as_ref(), Ok(&verified));
    for at in 0..blob.len() {
        assert!(verify(&blob[..at]).is_err(), "cut at {at}");
        for bit in 0..8 {
            let mut changed = blob.clone();
            changed[at] ^= 1 << bit;
            assert!(verify(&changed).is_err(), "bit {bit} of byte {at}");
        }
    }
    assert!(verify(&[&blob[..], b"\0"].concat()).is_err());

    let signature = SshSignature::from_blob(&blob).unwrap();
    assert_eq!(signature.verify(b"Test", "file"), Err(SshSignatureError::Wrong));
    assert_eq!(signature.verify(b"", "file"), Err(SshSignatureError::Wrong));
    for namespace in ["", "File", "file ", "git"] {
        assert!(matches!(signature.verify(message, namespace), Err(SshSignatureError::Namespace { .. })));
    }
    verified
}

/// Not with the crate that the code under test uses.
fn decoded(armoured: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = armoured.lines().filter(|line| !line.starts_with('-')).flat_map(str::bytes);
    let values = letters.filter_map(|byte| ALPHABET.iter().position(|letter| *letter == byte));
    let bits: Vec<usize> = values.flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1)).collect();
    let byte = |bits: &[usize]| u8::try_from(bits.iter().fold(0, |byte, bit| byte << 1 | bit)).unwrap();
    bits.chunks_exact(8).map(byte).collect()
}

#[test]
fn real_security_keys() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors/sk-signatures");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: signatures of real security keys are kept outside the project, and {} is not there; \
             the same is tested with signatures of our own",
            folder.display()
        );
        return;
    }
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let message = read("sshcerts-message-Test");
    for (public, signature, key_type, counter) in [
        ("ecdsa.pub", "sk_ecdsa_Test.sig", KeyType::SkEcdsaP256, 0x51e2),
        ("ed25519.pub", "sk_ed25519_Test.sig", KeyType::SkEd25519, 0x51db),
    ] {
        let verified = verifies_in_one_form_alone(&read(public), &read(signature), message.as_bytes());
        assert_eq!(verified.public_key().key_type(), key_type);
        assert!(verified.public_key().blob().ends_with(b"\0\0\0\x10ssh:SSHCertsTest"));
        let token = verified.token().unwrap();
        assert!(token.user_present() && token.user_verified());
        assert_eq!((token.flags(), token.counter()), (5, counter));
    }
}

/// Made by OpenSSH 9.2; the private halves were thrown away.
#[test]
fn keys_in_files_by_ssh_keygen() {
    for (public, signature) in [
        by_ssh_keygen!("ed25519"),
        by_ssh_keygen!("ed25519_sha256"),
        by_ssh_keygen!("ecdsa_p256"),
        by_ssh_keygen!("ecdsa_p384"),
    ] {
        assert_eq!(verifies_in_one_form_alone(public, signature, MESSAGE).token(), None);
    }
    for (public, signature) in [by_ssh_keygen!("rsa"), by_ssh_keygen!("ecdsa_p521")] {
        let name = PublicKey::parse(public).unwrap().key_type().name();
        assert_eq!(SshSignature::parse(signature.as_bytes()), Err(SshSignatureError::KeyType(name)));
    }
}

#[test]
fn our_own_of_every_kind() {
    for kind in Kind::ALL {
        for (hash, application, flags, counter) in
            [("sha512", "ssh:SSHCertsTest", 5, 0x51e2), ("sha256", "ssh:", 1, 0), ("sha512", "ssh:x", 4, u32::MAX)]
        {
            let maker = Maker { hash, application, flags, counter, ..Maker::of(kind) };
            let public = format!("{} {}", kind.name(), libtom::public_key::encode_blob(&maker.public_key()));
            let verified = verifies_in_one_form_alone(&public, &armour(&maker.blob(MESSAGE)), MESSAGE);
            let token = verified.token();
            assert_eq!(token.is_some(), kind.is_token());
            if let Some(token) = token {
                assert_eq!((token.flags(), token.counter()), (flags, counter));
                assert_eq!((token.user_present(), token.user_verified()), (flags & 1 == 1, flags & 4 == 4));
            }
        }
    }
}

/// A key made for a web site signs what a web site wants: nothing that it signs is taken.
#[test]
fn a_key_made_for_a_web_site_is_refused() {
    let maker = Maker { application: "example.com", ..Maker::of(Kind::SkEd25519) };
    assert!(matches!(SshSignature::from_blob(&maker.blob(MESSAGE)), Err(SshSignatureError::Key(_))));
}

/// The key of the signature is the one that signed: another of the same type in its place is wrong.
#[test]
fn another_key_in_its_place_is_wrong() {
    for kind in Kind::ALL {
        let (maker, other) = (Maker::of(kind), Maker { seed: 8, ..Maker::of(kind) });
        let (key, other) = (maker.public_key(), other.public_key());
        let mut blob = maker.blob(MESSAGE);
        let at = blob.windows(key.len()).position(|window| window == key).unwrap();
        blob[at..at + key.len()].copy_from_slice(&other);
        assert_eq!(SshSignature::from_blob(&blob).unwrap().verify(MESSAGE, "file"), Err(SshSignatureError::Wrong));
    }
}

/// The seed of 255 is none: as a number it is beyond the order of P-256.
fn any_maker() -> impl Strategy<Value = (Kind, u8, bool, String, String, u8, u32)> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (kind, 1_u8..255, any::<bool>(), "[!-~]{1,40}", "ssh:[!-~]{0,40}", any::<u8>(), any::<u32>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn whatever_is_signed_verifies_as_it_was_signed(
        (kind, seed, short, namespace, application, flags, counter) in any_maker(),
        message: Vec<u8>,
        other: Vec<u8>,
    ) {
        let hash = if short { "sha256" } else { "sha512" };
        let maker = Maker { kind, seed, namespace: &namespace, hash, application: &application, flags, counter };
        let signature = SshSignature::parse(armour(&maker.blob(&message)).as_bytes()).unwrap();
        let verified = signature.verify(&message, &namespace).unwrap();
        prop_assert_eq!(verified.public_key().blob(), maker.public_key());
        prop_assert_eq!(verified.token().map(|token| (token.flags(), token.counter())),
            kind.is_token().then_some((flags, counter)));
        prop_assert_eq!(signature.verify(&other, &namespace).is_ok(), message == other);
    }
}
