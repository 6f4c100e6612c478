//! FIDO: what ssh-keygen writes.

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
    falls_short(fido_outcome(&FidoToken { cred_protect: None, flags: 0x45, ..sound_fido() }), Shortfall::NotProtected);
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
    let outcome =
        fido::verify(&key(&token.public_line("ssh:x")), &token.attestation(), &token.challenge, &trust_of(&maker()));
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
