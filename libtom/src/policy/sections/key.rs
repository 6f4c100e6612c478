//! `[[key]]`.

use super::super::entries::{Assurance, Evidence, Key, Party, PinStanding, Policy, Proof};
use super::super::problem::Problems;
use super::super::section::{Section, Text, is_invisible, printable};
use super::{Names, Once, person, words};
use crate::public_key::{KeyType, PublicKey, PublicKeyError};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const KEYS: [&str; 7] = ["person", "label", "public", "proof", "evidence", "valid-until", "break-glass"];
const PUBLIC_EXAMPLE: &str = "\"sk-ssh-ed25519@openssh.com AAAA…\" (the line of the .pub file)";

pub(in super::super) fn keys(
    top: &Section<'_, '_>,
    assurance: Assurance,
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut labels = BTreeSet::new();
    let mut challenges = Once::default();
    for (table, span) in top.tables("key", problems) {
        let section = Section::open("[[key]]", table, span.clone(), &KEYS, problems);
        let owner = section.required_text("person", "\"anna\"", problems);
        let label = section.required_text("label", "\"blue\"", problems);
        if let Some(label) = &label {
            words::check("label", label, words::name, "write a plain word, such as blue", problems);
        }
        if let (Some(owner), Some(label)) = (&owner, &label)
            && !labels.insert((owner.text.clone(), label.text.clone()))
        {
            let message =
                format!("'{}' has two keys with the label '{}'", printable(&owner.text), printable(&label.text));
            problems.add(&label.span, message, "give the second one another label");
        }
        let holder = owner.as_ref().map_or_else(String::new, |owner| format!("person '{}'", printable(&owner.text)));
        let public = section.required_text("public", PUBLIC_EXAMPLE, problems);
        let public = public.as_ref().and_then(|text| read_public(text, &holder, names, problems));
        let proof = section.required_text("proof", "\"fido\"", problems);
        let proof_span = proof.as_ref().map_or(span.clone(), |proof| proof.span.clone());
        let proof = proof.and_then(|text| read_proof(&text, public.as_ref().map(PublicKey::key_type), problems));
        let evidence = read_evidence(&section, proof, &mut challenges, problems);
        let valid_until = section.day("valid-until", problems);
        let break_glass = section.boolean("break-glass", problems).is_some_and(|(yes, _)| yes);
        let owner = owner.and_then(|owner| person::one_named(&owner, names, problems));
        // Where one of these is missing a problem has been noted, and no policy comes of it.
        if let (Some(person), Some(label), Some(public), Some(proof)) = (owner, label, public, proof) {
            names.proofs.push(proof_span);
            keys.push(Key {
                person,
                label: label.text,
                public,
                proof,
                evidence,
                valid_until,
                break_glass,
                pin: pin_standing(proof, assurance),
                position: problems.position(span.start),
            });
        }
    }
    keys
}

/// What is known of a key's PIN before any evidence has been verified.
const fn pin_standing(proof: Proof, assurance: Assurance) -> PinStanding {
    match (proof, assurance) {
        (Proof::None, _) => PinStanding::NotNeeded,
        (Proof::Fido | Proof::Piv, Assurance::Declared) => PinStanding::Declared,
        (Proof::Fido | Proof::Piv, Assurance::Attested) => PinStanding::NotProven,
    }
}

/// A public key that nobody else in the policy has.
pub(super) fn read_public(
    text: &Text,
    holder: &str,
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Option<PublicKey> {
    if text.text.chars().any(is_invisible) {
        problems.add(
            &text.span,
            "this public key holds control or invisible characters".to_string(),
            "paste the one line of the .pub file",
        );
        return None;
    }
    let key = match PublicKey::parse(&text.text) {
        Ok(key) => key,
        Err(error) => {
            problems.add(&text.span, format!("this public key {}", shown(&error)), advice(&error));
            return None;
        }
    };
    if let Some(other) = names.keys.insert(key.blob().to_vec(), holder.to_string()) {
        let message = format!("this public key stands twice: it is {other}'s already");
        problems.add(&text.span, message, "take one of the two out; a key belongs to one person or machine");
    }
    Some(key)
}

fn shown(error: &PublicKeyError) -> String {
    printable(&error.to_string())
}

fn advice(error: &PublicKeyError) -> &'static str {
    match error {
        PublicKeyError::Form | PublicKeyError::Blob(_) => "paste the whole line of the .pub file again",
        PublicKeyError::Type(_) => {
            "use a key of type sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com, ssh-ed25519, ecdsa-sha2-nistp256, \
             ecdsa-sha2-nistp384, ecdsa-sha2-nistp521 or ssh-rsa, without options in front; certificates are never taken"
        }
        PublicKeyError::OtherType { .. } => "paste the line of the .pub file as it is",
    }
}

fn read_proof(text: &Text, key_type: Option<KeyType>, problems: &mut Problems<'_>) -> Option<Proof> {
    let proof = match text.text.as_str() {
        "fido" => Proof::Fido,
        "piv" => Proof::Piv,
        "none" => Proof::None,
        other => {
            let message = format!("proof '{}' is not known", printable(other));
            problems.add(&text.span, message, "write \"fido\", \"piv\" or, for a customer's person, \"none\"");
            return None;
        }
    };
    match (proof, key_type) {
        (Proof::Fido, Some(key_type)) if !key_type.is_fido() => {
            let message = format!("proof 'fido' does not fit a key of type {}", key_type.name());
            problems.add(&text.span, message, "write proof = \"piv\" for a PIV token, or make the key with ssh-keygen -t ed25519-sk -O verify-required");
        }
        (Proof::Piv, Some(key_type)) if key_type.is_fido() => {
            let message = format!("proof 'piv' does not fit a key of type {}", key_type.name());
            problems.add(&text.span, message, "write proof = \"fido\"");
        }
        _ => {}
    }
    Some(proof)
}

fn read_evidence(
    section: &Section<'_, '_>,
    proof: Option<Proof>,
    challenges: &mut Once,
    problems: &mut Problems<'_>,
) -> Option<Evidence> {
    const FIDO: &str = "{ attestation = \"anna-blue.attest\", challenge = \"anna-blue.challenge\" }";
    const PIV: &str = "{ slot = \"anna-blue-9a.pem\", device = \"anna-blue-f9.pem\" }";
    let (table, span) = section.table("evidence", FIDO, problems)?;
    let keys: &[&str] = match proof? {
        Proof::Fido => &["attestation", "challenge"],
        Proof::Piv => &["slot", "device"],
        Proof::None => {
            problems.add(&span, "a key with proof 'none' has no evidence".to_string(), "take the evidence out");
            return None;
        }
    };
    let evidence = Section::open("evidence", table, span, keys, problems);
    let file = |key: &'static str, example: &str, problems: &mut Problems<'_>| {
        let text = evidence.required_text(key, example, problems)?;
        words::check(
            "evidence file",
            &text,
            words::evidence_file,
            "write its name, such as anna-blue.attest",
            problems,
        );
        Some(text)
    };
    if keys.contains(&"slot") {
        let (slot, device) = (file("slot", PIV, problems)?, file("device", PIV, problems)?);
        return Some(Evidence::Piv { slot: slot.text, device: device.text });
    }
    let (attestation, challenge) = (file("attestation", FIDO, problems)?, file("challenge", FIDO, problems)?);
    if challenges.again(&challenge) {
        let message = format!("the challenge '{}' is used for two keys", printable(&challenge.text));
        problems.add(&challenge.span, message, "enrol the second key again, with a challenge of its own");
    }
    Some(Evidence::Fido { attestation: attestation.text, challenge: challenge.text })
}

/// `proof = "none"` is for customers' persons: the operator's log in with tokens, without exception.
pub(in super::super) fn operators_prove_their_keys(policy: &Policy, names: &Names, problems: &mut Problems<'_>) {
    for (key, span) in policy.keys.iter().zip(&names.proofs) {
        let party = policy.persons.get(key.person).map(|person| &person.party);
        if key.proof == Proof::None && party == Some(&Party::Operator) {
            let message = format!("the key '{}' of a person of the operator has no proof", printable(&key.label));
            problems.add(span, message, "write proof = \"fido\" or \"piv\"; a job without a person is a [[machine]]");
        }
    }
}
