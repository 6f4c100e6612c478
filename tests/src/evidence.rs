//! Evidence of simulated tokens: what their maker attests of the keys that tests log in with.

use base64ct::{Base64, Encoding};
use simulated_token_maker::{FidoToken, Maker, PivToken, SubjectKey, pem};

use crate::bench::Bench;
use crate::host::Host;
use crate::keys::Key;

/// The maker of the tokens in tests. Whether a host believes it is up to its /etc/tom/trust.
#[must_use]
pub fn maker() -> Maker {
    Maker::named("simulated")
}

/// A sound attestation of this FIDO key, for the challenge `challenge of NAME`; a test changes what it wants.
///
/// # Panics
/// If the key is none of a token.
#[must_use]
pub fn fido_token(key: &Key) -> FidoToken {
    let (kind, blob) = key.words();
    let blob = Base64::decode_vec(blob).expect("base64");
    let at_end = |length: usize| blob[blob.len() - 8 - length..blob.len() - 8].to_vec();
    let subject = match kind {
        "sk-ssh-ed25519@openssh.com" => SubjectKey::Ed25519(at_end(32).try_into().expect("32 bytes")),
        "sk-ecdsa-sha2-nistp256@openssh.com" => SubjectKey::P256(at_end(65).try_into().expect("65 bytes")),
        other => panic!("{other} is no key of a FIDO token"),
    };
    FidoToken {
        key: subject,
        challenge: format!("challenge of {}", key.name()).into_bytes(),
        ..FidoToken::sound(&maker())
    }
}

/// A sound attestation of this P-256 key in a PIV slot.
///
/// # Panics
/// If it is no P-256 key.
#[must_use]
pub fn piv_token(key: &Key) -> PivToken {
    let (kind, blob) = key.words();
    assert_eq!(kind, "ecdsa-sha2-nistp256", "simulated PIV keys are P-256");
    let blob = Base64::decode_vec(blob).expect("base64");
    let point = blob[blob.len() - 65..].try_into().expect("65 bytes");
    PivToken { key: SubjectKey::P256(point), ..PivToken::sound(&maker()) }
}

/// Somebody who gets evidence files: a host about to start, or a running one.
pub trait EvidenceDirectory: Sized {
    /// Writes a file below /etc/tom.
    #[must_use]
    fn evidence_file(self, path: &str, mode: u32, bytes: Vec<u8>) -> Self;

    /// Evidence `NAME.attest` and `NAME.challenge`.
    #[must_use]
    fn fido_evidence(self, name: &str, token: &FidoToken) -> Self {
        self.evidence_file(&format!("/etc/tom/evidence/{name}.attest"), 0o640, token.attestation()).evidence_file(
            &format!("/etc/tom/evidence/{name}.challenge"),
            0o640,
            token.challenge.clone(),
        )
    }

    /// Evidence `NAME-9a.pem` and `NAME-f9.pem`.
    #[must_use]
    fn piv_evidence(self, name: &str, token: &PivToken) -> Self {
        let (slot, device) = (pem(&token.slot_certificate()), pem(&token.device_certificate()));
        self.evidence_file(&format!("/etc/tom/evidence/{name}-9a.pem"), 0o640, slot.into_bytes()).evidence_file(
            &format!("/etc/tom/evidence/{name}-f9.pem"),
            0o640,
            device.into_bytes(),
        )
    }

    /// The maker's roots among the operator's trust anchors, each for its purpose.
    #[must_use]
    fn trusting(self, maker: &Maker) -> Self {
        let piv = format!("# purpose: piv\n{}", maker.piv_root_pem());
        let fido = format!("# purpose: fido\n{}", maker.fido_root_pem());
        self.evidence_file("/etc/tom/trust/simulated-piv.pem", 0o644, piv.into_bytes()).evidence_file(
            "/etc/tom/trust/simulated-fido.pem",
            0o644,
            fido.into_bytes(),
        )
    }
}

impl EvidenceDirectory for Bench {
    fn evidence_file(self, path: &str, mode: u32, bytes: Vec<u8>) -> Self {
        self.file(path, mode, bytes)
    }
}

impl EvidenceDirectory for &Host {
    fn evidence_file(self, path: &str, mode: u32, bytes: Vec<u8>) -> Self {
        self.write(path, mode, bytes);
        self
    }
}
