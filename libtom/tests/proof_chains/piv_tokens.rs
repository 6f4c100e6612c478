//! PIV: the certificates of slot and device.

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
