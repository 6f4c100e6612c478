//! What is sound in one form, and is shown as another.

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
        let parts = fido::Attestation { certificate: &certificate, signature: &signature, authenticator_data: &data };
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
