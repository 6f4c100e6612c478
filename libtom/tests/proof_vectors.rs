//! Real attestations of real tokens, with the answers that are expected of them. They stand beside the project and
//! are no part of it; without them these tests say so, and `proof_chains.rs` makes the same cases with chains of its
//! own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::print_stderr, reason = "SKIPPED must be seen")]
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use libtom::policy::Firmware;
use libtom::proof::fido::Attestation;
use libtom::proof::{Attested, Facts, Form, Origin, PinRule, Refusal, Shortfall, TouchRule, Trust, fido, pem, piv};
use libtom::public_key::{PublicKey, encode_blob};
use std::path::{Path, PathBuf};

const fn firmware(major: u8, minor: u8, patch: u8) -> Option<Firmware> {
    Some(Firmware { major, minor, patch })
}

fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there: real attestations are not part of the project", path.display());
    None
}

fn shipped() -> Trust {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/trust");
    let mut trust = Trust::nobody();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|extension| extension == "pem") {
            trust.add_file(path.to_str().unwrap(), &content).unwrap();
        } else {
            trust.add_models(std::str::from_utf8(&content).unwrap());
        }
    }
    trust
}

fn ssh_string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn key(name: &str, fields: &[&[u8]]) -> PublicKey {
    let mut blob = ssh_string(name.as_bytes());
    for field in fields {
        blob.extend(ssh_string(field));
    }
    PublicKey::parse(&format!("{name} {}", encode_blob(&blob))).unwrap()
}

/// The SSH key of a certificate, found by what an uncompressed point or Ed25519 key looks like in it.
fn key_of(certificate: &[u8]) -> PublicKey {
    let der = as_der(certificate);
    let find = |pattern: &[u8]| der.windows(pattern.len()).position(|window| window == pattern);
    if let Some(at) = find(b"\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00") {
        return key("ecdsa-sha2-nistp256", &[b"nistp256", &der[at + 11..at + 11 + 65]]);
    }
    if let Some(at) = find(b"\x2b\x81\x04\x00\x22\x03\x62\x00") {
        return key("ecdsa-sha2-nistp384", &[b"nistp384", &der[at + 8..at + 8 + 97]]);
    }
    let at = find(b"\x2b\x65\x70\x03\x21\x00").unwrap();
    key("ssh-ed25519", &[&der[at + 6..at + 6 + 32]])
}

fn as_der(file: &[u8]) -> Vec<u8> {
    if file[0] == 0x30 {
        return file.to_vec();
    }
    use base64ct::{Base64, Encoding};
    let text: String = std::str::from_utf8(file).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    Base64::decode_vec(&text).unwrap()
}

/// Slot and device of the three PIV pairs.
const PIV: [(&str, &str); 3] = [
    ("piv/av-slot9c-attestation.pem", "piv/av-slotf9-intermediate.pem"),
    ("piv/sshcerts-yubikey_5ci_attestation.der", "piv/sshcerts-yubikey_5ci_intermediate.der"),
    ("piv/sshcerts-yubikey_5c_5_7_4_attestation.der", "piv/sshcerts-yubikey_5c_5_7_4_intermediate.der"),
];

fn read(name: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(vectors()?.join(name)).unwrap())
}

#[test]
fn piv_pairs_give_what_is_expected() {
    let trust = shipped();
    let expected = [
        (firmware(5, 2, 7), 15_422_467, "9c", PinRule::Always, TouchRule::Never, None),
        (firmware(5, 2, 4), 11_778_047, "93", PinRule::Never, TouchRule::Cached, Some(Shortfall::PinNever)),
        (firmware(5, 7, 4), 33_162_554, "82", PinRule::Never, TouchRule::Always, Some(Shortfall::PinNever)),
    ];
    for ((slot_name, device_name), (firmware, serial, slot, pin, touch, shortfall)) in PIV.into_iter().zip(expected) {
        let (Some(slot_file), Some(device_file)) = (read(slot_name), read(device_name)) else { return };
        let attested = piv::verify(&key_of(&slot_file), &slot_file, &device_file, &trust).unwrap();
        assert_eq!(attested.shortfall, shortfall, "{slot_name}");
        assert_eq!(attested.is_proven(), shortfall.is_none());
        let facts = attested.facts;
        assert_eq!(facts.form, Form::Piv);
        assert_eq!(facts.vendor, "Yubico");
        assert_eq!(facts.firmware, firmware);
        assert_eq!(facts.serial, Some(serial));
        assert_eq!(facts.slot.as_deref(), Some(slot));
        assert_eq!((facts.pin, facts.touch), (Some(pin), Some(touch)));
        assert_eq!(facts.origin, Some(Origin::Generated));
        assert_eq!(facts.fips, Some(false));
    }
}

#[test]
fn mixed_pairs_are_refused() {
    let trust = shipped();
    for (slot_name, own) in PIV {
        for (_, device_name) in PIV.into_iter().filter(|(_, device)| *device != own) {
            let (Some(slot), Some(device)) = (read(slot_name), read(device_name)) else { return };
            let outcome = piv::verify(&key_of(&slot), &slot, &device, &trust);
            assert_eq!(outcome, Err(Refusal::NotOfThisDevice), "{slot_name} with {device_name}");
        }
        // The slot's certificate in the device's place, and the device's in the slot's.
        let (Some(slot), Some(device)) = (read(slot_name), read(own)) else { return };
        assert_eq!(piv::verify(&key_of(&slot), &slot, &slot, &trust), Err(Refusal::NotAnIssuer));
        assert!(piv::verify(&key_of(&slot), &device, &device, &trust).is_err());
    }
}

struct Fido {
    key: PublicKey,
    attestation: Vec<u8>,
    challenge: Vec<u8>,
}

fn fido(name: &str) -> Option<Fido> {
    let attestation = read(&format!("fido/{name}.attest"))?;
    let challenge = read(&format!("fido/{name}.challenge"))?;
    let data = Attestation::read(&attestation).unwrap().authenticator_data.to_vec();
    let public = vectors()?.join(format!("fido/{name}.pub"));
    let key = match std::fs::read_to_string(public) {
        Ok(line) => PublicKey::parse(&line).unwrap(),
        Err(_) => fido_key(&data),
    };
    Some(Fido { key, attestation, challenge })
}

/// The SSH key of authenticator data whose .pub file is not among the vectors.
fn fido_key(data: &[u8]) -> PublicKey {
    let id = usize::from(u16::from_be_bytes([data[53], data[54]]));
    let cose = &data[55 + id..];
    if cose[0] == 0xa4 {
        return key("sk-ssh-ed25519@openssh.com", &[&cose[cose.len() - 32..], b"ssh:"]);
    }
    let point = [&[4][..], &cose[10..42], &cose[45..77]].concat();
    key("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &point, b"ssh:"])
}

#[test]
fn fido_files_give_what_is_expected() {
    let trust = shipped();
    let cases = [
        ("sshkeyattest-ecdsa_sk_credprotect_attest", firmware(5, 4, 3), "YubiKey 5 FIPS Series", None),
        ("sshkeyattest-ecdsa_sk_attest", None, "YubiKey 5 Series", Some(Shortfall::NotProtected)),
        ("sshkeyattest-ed25519_sk_attest", firmware(5, 4, 3), "YubiKey 5 FIPS Series", Some(Shortfall::NotProtected)),
        ("sshkeyattest-ecdsa_sk_reject_attest_aaguid", None, "YubiKey 5 Series", Some(Shortfall::NotProtected)),
    ];
    for (name, firmware, model, shortfall) in cases {
        let Some(Fido { key, attestation, challenge }) = fido(name) else { return };
        let attested = fido::verify(&key, &attestation, &challenge, &trust).unwrap();
        assert_eq!(attested.shortfall, shortfall, "{name}");
        let Facts { vendor, firmware: found, model: named, pin, .. } = attested.facts;
        assert_eq!((vendor.as_str(), found, named.as_deref()), ("Yubico", firmware, Some(model)), "{name}");
        assert_eq!(pin.is_some(), shortfall.is_none(), "{name}");
        let other = [&challenge[..], b"x"].concat();
        assert_eq!(fido::verify(&key, &attestation, &other, &trust), Err(Refusal::ChallengeWrong), "{name}");
    }
    let Some(Fido { key, attestation, challenge }) = fido("sshkeyattest-ecdsa_sk_reject_attest_ca") else { return };
    let refused = fido::verify(&key, &attestation, &challenge, &trust);
    assert!(matches!(refused, Err(Refusal::IssuerUnknown(_, ref issuer)) if issuer == "token2.com"), "{refused:?}");
}

#[test]
fn fido_parts_give_what_is_expected() {
    let trust = shipped();
    let cases = [
        ("yubikey_bio", firmware(5, 5, 6), Shortfall::NotProtected),
        ("yubikey_5c_nfc", None, Shortfall::NotProtected),
        ("yubikey_5c_nfc_5_7_4", firmware(5, 7, 4), Shortfall::UserNotVerified),
    ];
    for (name, firmware, shortfall) in cases {
        let file = |part: &str| read(&format!("fido/sshcerts-{name}_{part}.bin"));
        let (Some(data), Some(signature)) = (file("auth_data_ed25519"), file("auth_sig_ed25519")) else { return };
        let (certificate, challenge) = (file("intermediate").unwrap(), file("challenge_ed25519").unwrap());
        let parts = Attestation { certificate: &certificate, signature: &signature, authenticator_data: &data };
        let attested = fido::read_statement(parts, &challenge, &trust).unwrap();
        assert_eq!((attested.facts.firmware, attested.shortfall), (firmware, Some(shortfall)), "{name}");
        // They were made for "test", which is no application of SSH.
        let outcome = fido::verify_parts(&fido_key(&data), parts, &challenge, &trust);
        assert_eq!(outcome, Err(Refusal::OtherApplication), "{name}");
    }
}

#[test]
fn openpgp_is_explained_and_proves_no_pin() {
    let (Some(statement), Some(card)) = (read("openpgp/av-key-statement.pem"), read("openpgp/av-openpgp-card-att.pem"))
    else {
        return;
    };
    let attested = piv::verify(&key_of(&statement), &statement, &card, &shipped()).unwrap();
    assert_eq!(attested.shortfall, Some(Shortfall::OpenPgp));
    let facts = attested.facts;
    assert_eq!((facts.form, facts.pin), (Form::OpenPgp, None));
    assert_eq!((facts.firmware, facts.serial), (firmware(5, 2, 7), Some(15_422_467)));
    assert_eq!(facts.origin, Some(Origin::Generated));
}

/// Whatever is changed in evidence, it is refused, or says exactly what it said.
fn nothing_else_is_proven(original: &Attested, changed: Result<Attested, Refusal>, what: &str) {
    if let Ok(attested) = changed {
        assert_eq!(&attested, original, "{what}");
    }
}

/// PEM without the newline at its very end is all there.
fn is_whole(file: &[u8]) -> bool {
    file.ends_with(b"-----END CERTIFICATE-----")
}

#[test]
fn no_flipped_or_missing_byte_proves_anything_else() {
    let trust = shipped();
    for (slot_name, device_name) in PIV {
        let (Some(slot), Some(device)) = (read(slot_name), read(device_name)) else { return };
        let key = key_of(&slot);
        let original = piv::verify(&key, &slot, &device, &trust).unwrap();
        for (slot, device) in [(slot.clone(), device.clone()), (as_der(&slot), as_der(&device))] {
            for at in 0..slot.len() {
                let mut changed = slot.clone();
                changed[at] ^= 1 << (at % 8);
                let outcome = piv::verify(&key, &changed, &device, &trust);
                nothing_else_is_proven(&original, outcome, &format!("{slot_name}, byte {at}"));
                let outcome = piv::verify(&key, &slot[..at], &device, &trust);
                assert!(outcome.is_err() || is_whole(&slot[..at]), "{slot_name} cut at {at}");
            }
            for at in 0..device.len() {
                let mut changed = device.clone();
                changed[at] ^= 1 << (at % 8);
                let outcome = piv::verify(&key, &slot, &changed, &trust);
                nothing_else_is_proven(&original, outcome, &format!("{device_name}, byte {at}"));
                let outcome = piv::verify(&key, &slot, &device[..at], &trust);
                assert!(outcome.is_err() || is_whole(&device[..at]), "{device_name} cut at {at}");
            }
        }
    }
    for name in ["ecdsa_sk_credprotect", "ecdsa_sk", "ed25519_sk"] {
        let Some(Fido { key, attestation, challenge }) = fido(&format!("sshkeyattest-{name}_attest")) else { return };
        assert!(fido::verify(&key, &attestation, &challenge, &trust).is_ok());
        for at in 0..attestation.len() {
            for bit in 0..8 {
                let mut changed = attestation.clone();
                changed[at] ^= 1 << bit;
                let outcome = fido::verify(&key, &changed, &challenge, &trust);
                assert!(outcome.is_err(), "{name}, byte {at}, bit {bit}: {outcome:?}");
            }
            assert!(fido::verify(&key, &attestation[..at], &challenge, &trust).is_err(), "{name} cut at {at}");
        }
        let longer = [&attestation[..], b"\0"].concat();
        assert!(fido::verify(&key, &longer, &challenge, &trust).is_err());
    }
}

/// Every issuer that is shipped is a root, or was signed by one that is shipped; and each says its own digest.
#[test]
fn shipped_issuers_lead_to_shipped_roots() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/trust");
    let trust = shipped();
    assert_eq!(trust.anchors().len(), 13);
    for anchor in trust.anchors() {
        let mut bundle = String::new();
        for other in trust.anchors() {
            bundle.push_str(&pem::encode(&other.der));
        }
        let text = std::fs::read_to_string(directory.join(&anchor.source)).unwrap();
        for said in ["# vendor: Yubico", "# purpose: ", "# sha256: ", "# found in: "] {
            assert!(text.contains(said), "{} lacks '{said}'", anchor.source);
        }
        let temporary = std::env::temp_dir().join(format!("tom-anchors-{}.pem", std::process::id()));
        std::fs::write(&temporary, bundle).unwrap();
        let verified = std::process::Command::new("openssl")
            .args(["verify", "-no_check_time", "-CAfile"])
            .arg(&temporary)
            .arg(directory.join(&anchor.source))
            .output();
        std::fs::remove_file(&temporary).unwrap();
        match verified {
            Ok(output) => assert!(output.status.success(), "{}: {output:?}", anchor.source),
            Err(_) => eprintln!("SKIPPED: no openssl"),
        }
    }
}
