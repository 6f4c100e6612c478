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

#[path = "proof_chains/between_the_forms.rs"]
mod between_the_forms;
#[path = "proof_chains/fido_tokens.rs"]
mod fido_tokens;
#[path = "proof_chains/piv_tokens.rs"]
mod piv_tokens;
#[path = "proof_chains/trust_files.rs"]
mod trust_files;
