//! Policies whose keys are proven: each key with evidence of the simulated maker.

use crate::policies::{Sized, label, persons};
use base64ct::{Base64, Encoding};
use simulated_token_maker::{FidoToken, Maker, PivToken, SubjectKey, pem};
use tom_tests::{Bench, Key};

/// A policy under `assurance = "attested"`, and what stands beside it: evidence and trust anchors, by path.
pub(crate) struct Attested {
    pub(crate) policy: Sized,
    files: Vec<(String, Vec<u8>)>,
}

/// The same persons and keys as [`crate::policies::of_persons`] has, so that what differs is the assurance alone.
pub(crate) fn of_attested_persons(count: usize) -> Attested {
    let maker = maker();
    let mut files = anchors(&maker);
    let policy = persons(count, "attested", |id, number, key| {
        let (attestation, challenge) = fido_evidence(&maker, key, id, &label(number));
        let names = [format!("{id}-{number}.attest"), format!("{id}-{number}.challenge")];
        for (name, content) in names.iter().zip([attestation, challenge]) {
            files.push((format!("/etc/tom/evidence/{name}"), content));
        }
        let [attestation, challenge] = names;
        Some(format!("{{ attestation = \"{attestation}\", challenge = \"{challenge}\" }}"))
    });
    Attested { policy, files }
}

impl Attested {
    /// The bench with this policy and all that it rests on.
    pub(crate) fn on(&self, bench: Bench) -> Bench {
        let with = |bench: Bench, (path, content): &(String, Vec<u8>)| bench.file(path, 0o640, content.clone());
        self.files.iter().fold(bench, with).policy(&self.policy.text)
    }
}

pub(crate) fn maker() -> Maker {
    Maker::named("bench")
}

/// The maker's roots, as an operator trusts them.
pub(crate) fn anchors(maker: &Maker) -> Vec<(String, Vec<u8>)> {
    let anchor = |name: &str, pem: String| {
        let text = format!("# vendor: Simulated\n# purpose: {name}\n{pem}");
        (format!("/etc/tom/trust/simulated-{name}.pem"), text.into_bytes())
    };
    vec![anchor("fido", maker.fido_root_pem()), anchor("piv", maker.piv_root_pem())]
}

/// Attestation and challenge, the latter as `tom enroll` writes it.
pub(crate) fn fido_evidence(maker: &Maker, key: &Key, person: &str, label: &str) -> (Vec<u8>, Vec<u8>) {
    let text = format!("tom enrolment 1\nperson: {person}\nlabel: {label}\ndate: 2026-01-01T00:00:00Z\nnonce: 0\n");
    let challenge = text.into_bytes();
    let token = FidoToken { key: subject(key), challenge: challenge.clone(), ..FidoToken::sound(maker) };
    (token.attestation(), challenge)
}

/// The certificates of slot and device.
pub(crate) fn piv_evidence(maker: &Maker, key: &Key, serial: u32) -> [Vec<u8>; 2] {
    let token = PivToken { key: subject(key), serial: Some(serial), ..PivToken::sound(maker) };
    [token.slot_certificate(), token.device_certificate()].map(|der| pem(&der).into_bytes())
}

/// What a maker attests: the key without its SSH form.
fn subject(key: &Key) -> SubjectKey {
    let (key_type, blob) = key.words();
    let blob = Base64::decode_vec(blob).expect("base64");
    // Strings of SSH: the type, for P-256 the curve, and the key.
    let mut rest = blob.as_slice();
    let mut string = || {
        let (length, behind) = rest.split_first_chunk::<4>().expect("a length");
        let (string, behind) = behind.split_at(usize::try_from(u32::from_be_bytes(*length)).expect("short"));
        rest = behind;
        string
    };
    string();
    if key_type.contains("ed25519") {
        return SubjectKey::Ed25519(string().try_into().expect("32 bytes"));
    }
    string();
    SubjectKey::P256(string().try_into().expect("65 bytes"))
}
