//! Each of these was a way to more than the evidence says, or a sound token that was refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use libtom::policy::Firmware;
use libtom::proof::{Attested, Part, Refusal, Shortfall, Trust, piv};
use libtom::public_key::PublicKey;
use simulated_token_maker::{Certificate, Extension, Maker, PIV_ROOT, PivToken, SubjectKey, arc, pem};

fn maker() -> Maker {
    Maker::named("attacks")
}

fn trust(head: &str) -> Trust {
    let mut trust = Trust::nobody();
    trust.add_file("piv.pem", format!("{head}{}", maker().piv_root_pem()).as_bytes()).unwrap();
    trust
}

fn verify(token: &PivToken) -> Result<Attested, Refusal> {
    let key = PublicKey::parse(&token.key.ssh_line()).unwrap();
    piv::verify(&key, &token.slot_certificate(), &token.device_certificate(), &trust(""))
}

/// The key of an old token can be computed; the slot's certificate that is signed with it then says a firmware that
/// the policy takes. The device's certificate is the maker's, and says which firmware it was.
#[test]
fn case_26_an_old_device_that_says_to_be_newer() {
    let lying = PivToken { device_firmware: Some([4, 3, 4]), ..PivToken::sound(&maker()) };
    let attested = verify(&lying).unwrap();
    assert_eq!(attested.facts.firmware, Some(Firmware { major: 4, minor: 3, patch: 4 }));
    let rsa = PivToken { key: SubjectKey::rsa_2048(), ..lying };
    assert_eq!(verify(&rsa).unwrap().shortfall, Some(Shortfall::WeakRsa));
    // Nothing is said in the slot, and something in the device.
    let silent = PivToken { firmware: None, ..rsa };
    assert_eq!(verify(&silent).unwrap().shortfall, Some(Shortfall::WeakRsa));
    let known = PivToken { device_firmware: Some([5, 7, 4]), ..silent };
    assert_eq!(verify(&known).unwrap().facts.firmware, Some(Firmware { major: 5, minor: 7, patch: 4 }));
}

#[test]
fn case_26_a_device_whose_firmware_cannot_be_read() {
    let token = PivToken::sound(&maker());
    let mut device: Certificate = token.device();
    device.extensions[0] = Extension::new(&arc(&[3, 3]), b"\x05\x07");
    let key = PublicKey::parse(&token.key.ssh_line()).unwrap();
    let device = device.signed_by(&maker().key(PIV_ROOT));
    let outcome = piv::verify(&key, &token.slot_certificate(), &device, &trust(""));
    assert_eq!(outcome, Err(Refusal::Lacks(Part::Device, "the firmware in three bytes")));
}

/// "Purpose: none" with a capital was a comment, and a certificate without a purpose is trusted for everything.
#[test]
fn a_purpose_is_read_whatever_its_case() {
    let token = PivToken::sound(&maker());
    let key = PublicKey::parse(&token.key.ssh_line()).unwrap();
    for head in ["# Purpose: none\n", "#PURPOSE : none\n", "# purpose:none\n", "#  purpose: none\r\n"] {
        let outcome = piv::verify(&key, &token.slot_certificate(), &token.device_certificate(), &trust(head));
        assert_eq!(outcome, Err(Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into())), "{head:?}");
    }
}

/// "purpose: none" in front of two certificates distrusted the first, and trusted the second for everything.
#[test]
fn a_purpose_holds_for_what_follows_in_its_file() {
    let token = PivToken::sound(&maker());
    let key = PublicKey::parse(&token.key.ssh_line()).unwrap();
    let first = maker().fido_root_pem();
    let outcome =
        |head: String| piv::verify(&key, &token.slot_certificate(), &token.device_certificate(), &trust(&head));
    let unknown = Err(Refusal::IssuerUnknown(Part::Device, PIV_ROOT.into()));
    assert_eq!(outcome(format!("# purpose: none\n{first}")), unknown);
    assert_eq!(outcome(format!("# purpose: fido\n{first}")), unknown);
    assert!(outcome(format!("# purpose: fido\n{first}# purpose: piv\n")).is_ok());
    assert!(outcome(format!("{first}# a comment\n")).is_ok());
}

/// '0' is 0x30, with which DER begins too: a PEM file with a date in front was taken for DER.
#[test]
fn a_text_that_begins_with_a_zero_is_a_text() {
    let token = PivToken::sound(&maker());
    let key = PublicKey::parse(&token.key.ssh_line()).unwrap();
    for before in ["01.12.2024, slot 9a\n", "0\r\n", "\n\n"] {
        let slot = format!("{before}{}", pem(&token.slot_certificate()));
        let outcome = piv::verify(&key, slot.as_bytes(), &token.device_certificate(), &trust(""));
        assert!(outcome.is_ok_and(|attested| attested.is_proven()), "{before:?}");
    }
    let windows = pem(&token.slot_certificate()).replace('\n', "\r\n");
    let outcome = piv::verify(&key, windows.as_bytes(), &token.device_certificate(), &trust(""));
    assert!(outcome.is_ok_and(|attested| attested.is_proven()));
}

/// As many extensions as fit, none of them twice: no time to speak of.
#[test]
fn a_certificate_full_of_extensions_is_read_in_no_time() {
    let extra = (0..900).map(|number| Extension::new(&[1, 2, number], b"")).collect();
    let token = PivToken { extra_device_extensions: extra, ..PivToken::sound(&maker()) };
    assert!(token.device_certificate().len() < 16 << 10);
    assert!(verify(&token).is_ok_and(|attested| attested.is_proven()));
}
