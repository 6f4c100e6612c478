//! Files of trust anchors.

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
    let by =
        |trust: &Trust| fido::verify(&key(&token.public_line("ssh:")), &token.attestation(), &token.challenge, trust);
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

/// An anchor in use is kept as PEM: a maker called like the head of a certificate would have spoiled the whole file,
/// and with it all keys at the next upgrade.
#[test]
fn a_makers_name_does_not_spoil_the_file() {
    let root_key = maker().key(PIV_ROOT);
    let name = Name::common("x\u{1b}[2J -----BEGIN CERTIFICATE-----");
    let mut root = Certificate::new(name.clone(), name, root_key.public());
    root.extensions.push(Extension::basic_constraints(true, None));
    let mut trust = Trust::nobody();
    add(&mut trust, &pem(&root.signed_by(&root_key)));
    let kept = trust.anchors()[0].to_pem();
    assert!(kept.starts_with("# vendor: x?[2J ?BEGIN CERTIFICATE?\n"), "{kept}");
    let mut again = Trust::nobody();
    add(&mut again, &kept);
    assert_eq!(again.anchors()[0].digest, trust.anchors()[0].digest);
}

/// Words in a file from elsewhere go to a terminal when evidence is explained.
#[test]
fn words_of_a_file_are_shown_without_control_characters() {
    let mut trust = Trust::nobody();
    add(&mut trust, &format!("# vendor: Yub\u{1b}[2J\u{202e}ico\n{}", maker().piv_root_pem()));
    assert_eq!(trust.anchors()[0].vendor, "Yub?[2J?ico");
    let purpose = problem(&format!("# purpose: \u{1b}[2Jpiv\n{}", maker().piv_root_pem()));
    assert_eq!(purpose, TrustFileProblem::Purpose("?[2Jpiv".into()));
}
