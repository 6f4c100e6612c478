//! Attestations of chains of our own, honest and lying, with the answer that each has to get: what
//! `proof_vectors.rs` does with real ones, and what no real one shows.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use libtom::policy::Firmware;
use libtom::proof::{
    Attested, Damage, Facts, Form, Origin, Part, PinRule, Refusal, Shortfall, TouchRule, Trust, TrustFileProblem, fido,
    hexadecimal, piv,
};
use libtom::public_key::PublicKey;
use simulated_token_maker::{
    Certificate, Extension, FIDO_ROOT, FidoToken, Issuer, LeafSigner, Maker, Name, OpenPgpStatement, PIV_ROOT,
    PivToken, PrivateKey, SubjectKey, arc, damaged, der, pem,
};

type Outcome = Result<Attested, Refusal>;

fn maker() -> Maker {
    Maker::named("chains")
}

fn add(trust: &mut Trust, text: &str) {
    trust.add_file("anchors.pem", text.as_bytes()).unwrap();
}

/// The maker's roots, each for its own form.
fn trust_of(maker: &Maker) -> Trust {
    let mut trust = Trust::nobody();
    add(&mut trust, &format!("# vendor: Simulated\n# purpose: piv\n{}", maker.piv_root_pem()));
    add(&mut trust, &format!("# vendor: Simulated\n# purpose: fido\n{}", maker.fido_root_pem()));
    add(&mut trust, &format!("# vendor: Simulated\n# purpose: openpgp\n{}", maker.openpgp_root_pem()));
    trust
}

/// The maker's roots without a purpose: trusted for everything.
fn trust_for_all(maker: &Maker) -> Trust {
    let mut trust = Trust::nobody();
    add(&mut trust, &(maker.piv_root_pem() + &maker.fido_root_pem() + &maker.openpgp_root_pem()));
    trust
}

fn key(line: &str) -> PublicKey {
    PublicKey::parse(line).unwrap()
}

/// What the token says of its own key.
fn piv_outcome(token: &PivToken) -> Outcome {
    let key = key(&token.key.ssh_line());
    piv::verify(&key, &token.slot_certificate(), &token.device_certificate(), &trust_of(&maker()))
}

fn sound_piv() -> PivToken {
    PivToken::sound(&maker())
}

fn fido_outcome(token: &FidoToken) -> Outcome {
    let key = key(&token.public_line(&token.application));
    fido::verify(&key, &token.attestation(), &token.challenge, &trust_of(&maker()))
}

fn sound_fido() -> FidoToken {
    FidoToken::sound(&maker())
}

/// Certificates of a PIV token, of which a test changed one before it was signed.
fn piv_pair(slot: &Certificate, device: &Certificate) -> Outcome {
    let token = sound_piv();
    let (slot, device) = (slot.signed_by(&token.device_key()), device.signed_by(&maker().key(PIV_ROOT)));
    piv::verify(&key(&token.key.ssh_line()), &slot, &device, &trust_of(&maker()))
}

/// A FIDO attestation with another certificate in it, made by the root from what a test wrote.
fn fido_with(certificate: &Certificate) -> Outcome {
    let token = sound_fido();
    let own = token.certificate();
    let other = certificate.signed_by(&maker().key(FIDO_ROOT));
    let file = with_certificate(&token, &own, &other);
    fido::verify(&key(&token.public_line("ssh:")), &file, &token.challenge, &trust_of(&maker()))
}

fn with_certificate(token: &FidoToken, own: &[u8], other: &[u8]) -> Vec<u8> {
    use simulated_token_maker::ssh::string;
    let file = token.attestation();
    let head = string(b"ssh-sk-attest-v01");
    let rest = &file[head.len() + string(own).len()..];
    [&head[..], &string(other), rest].concat()
}

#[track_caller]
fn refused(outcome: Outcome, expected: Refusal) {
    assert_eq!(outcome, Err(expected));
}

#[track_caller]
fn falls_short(outcome: Outcome, expected: Shortfall) {
    let attested = outcome.unwrap();
    assert_eq!(attested.shortfall, Some(expected));
    assert!(!attested.is_proven());
}

#[track_caller]
fn proven(outcome: Outcome) -> Facts {
    let attested = outcome.unwrap();
    assert_eq!(attested.shortfall, None);
    assert!(attested.is_proven());
    attested.facts
}

const fn slot_lacks(what: &'static str) -> Refusal {
    Refusal::Lacks(Part::Slot, what)
}

const POLICY_BYTES: &str = "PIN and touch policy in two bytes";
const CRITICAL: &str = "a critical extension that is not known";

fn unknown_critical() -> Extension {
    Extension { critical: true, ..Extension::new(&[1, 2, 3, 4], b"?") }
}

mod piv_tokens {
    use super::*;

    #[test]
    fn case_26_a_sound_token_proves_its_pin() {
        let facts = proven(piv_outcome(&sound_piv()));
        assert_eq!((facts.form, facts.vendor.as_str()), (Form::Piv, "Simulated"));
        assert_eq!(facts.firmware, Some(Firmware { major: 5, minor: 7, patch: 4 }));
        assert_eq!((facts.serial, facts.slot.as_deref()), (Some(12_345_678), Some("9a")));
        assert_eq!((facts.pin, facts.touch), (Some(PinRule::Once), Some(TouchRule::Cached)));
        assert_eq!((facts.origin, facts.fips), (Some(Origin::Generated), Some(false)));
        let always = PivToken { pin: 3, ..sound_piv() };
        assert_eq!(proven(piv_outcome(&always)).pin, Some(PinRule::Always));
        // PEM says the same as DER.
        let token = sound_piv();
        let (slot, device) = (pem(&token.slot_certificate()), pem(&token.device_certificate()));
        let trust = trust_of(&maker());
        proven(piv::verify(&key(&token.key.ssh_line()), slot.as_bytes(), device.as_bytes(), &trust));
    }

    #[test]
    fn tokens_of_all_ages_and_keys_of_all_kinds_are_taken() {
        // Firmware 4.3.7 has no serial number and no form factor; before 5.4 the device has no basicConstraints.
        let old = PivToken {
            serial: None,
            form_factor: None,
            firmware: Some([4, 3, 7]),
            device_is_ca: None,
            not_after: "20520417000000Z".into(),
            ..sound_piv()
        };
        let facts = proven(piv_outcome(&old));
        assert_eq!((facts.serial, facts.fips, facts.model), (None, None, None));
        let fips = proven(piv_outcome(&PivToken { fips: true, ..sound_piv() }));
        assert_eq!((fips.fips, fips.model.as_deref()), (Some(true), Some("YubiKey 5 FIPS (USB-A keychain)")));
        // The FIPS mark stands in the device's certificate; whatever it holds, it is no reason to refuse.
        proven(piv_outcome(&PivToken { fips: true, fips_value: b"\x04\x01\x01".to_vec(), ..sound_piv() }));
        for own in [SubjectKey::p384(), SubjectKey::ed25519("piv"), SubjectKey::rsa(2048), SubjectKey::rsa(3072)] {
            proven(piv_outcome(&PivToken { key: own, ..sound_piv() }));
        }
        proven(piv_outcome(&PivToken { key: SubjectKey::rsa(4096), ..sound_piv() }));
        for slot in ["9a", "9c", "9d", "9e", "82", "95"] {
            proven(piv_outcome(&PivToken { slot: slot.into(), ..sound_piv() }));
        }
        // Other extensions that are not critical are those of newer tokens.
        let newer = [Extension::new(&arc(&[3, 11]), b"\x01")];
        proven(piv_outcome(&PivToken {
            extra_leaf_extensions: newer.to_vec(),
            extra_device_extensions: newer.to_vec(),
            ..sound_piv()
        }));
        // A clock is not asked.
        proven(piv_outcome(&PivToken { not_after: "20170101000000Z".into(), ..sound_piv() }));
    }

    #[test]
    fn case_26_attestation_of_another_key() {
        let other = PivToken { key: SubjectKey::derived("another slot"), ..sound_piv() };
        let outcome = piv::verify(
            &key(&sound_piv().key.ssh_line()),
            &other.slot_certificate(),
            &other.device_certificate(),
            &trust_of(&maker()),
        );
        refused(outcome, Refusal::OtherKey);
    }

    /// A key that was made elsewhere is not attested by a token: whoever has it can show the evidence of another.
    #[test]
    fn case_26_an_imported_key_with_the_evidence_of_a_generated_one() {
        let token = sound_piv();
        let trust = trust_of(&maker());
        for imported in [SubjectKey::ed25519("file"), SubjectKey::rsa_2048(), SubjectKey::p384()] {
            let outcome =
                piv::verify(&key(&imported.ssh_line()), &token.slot_certificate(), &token.device_certificate(), &trust);
            refused(outcome, Refusal::OtherKey);
        }
    }

    #[test]
    fn case_26_another_vendor() {
        let stranger = PivToken::sound(&Maker::named("a stranger"));
        // The same names, other keys.
        refused(piv_outcome(&stranger), Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into()));
        let other_key = PivToken { device_issuer: Issuer::OtherKey, ..sound_piv() };
        refused(piv_outcome(&other_key), Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into()));
        let wrong_root = PivToken { device_issuer: Issuer::WrongRoot, ..sound_piv() };
        refused(piv_outcome(&wrong_root), Refusal::IssuerUnknown(Part::Device, FIDO_ROOT.into()));
        let token = sound_piv();
        let outcome = piv::verify(
            &key(&token.key.ssh_line()),
            &token.slot_certificate(),
            &token.device_certificate(),
            &Trust::nobody(),
        );
        refused(outcome, Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into()));
    }

    #[test]
    fn case_26_a_device_signed_by_itself() {
        let token = PivToken { device_issuer: Issuer::SelfSigned, ..sound_piv() };
        refused(piv_outcome(&token), Refusal::SelfSigned(Part::Device));
    }

    #[test]
    fn case_26_a_slot_signed_by_itself_or_by_others() {
        let itself = PivToken { leaf_signed_by: LeafSigner::Itself, ..sound_piv() };
        refused(piv_outcome(&itself), Refusal::SelfSigned(Part::Slot));
        for signer in [LeafSigner::OtherKey, LeafSigner::Root] {
            let token = PivToken { leaf_signed_by: signer, ..sound_piv() };
            refused(piv_outcome(&token), Refusal::NotOfThisDevice);
        }
        let misnamed = PivToken { leaf_issuer_name: Some("Somebody".into()), ..sound_piv() };
        refused(piv_outcome(&misnamed), Refusal::NotOfThisDevice);
    }

    #[test]
    fn case_26_a_slot_as_an_issuer() {
        let (forged, device) = sound_piv().leaf_as_issuer();
        let key = key(&sound_piv().key.ssh_line());
        refused(piv::verify(&key, &forged, &device, &trust_of(&maker())), Refusal::NotAnIssuer);
    }

    #[test]
    fn case_26_certificates_in_each_others_place() {
        let token = sound_piv();
        let (slot, device) = (token.slot_certificate(), token.device_certificate());
        let (key, trust) = (key(&token.key.ssh_line()), trust_of(&maker()));
        refused(piv::verify(&key, &slot, &slot, &trust), Refusal::NotAnIssuer);
        refused(piv::verify(&key, &device, &slot, &trust), Refusal::NotAnIssuer);
        refused(piv::verify(&key, &device, &device, &trust), Refusal::NotOfThisDevice);
        refused(piv::verify(&key, &slot, &maker().piv_root_der(), &trust), Refusal::NotOfThisDevice);
    }

    #[test]
    fn case_26_mixed_pairs() {
        let (one, two) = (sound_piv(), PivToken { serial: Some(2), ..sound_piv() });
        let (key, trust) = (key(&one.key.ssh_line()), trust_of(&maker()));
        for (slot, device) in [(&one, &two), (&two, &one)] {
            let outcome = piv::verify(&key, &slot.slot_certificate(), &device.device_certificate(), &trust);
            refused(outcome, Refusal::NotOfThisDevice);
        }
    }

    #[test]
    fn case_26_pin_policy_never() {
        let outcome = piv_outcome(&PivToken { pin: 1, ..sound_piv() });
        assert_eq!(outcome.as_ref().unwrap().facts.pin, Some(PinRule::Never));
        falls_short(outcome, Shortfall::PinNever);
    }

    #[test]
    fn case_26_a_finger_is_no_pin() {
        for pin in [4, 5] {
            falls_short(piv_outcome(&PivToken { pin, form_factor: Some(6), ..sound_piv() }), Shortfall::Finger);
        }
    }

    #[test]
    fn case_26_policies_missing_or_in_another_form() {
        refused(piv_outcome(&PivToken { omit_policy: true, ..sound_piv() }), slot_lacks(POLICY_BYTES));
        for raw in [&b""[..], b"\x02", b"\x02\x01\x00", b"\x04\x02\x02\x01"] {
            let token = PivToken { raw_policy: Some(raw.to_vec()), ..sound_piv() };
            refused(piv_outcome(&token), slot_lacks(POLICY_BYTES));
        }
        for pin in [0, 6, 0x82, 0xff] {
            refused(piv_outcome(&PivToken { pin, ..sound_piv() }), slot_lacks("a known PIN policy"));
        }
        for touch in [0, 4, 0xff] {
            refused(piv_outcome(&PivToken { touch, ..sound_piv() }), slot_lacks("a known touch policy"));
        }
    }

    #[test]
    fn other_facts_in_another_form() {
        for (last, value, lack) in [
            (3, &b"\x05\x07"[..], "the firmware in three bytes"),
            (3, b"\x04\x03\x05\x07\x04", "the firmware in three bytes"),
            (9, b"", "the form factor in one byte"),
            (9, b"\x01\x01", "the form factor in one byte"),
            (7, b"", "the serial number as a DER integer"),
            (7, b"\x02\x05\x01", "the serial number as a DER integer"),
            (7, b"\x02\x01\xff", "the serial number as a DER integer"),
            (7, b"\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", "the serial number as a DER integer"),
        ] {
            let mut slot = sound_piv().leaf();
            let extension = slot.extensions.iter_mut().find(|extension| extension.oid == arc(&[3, last])).unwrap();
            extension.value = value.to_vec();
            refused(piv_pair(&slot, &sound_piv().device()), slot_lacks(lack));
        }
    }

    #[test]
    fn case_26_wrong_slots() {
        for slot in ["f9", "9b", "96", "81", "00", "ff", "+9", "9", "9a1", "", "zz", "9é"] {
            let name = format!("YubiKey PIV Attestation {slot}");
            let token = PivToken { slot: slot.into(), ..sound_piv() };
            refused(piv_outcome(&token), Refusal::WrongSlot(name));
        }
        for name in ["9a", "garbage 9a", "YubiKey PIV Attestation", "YubiKey PIV Attestation 9a ", "\u{202e}9a"] {
            let token = PivToken { leaf_common_name: Some(name.into()), ..sound_piv() };
            let Err(Refusal::WrongSlot(shown)) = piv_outcome(&token) else { panic!("{name}") };
            assert!(!shown.contains('\u{202e}'));
        }
        let mut nameless = sound_piv().leaf();
        nameless.subject = Name(Vec::new());
        refused(piv_pair(&nameless, &sound_piv().device()), Refusal::WrongSlot(String::new()));
    }

    #[test]
    fn an_extension_twice() {
        let twice = Refusal::Certificate(Part::Slot, Damage::Extension);
        for last in [3, 7, 8, 9] {
            let token = PivToken { duplicate_extension: Some(arc(&[3, last])), ..sound_piv() };
            refused(piv_outcome(&token), twice.clone());
        }
        // A second one with another value: which of them counts is asked of nobody.
        let second = Extension::new(&arc(&[3, 8]), &[3, 1]);
        let token = PivToken { pin: 1, extra_leaf_extensions: vec![second], ..sound_piv() };
        refused(piv_outcome(&token), twice);
    }

    #[test]
    fn an_unknown_critical_extension() {
        let token = PivToken { extra_leaf_extensions: vec![unknown_critical()], ..sound_piv() };
        refused(piv_outcome(&token), slot_lacks(CRITICAL));
        let token = PivToken { extra_device_extensions: vec![unknown_critical()], ..sound_piv() };
        refused(piv_outcome(&token), Refusal::Lacks(Part::Device, CRITICAL));
    }

    #[test]
    fn case_26_a_device_that_may_not_issue() {
        refused(piv_outcome(&PivToken { device_is_ca: Some(false), ..sound_piv() }), Refusal::NotAnIssuer);
    }

    #[test]
    fn certificates_of_version_1_and_2() {
        let token = sound_piv();
        for version in [None, Some(1), Some(3)] {
            let slot = Certificate { version, ..token.leaf() };
            let refusal = Refusal::Certificate(Part::Slot, Damage::Version);
            refused(piv_pair(&slot, &token.device()), refusal);
            let device = Certificate { version, ..token.device() };
            refused(piv_pair(&token.leaf(), &device), Refusal::Certificate(Part::Device, Damage::Version));
        }
    }

    #[test]
    fn the_algorithm_inside_is_not_the_one_outside() {
        let token = sound_piv();
        let sha384 = der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 3])]);
        let refusal = Refusal::Certificate(Part::Slot, Damage::Algorithm);
        let outer = Certificate { outer_algorithm: sha384.clone(), ..token.leaf() };
        refused(piv_pair(&outer, &token.device()), refusal.clone());
        let inner = Certificate { algorithm: sha384.clone(), ..token.leaf() };
        refused(piv_pair(&inner, &token.device()), refusal.clone());
        // Both alike, and not what was signed with.
        let both = Certificate { algorithm: sha384.clone(), outer_algorithm: sha384, ..token.leaf() };
        refused(piv_pair(&both, &token.device()), Refusal::NotOfThisDevice);
        // SHA-1 and "none" are no algorithms.
        for oid in [&[1, 2, 840, 10045, 4, 1][..], &[1, 2, 840, 113_549, 1, 1, 5], &[1, 3, 14, 3, 2, 26]] {
            let weak = der::sequence(&[&der::oid(oid)]);
            let weak = Certificate { algorithm: weak.clone(), outer_algorithm: weak, ..token.leaf() };
            refused(piv_pair(&weak, &token.device()), refusal.clone());
        }
    }

    #[test]
    fn case_26_rsa_of_weak_chips() {
        let rsa = |firmware| PivToken { key: SubjectKey::rsa_2048(), firmware, ..sound_piv() };
        falls_short(piv_outcome(&rsa(Some([4, 3, 4]))), Shortfall::WeakRsa);
        falls_short(piv_outcome(&rsa(None)), Shortfall::WeakRsa);
        proven(piv_outcome(&rsa(Some([4, 3, 5]))));
        falls_short(piv_outcome(&PivToken { pin: 1, ..rsa(Some([4, 3, 4])) }), Shortfall::PinNever);
        proven(piv_outcome(&PivToken { firmware: Some([4, 3, 4]), ..sound_piv() }));
    }

    #[test]
    fn files_that_hold_more_or_something_else() {
        let token = sound_piv();
        let (slot, device) = (token.slot_certificate(), token.device_certificate());
        let (key, trust) = (key(&token.key.ssh_line()), trust_of(&maker()));
        let of_slot = |damage| Refusal::Certificate(Part::Slot, damage);
        let of_device = |damage| Refusal::Certificate(Part::Device, damage);
        let with = |slot: &[u8], device: &[u8]| piv::verify(&key, slot, device, &trust);
        let two = pem(&slot) + &pem(&device);
        refused(with(two.as_bytes(), &device), of_slot(Damage::Several));
        refused(with(&slot, two.as_bytes()), of_device(Damage::Several));
        refused(with(&[&slot[..], &device].concat(), &device), of_slot(Damage::Form));
        refused(with(&[&slot[..], b"\n"].concat(), &device), of_slot(Damage::Form));
        refused(with(&slot, &[&device[..], b"\0"].concat()), of_device(Damage::Form));
        let inside = [&slot[..], b"\0"].concat();
        refused(with(pem(&inside).as_bytes(), &device), of_slot(Damage::Form));
        for no_pem in ["", "no PEM", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            refused(with(no_pem.as_bytes(), &device), of_slot(Damage::Pem));
        }
        let cut = pem(&slot).replace("-----END CERTIFICATE-----\n", "");
        refused(with(cut.as_bytes(), &device), of_slot(Damage::Pem));
        refused(with(&[b'x'; (16 << 10) + 1], &device), of_slot(Damage::TooLarge));
        refused(with(&slot, &vec![0x30; 20 << 10]), of_device(Damage::TooLarge));
        // Lengths that are not there, and an indefinite one.
        for head in ["308400ffffff", "3084ffffffff", "30820001", "3080", "308902000000000000000000"] {
            let head: Vec<u8> =
                (0..head.len()).step_by(2).map(|i| u8::from_str_radix(&head[i..i + 2], 16).unwrap()).collect();
            refused(with(&[&head[..], &slot[4..]].concat(), &device), of_slot(Damage::Form));
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_proves_anything_else() {
        let token = sound_piv();
        let (slot, device) = (token.slot_certificate(), token.device_certificate());
        let (key, trust) = (key(&token.key.ssh_line()), trust_of(&maker()));
        let original = piv::verify(&key, &slot, &device, &trust);
        for (file, is_slot) in [(&slot, true), (&device, false)] {
            let with = |changed: &[u8]| {
                let (slot, device) = if is_slot { (changed, &device[..]) } else { (&slot[..], changed) };
                piv::verify(&key, slot, device, &trust)
            };
            for at in 0..file.len() {
                assert!(with(&file[..at]).is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut changed = file.clone();
                    changed[at] ^= 1 << bit;
                    let outcome = with(&changed);
                    assert!(outcome.is_err() || outcome == original, "byte {at}, bit {bit}: {outcome:?}");
                }
            }
            assert!(with(&damaged(file)).is_err());
        }
    }
}

mod fido_tokens {
    use super::*;

    fn form(what: &'static str) -> Refusal {
        Refusal::Form(what)
    }

    #[test]
    fn case_26_a_sound_token_proves_its_pin() {
        let facts = proven(fido_outcome(&sound_fido()));
        assert_eq!((facts.form, facts.vendor.as_str(), facts.pin), (Form::Fido, "Simulated", Some(PinRule::Always)));
        assert_eq!(facts.firmware, Some(Firmware { major: 5, minor: 7, patch: 4 }));
        proven(fido_outcome(&FidoToken { key: SubjectKey::derived("fido"), ..sound_fido() }));
        proven(fido_outcome(&FidoToken { application: "ssh:web".into(), ..sound_fido() }));
    }

    #[test]
    fn tokens_of_all_ages_are_taken() {
        // Older certificates say no firmware, and no basicConstraints.
        let old = FidoToken { firmware: None, certificate_is_ca: None, ..sound_fido() };
        assert_eq!(proven(fido_outcome(&old)).firmware, None);
        // Resident keys have more extensions.
        let more = [("hmac-secret", 1), ("minPinLength", 4), ("credBlob", 1)];
        let more = more.map(|(name, value)| (name.to_owned(), value)).to_vec();
        proven(fido_outcome(&FidoToken { extra_auth_extensions: more, ..sound_fido() }));
        proven(fido_outcome(&FidoToken { sign_count: u32::MAX, ..sound_fido() }));
        for length in [1, 16, 1023] {
            proven(fido_outcome(&FidoToken { credential_id: vec![7; length], ..sound_fido() }));
        }
        proven(fido_outcome(&FidoToken { not_after: "20170101000000Z".into(), ..sound_fido() }));
        // Transports (U2F) and Yubico's device numbers are extensions of real certificates.
        let u2f = Extension::new(&[1, 3, 6, 1, 4, 1, 45724, 2, 1, 1], b"\x03\x02\x04\x30");
        let device = Extension::new(&arc(&[2]), b"1.3.6.1.4.1.41482.1.7");
        proven(fido_outcome(&FidoToken { extra_certificate_extensions: vec![u2f, device], ..sound_fido() }));
        // CBOR of another length says the same.
        proven(fido_outcome(&FidoToken { long_cbor_length: true, ..sound_fido() }));
    }

    #[test]
    fn case_26_attestation_of_another_key() {
        let other = FidoToken { attested_key: Some(SubjectKey::ed25519("another")), ..sound_fido() };
        refused(fido_outcome(&other), Refusal::OtherKey);
        let other = FidoToken { attested_key: Some(SubjectKey::derived("another")), ..sound_fido() };
        refused(fido_outcome(&other), Refusal::OtherKey);
    }

    #[test]
    fn case_26_another_vendor_and_signed_by_itself() {
        let issuer_unknown = |name: &str| Refusal::IssuerUnknown(Part::Attestation, name.into());
        refused(fido_outcome(&FidoToken::sound(&Maker::named("a stranger"))), issuer_unknown(FIDO_ROOT));
        let with = |issuer| fido_outcome(&FidoToken { issuer, ..sound_fido() });
        refused(with(Issuer::OtherKey), issuer_unknown(FIDO_ROOT));
        refused(with(Issuer::WrongRoot), issuer_unknown(PIV_ROOT));
        refused(with(Issuer::SelfSigned), Refusal::SelfSigned(Part::Attestation));
        refused(fido_outcome(&FidoToken { signed_by_other_key: true, ..sound_fido() }), Refusal::ChallengeWrong);
    }

    #[test]
    fn case_26_cred_protect_missing_or_too_low() {
        falls_short(
            fido_outcome(&FidoToken { cred_protect: None, flags: 0x45, ..sound_fido() }),
            Shortfall::NotProtected,
        );
        for level in [0, 1, 2, 4, 255] {
            let token = FidoToken { cred_protect: Some(level), ..sound_fido() };
            falls_short(fido_outcome(&token), Shortfall::NotProtected);
        }
        // Another extension with 3 is not credProtect.
        let other = vec![("credprotect".to_owned(), 3), ("credProtect2".to_owned(), 3)];
        let token = FidoToken { cred_protect: None, extra_auth_extensions: other, ..sound_fido() };
        falls_short(fido_outcome(&token), Shortfall::NotProtected);
        let twice = FidoToken { extra_auth_extensions: vec![("credProtect".to_owned(), 1)], ..sound_fido() };
        refused(fido_outcome(&twice), form("the extensions in the authenticator data cannot be read"));
    }

    #[test]
    fn case_26_nobody_entered_a_pin_or_touched_it() {
        falls_short(fido_outcome(&FidoToken { flags: 0xc1, ..sound_fido() }), Shortfall::UserNotVerified);
        falls_short(fido_outcome(&FidoToken { flags: 0xc4, ..sound_fido() }), Shortfall::UserNotPresent);
        falls_short(fido_outcome(&FidoToken::touched_only(&maker())), Shortfall::UserNotVerified);
    }

    #[test]
    fn case_26_another_challenge_or_none() {
        let token = sound_fido();
        let (key, trust) = (key(&token.public_line("ssh:")), trust_of(&maker()));
        let with = |challenge: &[u8]| fido::verify(&key, &token.attestation(), challenge, &trust);
        refused(with(b"another challenge of 32 bytes..."), Refusal::ChallengeWrong);
        refused(with(&[&token.challenge[..], b"\n"].concat()), Refusal::ChallengeWrong);
        refused(with(b""), Refusal::ChallengeEmpty);
        // Empty it is refused even where the token signed it.
        refused(fido_outcome(&FidoToken { challenge: Vec::new(), ..sound_fido() }), Refusal::ChallengeEmpty);
    }

    #[test]
    fn case_26_another_application() {
        let token = sound_fido();
        let outcome = fido::verify(
            &key(&token.public_line("ssh:x")),
            &token.attestation(),
            &token.challenge,
            &trust_of(&maker()),
        );
        refused(outcome, Refusal::OtherApplication);
        refused(fido_outcome(&FidoToken { rp_id_hash: Some([7; 32]), ..sound_fido() }), Refusal::OtherApplication);
    }

    #[test]
    fn case_26_another_model() {
        refused(fido_outcome(&FidoToken { cert_aaguid: Some([7; 16]), ..sound_fido() }), Refusal::OtherModel);
        refused(fido_outcome(&FidoToken { aaguid: [0; 16], ..sound_fido() }), Refusal::OtherModel);
        refused(fido_outcome(&FidoToken { cert_aaguid: None, ..sound_fido() }), Refusal::OtherModel);
    }

    #[test]
    fn case_26_keys_that_may_be_copied() {
        for flags in [0xcd, 0xdd, 0xd5] {
            refused(fido_outcome(&FidoToken { flags, ..sound_fido() }), Refusal::Synchronised);
        }
    }

    #[test]
    fn flags_that_mean_nothing_or_do_not_fit() {
        for flags in [0xc7, 0xe5, 0xe7] {
            let refusal = form("a reserved flag is set in the authenticator data");
            refused(fido_outcome(&FidoToken { flags, ..sound_fido() }), refusal);
        }
        let no_key = form("the authenticator data holds no new key (AT is missing)");
        refused(fido_outcome(&FidoToken { flags: 0x85, ..sound_fido() }), no_key);
        // Extensions without their flag are bytes that nobody announced.
        let refusal = form("bytes behind the end of the authenticator data");
        refused(fido_outcome(&FidoToken { flags: 0x45, ..sound_fido() }), refusal);
        let refusal = form("the extensions in the authenticator data cannot be read");
        refused(fido_outcome(&FidoToken { cred_protect: None, ..sound_fido() }), refusal);
    }

    #[test]
    fn the_old_form_and_others() {
        let old = FidoToken { magic: "ssh-sk-attest-v00".into(), omit_auth_data: true, ..sound_fido() };
        refused(fido_outcome(&old), Refusal::OldForm("ssh-sk-attest-v00".into()));
        let newer = FidoToken { magic: "ssh-sk-attest-v02".into(), ..sound_fido() };
        refused(fido_outcome(&newer), form("it does not begin with ssh-sk-attest-v01"));
        assert!(fido_outcome(&FidoToken { omit_auth_data: true, ..sound_fido() }).is_err());
        let reserved = form("a reserved field is not empty");
        refused(fido_outcome(&FidoToken { reserved_flags: 1, ..sound_fido() }), reserved.clone());
        refused(fido_outcome(&FidoToken { reserved: vec![0], ..sound_fido() }), reserved);
    }

    #[test]
    fn bytes_behind_each_end() {
        let token = FidoToken { trailing_blob: vec![0], ..sound_fido() };
        refused(fido_outcome(&token), form("bytes behind its end"));
        let token = FidoToken { trailing_cbor: vec![0], ..sound_fido() };
        refused(fido_outcome(&token), form("bytes behind the authenticator data"));
        let token = FidoToken { trailing_auth_data: vec![0], ..sound_fido() };
        refused(fido_outcome(&token), form("bytes behind the end of the authenticator data"));
        let token = FidoToken { second_certificate: Some(vec![0]), ..sound_fido() };
        assert!(fido_outcome(&token).is_err());
    }

    #[test]
    fn case_26_issuers_are_not_taken_from_the_attestation() {
        let token = FidoToken { second_certificate: Some(maker().fido_root_der()), ..sound_fido() };
        refused(fido_outcome(&token), Refusal::SeveralCertificates);
    }

    #[test]
    fn lengths_beyond_the_end() {
        let token = sound_fido();
        let (key, trust) = (key(&token.public_line("ssh:")), trust_of(&maker()));
        let with = |file: &[u8]| fido::verify(&key, file, &token.challenge, &trust);
        let file = token.attestation();
        for at in [0, 21, 25 + token.certificate().len()] {
            let mut long = file.clone();
            long[at..at + 4].copy_from_slice(&[0xff; 4]);
            refused(with(&long), form("it is cut short"));
        }
        refused(with(&[0; (16 << 10) + 1]), form("it is larger than any attestation"));
        let data = token.auth_data();
        let raw = |raw: Vec<u8>| fido_outcome(&FidoToken { raw_auth_data: Some(raw), ..sound_fido() });
        for length in [0_u16, 1024, u16::MAX] {
            let mut data = data.clone();
            data[53..55].copy_from_slice(&length.to_be_bytes());
            refused(raw(data), form("the credential's id has an impossible length"));
        }
        // A map, and a name in it, of 2^64 - 1 entries and bytes.
        let map = data.len() - 14;
        assert_eq!(data[map], 0xa1);
        for huge in [&[0xbb][..], &[0xa1, 0x7b]] {
            let data = [&data[..map], huge, &[0xff; 8]].concat();
            refused(raw(data), form("the extensions in the authenticator data cannot be read"));
        }
        // Signed and cut anywhere: nothing panics, nothing is believed.
        for at in 0..data.len() {
            assert!(raw(data[..at].to_vec()).is_err(), "cut at {at}");
        }
    }

    /// Arrays within arrays, as many as fit: a reader that calls itself would have no stack left.
    #[test]
    fn an_extension_nested_deeper_than_a_stack() {
        let token = sound_fido();
        let data = token.auth_data();
        let map = data.len() - 14;
        let nested = [&data[..map], b"\xa2\x61a", &[0x81; 14_000], b"\x00", &data[map + 1..]].concat();
        let outcome = fido_outcome(&FidoToken { raw_auth_data: Some(nested), ..sound_fido() });
        assert!(outcome.is_err() || outcome.is_ok_and(|attested| attested.is_proven()));
    }

    #[test]
    fn certificates_that_are_not_a_tokens() {
        let lacks = |what| Refusal::Lacks(Part::Attestation, what);
        refused(fido_outcome(&FidoToken { certificate_is_ca: Some(true), ..sound_fido() }), lacks("CA:FALSE"));
        let critical = FidoToken { extra_certificate_extensions: vec![unknown_critical()], ..sound_fido() };
        refused(fido_outcome(&critical), lacks(CRITICAL));
        let own = sound_fido().unsigned_certificate();
        refused(fido_with(&Certificate { key: SubjectKey::p384(), ..own.clone() }), lacks("a P-256 key"));
        let version_1 = Certificate { version: None, ..own.clone() };
        refused(fido_with(&version_1), Refusal::Certificate(Part::Attestation, Damage::Version));
        let sha384 = der::sequence(&[&der::oid(&[1, 2, 840, 10045, 4, 3, 3])]);
        let mixed = Certificate { outer_algorithm: sha384, ..own.clone() };
        refused(fido_with(&mixed), Refusal::Certificate(Part::Attestation, Damage::Algorithm));
        let mut twice = own.clone();
        twice.extensions.push(own.extensions[0].clone());
        refused(fido_with(&twice), Refusal::Certificate(Part::Attestation, Damage::Extension));
        proven(fido_with(&own));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_taken() {
        for own in [SubjectKey::ed25519("fido"), SubjectKey::derived("fido")] {
            let token = FidoToken { key: own, ..sound_fido() };
            let (key, trust) = (key(&token.public_line("ssh:")), trust_of(&maker()));
            let file = token.attestation();
            for at in 0..file.len() {
                assert!(fido::verify(&key, &file[..at], &token.challenge, &trust).is_err(), "cut at {at}");
                for bit in 0..8 {
                    let mut changed = file.clone();
                    changed[at] ^= 1 << bit;
                    let outcome = fido::verify(&key, &changed, &token.challenge, &trust);
                    assert!(outcome.is_err(), "byte {at}, bit {bit}: {outcome:?}");
                }
            }
        }
    }
}

mod between_the_forms {
    use super::*;

    #[test]
    fn case_26_evidence_of_the_wrong_kind() {
        let (piv_token, fido_token) = (sound_piv(), sound_fido());
        let trust = trust_of(&maker());
        let plain = key(&SubjectKey::ed25519("fido").ssh_line());
        let outcome = fido::verify(&plain, &fido_token.attestation(), &fido_token.challenge, &trust);
        refused(outcome, Refusal::WrongKind);
        let of_fido = FidoToken { key: piv_token.key.clone(), ..fido_token };
        let (slot, device) = (piv_token.slot_certificate(), piv_token.device_certificate());
        refused(piv::verify(&key(&of_fido.public_line("ssh:")), &slot, &device, &trust), Refusal::WrongKind);
    }

    /// The key that attests for FIDO signs whatever a token says of its new keys; it is no device of PIV, even
    /// where the anchor is trusted for both, and the certificate does not say that it may not issue.
    #[test]
    fn case_26_a_fido_certificate_as_a_piv_device() {
        for certificate_is_ca in [None, Some(false)] {
            let fido_token = FidoToken { certificate_is_ca, ..sound_fido() };
            let certificate = fido_token.unsigned_certificate();
            let mut slot = sound_piv().leaf();
            slot.issuer = certificate.subject;
            let slot = slot.signed_by(&fido_token.attestation_key());
            let key = key(&sound_piv().key.ssh_line());
            let outcome = piv::verify(&key, &slot, &fido_token.certificate(), &trust_for_all(&maker()));
            refused(outcome, Refusal::NotAnIssuer);
        }
    }

    #[test]
    fn case_26_a_piv_device_as_a_fido_certificate() {
        let token = sound_fido();
        for (device_is_ca, refusal) in [
            (Some(true), Refusal::Lacks(Part::Attestation, "CA:FALSE")),
            (None, Refusal::OtherModel),
            (Some(false), Refusal::OtherModel),
        ] {
            let device = PivToken { device_is_ca, ..sound_piv() };
            let data = token.auth_data();
            let signed = [&data[..], ring_sha256(&token.challenge).as_slice()].concat();
            let signature = device.device_key().sign(&signed);
            let certificate = device.device_certificate();
            let parts =
                fido::Attestation { certificate: &certificate, signature: &signature, authenticator_data: &data };
            let key = key(&token.public_line("ssh:"));
            refused(fido::verify_parts(&key, parts, &token.challenge, &trust_for_all(&maker())), refusal);
        }
    }

    fn ring_sha256(bytes: &[u8]) -> [u8; 32] {
        libtom::host_policy::stored::digest(bytes)
    }

    #[test]
    fn openpgp_is_explained_and_proves_no_pin() {
        let card = OpenPgpStatement::sound(&maker());
        let trust = trust_of(&maker());
        let outcome = |card: &OpenPgpStatement, trust: &Trust| {
            piv::verify(&key(&card.key.ssh_line()), &card.statement(), &card.device_certificate(), trust)
        };
        falls_short(outcome(&card, &trust), Shortfall::OpenPgp);
        falls_short(outcome(&card, &trust_for_all(&maker())), Shortfall::OpenPgp);
        let imported = OpenPgpStatement { source: 0, ..card.clone() };
        falls_short(outcome(&imported, &trust), Shortfall::Imported);
        // With a PIN policy as PIV writes it, it stays what it is.
        let policies = Extension::new(&arc(&[3, 8]), &[3, 1]);
        let dressed = OpenPgpStatement { extra_extensions: vec![policies], ..card.clone() };
        falls_short(outcome(&dressed, &trust_for_all(&maker())), Shortfall::OpenPgp);
        let foreign = OpenPgpStatement { device_issuer: Issuer::WrongRoot, ..card };
        refused(outcome(&foreign, &trust), Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into()));
    }
}

mod trust_files {
    use super::*;

    fn problem(text: &str) -> TrustFileProblem {
        let mut trust = Trust::nobody();
        let error = trust.add_file("x.pem", text.as_bytes()).unwrap_err();
        assert!(trust.anchors().is_empty(), "nothing of a wrong file is taken");
        error.problem
    }

    fn with_purpose(purpose: &str) -> Trust {
        let mut trust = Trust::nobody();
        add(&mut trust, &format!("# purpose: {purpose}\n{}", maker().piv_root_pem()));
        trust
    }

    fn piv_by(trust: &Trust) -> Outcome {
        let token = sound_piv();
        piv::verify(&key(&token.key.ssh_line()), &token.slot_certificate(), &token.device_certificate(), trust)
    }

    fn unknown() -> Refusal {
        Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into())
    }

    #[test]
    fn an_anchor_serves_its_purposes_alone() {
        proven(piv_by(&with_purpose("piv")));
        proven(piv_by(&with_purpose("fido piv")));
        for purpose in ["fido", "openpgp", "chain", "none", ""] {
            refused(piv_by(&with_purpose(purpose)), unknown());
        }
        // A FIDO token whose certificate the PIV root issued.
        let token = FidoToken { issuer: Issuer::WrongRoot, ..sound_fido() };
        let by = |trust: &Trust| {
            fido::verify(&key(&token.public_line("ssh:")), &token.attestation(), &token.challenge, trust)
        };
        refused(by(&with_purpose("piv")), Refusal::IssuerUnknown(Part::Attestation, PIV_ROOT.into()));
        proven(by(&with_purpose("fido")));
    }

    #[test]
    fn what_is_wrong_with_a_file() {
        let root = maker().piv_root_pem();
        assert_eq!(problem(&format!("# purpose: pvi\n{root}")), TrustFileProblem::Purpose("pvi".into()));
        let digest = hexadecimal(&libtom::host_policy::stored::digest(&maker().piv_root_der()));
        let other = digest.replace(['0', '1', '2', '3'], "f");
        assert_eq!(problem(&format!("# sha256: {other}\n{root}")), TrustFileProblem::Digest(digest.clone()));
        add(&mut Trust::nobody(), &format!("# sha256: {}\n{root}", digest.to_uppercase()));
        assert_eq!(problem("# purpose: piv\n"), TrustFileProblem::Empty);
        assert_eq!(problem("-----BEGIN CERTIFICATE-----\n"), TrustFileProblem::Damage(Damage::Pem));
        let error = Trust::nobody().add_file("x.pem", b"\xff\xfe").unwrap_err();
        assert_eq!(error.problem, TrustFileProblem::NoText);
        // A good one and a bad one: neither is taken.
        assert_eq!(problem(&format!("{root}# purpose: x\n{root}")), TrustFileProblem::Purpose("x".into()));
    }

    #[test]
    fn case_26_certificates_of_tokens_are_no_anchors() {
        let token = sound_piv();
        for der in [token.slot_certificate(), sound_fido().certificate()] {
            assert_eq!(problem(&pem(&der)), TrustFileProblem::NotAnIssuer);
        }
        let old = PivToken { device_is_ca: None, ..token };
        assert_eq!(problem(&pem(&old.device_certificate())), TrustFileProblem::NotAnIssuer);
    }

    #[test]
    fn of_one_certificate_the_last_file_counts() {
        let mut trust = with_purpose("piv");
        add(&mut trust, &format!("# purpose: none\n{}", maker().piv_root_pem()));
        assert_eq!(trust.anchors().len(), 1);
        refused(piv_by(&trust), unknown());
        add(&mut trust, &format!("# purpose: piv\n{}", maker().piv_root_pem()));
        proven(piv_by(&trust));
    }

    #[test]
    fn an_anchor_in_use_is_kept_unless_it_is_distrusted() {
        let anchor = with_purpose("piv").anchors()[0].clone();
        let mut trust = Trust::nobody();
        trust.keep(anchor.clone());
        proven(piv_by(&trust));
        let mut trust = with_purpose("none");
        trust.keep(anchor.clone());
        refused(piv_by(&trust), unknown());
        // As a file it says what it said.
        let mut again = Trust::nobody();
        add(&mut again, &anchor.to_pem());
        assert_eq!(again.anchors()[0].to_pem(), anchor.to_pem());
        proven(piv_by(&again));
        let none = with_purpose("none").anchors()[0].to_pem();
        let mut again = Trust::nobody();
        add(&mut again, &none);
        refused(piv_by(&again), unknown());
    }

    /// Two roots with one name: the one whose key signed is found.
    #[test]
    fn of_anchors_with_one_name_the_one_that_signed_is_found() {
        let mut trust = Trust::nobody();
        add(&mut trust, &(Maker::named("a stranger").piv_root_pem() + &maker().piv_root_pem()));
        assert_eq!(piv_by(&trust).unwrap().anchor, libtom::host_policy::stored::digest(&maker().piv_root_der()));
    }

    #[test]
    fn a_key_that_a_test_needs() {
        assert_eq!(PrivateKey::derived("slot 9a").public(), sound_piv().key);
    }
}
