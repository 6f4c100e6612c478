//! The same for what tokens attest. The first byte says what the others are:
//!
//! * `f`: files as they are handed in. Nobody can sign them anew, so whatever is accepted says what the seed said.
//! * `s`, `d`: what is signed, and a simulated maker's key signs it: what lies behind the signatures is reached.
//! * `t`: a file of trust anchors; `r`: the stored form.
//!
//! Parts follow each other with their length in two bytes in front, the last one without.

use crate::bodies::is_one_line;
use crate::tokens::{Genuine, TRUST, fido_tokens, maker, piv_tokens};
use libtom::proof::{Attested, Facts, Form, PinRule, Refusal, Trust, fido, pem, piv, read_stored, store};
use libtom::public_key::PublicKey;
use simulated_token_maker::{FidoToken, PivToken, der};
use std::sync::LazyLock;

/// The next part, and what follows it.
fn part(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// What is accepted was said by a token: the same key, and the same facts, shortfall and anchor.
fn was_said(tokens: &[(PublicKey, Attested)], key: &PublicKey, outcome: Result<Attested, Refusal>) {
    match outcome {
        Ok(attested) => {
            let mut said = tokens.iter().filter(|(of, _)| of == key);
            assert!(said.any(|(_, said)| *said == attested), "no token said so: {attested:?}");
        }
        Err(refusal) => assert!(is_one_line(&refusal.to_string()), "{refusal:?}"),
    }
}

fn verified(tokens: &[Genuine]) -> Vec<(PublicKey, Attested)> {
    tokens.iter().map(Genuine::verified).collect()
}

/// Attestation, challenge and key; or authenticator data.
pub fn fido_attestation(data: &[u8]) {
    static TOKENS: LazyLock<Vec<(PublicKey, Attested)>> = LazyLock::new(|| verified(&fido_tokens()));
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b'f' => {
            let Some((key, rest)) = part(data) else { return };
            let Some((challenge, attestation)) = part(rest) else { return };
            let key = str::from_utf8(key).ok().and_then(|line| PublicKey::parse(line).ok());
            let key = key.as_ref().unwrap_or(&TOKENS[0].0);
            let outcome = fido::verify(key, attestation, challenge, &TRUST);
            assert!(outcome.is_err() || challenge == FidoToken::sound(&maker()).challenge, "another challenge");
            was_said(&TOKENS, key, outcome);
        }
        b's' => signed_authenticator_data(data, &TOKENS[0]),
        _ => {}
    }
}

/// Signed by the sound token's batch: whatever it says, a proof says that a person touched it and entered a PIN, and
/// that the key needs both always.
fn signed_authenticator_data(data: &[u8], (key, sound): &(PublicKey, Attested)) {
    static CERTIFICATE: LazyLock<Vec<u8>> = LazyLock::new(|| FidoToken::sound(&maker()).certificate());
    static AS_IT_SHOULD_BE: LazyLock<Vec<u8>> = LazyLock::new(|| FidoToken::sound(&maker()).auth_data());
    let token = FidoToken { raw_auth_data: Some(data.to_vec()), ..FidoToken::sound(&maker()) };
    let signature = token.signature();
    let parts = fido::Attestation { certificate: &CERTIFICATE, signature: &signature, authenticator_data: data };
    let statement = fido::read_statement(parts, &token.challenge, &TRUST);
    let outcome = fido::verify_parts(key, parts, &token.challenge, &TRUST);
    match (outcome, statement) {
        (Ok(attested), statement) => {
            assert_eq!(statement.as_ref(), Ok(&attested));
            let flags = data[32];
            assert_eq!(data[..32], AS_IT_SHOULD_BE[..32], "another application");
            assert_eq!(data[37..53], AS_IT_SHOULD_BE[37..53], "another model");
            assert_eq!(flags & 0x58, 0x40, "no key in it, or one that may be copied");
            assert!(contains(data, own_key(key)), "another key");
            assert_eq!(attested.anchor, sound.anchor);
            assert_eq!(Facts { pin: sound.facts.pin, ..attested.facts.clone() }, sound.facts);
            if attested.is_proven() {
                assert_eq!(flags & 0xc5, 0xc5, "nobody touched it and entered a PIN: {flags:x}");
                assert!(contains(data, b"credProtect"));
                assert_eq!(attested.facts.pin, Some(PinRule::Always));
            }
        }
        (Err(refusal), Ok(_)) => assert!(matches!(refusal, Refusal::OtherKey | Refusal::OtherApplication)),
        (Err(refusal), Err(other)) => assert_eq!(refusal, other),
    }
}

/// The Ed25519 key of an `sk-ssh-ed25519@openssh.com` blob: behind the name and a length, before the application.
fn own_key(key: &PublicKey) -> &[u8] {
    let start = 4 + key.key_type().name().len() + 4;
    &key.blob()[start..start + 32]
}

fn contains(data: &[u8], wanted: &[u8]) -> bool {
    data.windows(wanted.len()).any(|window| window == wanted)
}

/// Slot, device and key; or what one of the two certificates says; or trust anchors; or stored assessments.
pub fn piv_attestation(data: &[u8]) {
    static TOKENS: LazyLock<Vec<(PublicKey, Attested)>> = LazyLock::new(|| verified(&piv_tokens()));
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b'f' => {
            let Some((key, rest)) = part(data) else { return };
            let Some((device, slot)) = part(rest) else { return };
            let read = piv::attested_key(slot);
            let key = str::from_utf8(key).ok().and_then(|line| PublicKey::parse(line).ok());
            let key = key.as_ref().or(read.as_ref().ok()).unwrap_or(&TOKENS[0].0);
            let outcome = piv::verify(key, slot, device, &TRUST);
            assert!(outcome.is_err() || read.as_ref() == Ok(key), "the key is not the slot's");
            was_said(&TOKENS, key, outcome);
        }
        b's' => signed_slot(data, &TOKENS[0].1),
        b'd' => signed_device(data, &TOKENS[0]),
        b't' => trust_file(data),
        b'r' => stored_assessments(data),
        _ => {}
    }
}

fn signed(content: &[u8], algorithm: &[u8], signature: &[u8]) -> Vec<u8> {
    der::sequence(&[content, algorithm, &der::bits(signature)])
}

/// A certificate of a slot that the sound device signed, for whatever key it says: a proof has PIN and touch policy
/// in it, and is of a slot that holds a person's key.
fn signed_slot(content: &[u8], sound: &Attested) {
    static DEVICE: LazyLock<Vec<u8>> = LazyLock::new(|| PivToken::sound(&maker()).device_certificate());
    let token = PivToken::sound(&maker());
    let slot = signed(content, &token.leaf().outer_algorithm, &token.device_key().sign(content));
    let Ok(key) = piv::attested_key(&slot) else { return };
    match piv::verify(&key, &slot, &DEVICE, &TRUST) {
        Ok(attested) => {
            let facts = &attested.facts;
            assert_eq!((attested.anchor, facts.form, &facts.vendor), (sound.anchor, Form::Piv, &sound.facts.vendor));
            let slot = facts.slot.as_deref().expect("PIV names the slot");
            let slot = u8::from_str_radix(slot, 16).expect("a slot is a number");
            assert!(matches!(slot, 0x9a | 0x9c | 0x9d | 0x9e | 0x82..=0x95), "{slot:x}");
            if attested.is_proven() {
                assert!(matches!(facts.pin, Some(PinRule::Once | PinRule::Always)));
                let says = |pin| contains(content, &[b"\x01\x04\x01\x82\xc4\x0a\x03\x08\x04\x02", &[pin][..]].concat());
                let critically = |pin| {
                    contains(content, &[b"\x01\x04\x01\x82\xc4\x0a\x03\x08\x01\x01\xff\x04\x02", &[pin][..]].concat())
                };
                assert!([2, 3].into_iter().any(|pin| says(pin) || critically(pin)), "no PIN policy is in it");
            }
        }
        Err(refusal) => assert!(is_one_line(&refusal.to_string()), "{refusal:?}"),
    }
}

/// A device's certificate that the root signed, before the sound slot: it may add the FIPS mark and tell of an older
/// firmware, and changes nothing else.
fn signed_device(content: &[u8], (key, sound): &(PublicKey, Attested)) {
    static SLOT: LazyLock<Vec<u8>> = LazyLock::new(|| PivToken::sound(&maker()).slot_certificate());
    let token = PivToken::sound(&maker());
    let root = maker().key(simulated_token_maker::PIV_ROOT);
    let device = signed(content, &token.device().outer_algorithm, &root.sign(content));
    match piv::verify(key, &SLOT, &device, &TRUST) {
        Ok(attested) => {
            let said = attested.facts.clone();
            assert!(said.firmware.is_some() && said.firmware <= sound.facts.firmware, "{said:?}");
            let Facts { fips, firmware, ref model, .. } = sound.facts;
            let facts = Facts { fips, firmware, model: model.clone(), ..said };
            assert_eq!(Attested { facts, ..attested }, *sound);
        }
        Err(refusal) => assert!(is_one_line(&refusal.to_string()), "{refusal:?}"),
    }
}

/// A file of trust anchors is refused as a whole, or each anchor, written and read again, is the same.
fn trust_file(content: &[u8]) {
    let mut trust = Trust::nobody();
    if let Err(error) = trust.add_file("file", content) {
        assert!(is_one_line(&error.to_string()), "{error:?}");
        assert!(trust.anchors().is_empty(), "half a file was taken");
        return;
    }
    assert!(!trust.anchors().is_empty());
    for anchor in trust.anchors() {
        assert!(is_one_line(&anchor.vendor), "{:?}", anchor.vendor);
        let mut again = Trust::nobody();
        again.add_file("file", anchor.to_pem().as_bytes()).expect("what was written is read");
        assert_eq!(again.anchors(), std::slice::from_ref(anchor));
        assert_eq!(anchor.to_pem(), again.anchors()[0].to_pem());
        assert!(anchor.to_pem().ends_with(&pem::encode(&anchor.der)));
    }
}

/// Stored assessments, stored again, are the same, and each is found by its key. The input is what stands behind the
/// header; a checksum there would be one that a body can make.
fn stored_assessments(content: &[u8]) {
    let plain = [MAGIC, content].concat();
    let with_checksum = [MAGIC, &checksum(content), content].concat();
    let Some(read) = [plain, with_checksum].iter().find_map(|bytes| read_stored(bytes)) else { return };
    assert_eq!(read_stored(&store(&read)).as_ref(), Some(&read));
    for assessment in read.iter() {
        assert_eq!(read.of(&assessment.key).map(|found| &found.key), Some(&assessment.key));
    }
}

const MAGIC: &[u8] = b"tom proof 1\n";

/// CRC-32 (ISO 3309), bit by bit.
fn checksum(content: &[u8]) -> [u8; 4] {
    let by_bit = |sum: u32, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
    let sum = content.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), by_bit));
    (!sum).to_be_bytes()
}
