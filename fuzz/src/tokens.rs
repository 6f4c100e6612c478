//! Simulated tokens: what they make is the seeds of the targets for attestations, and the answers that may come back.

use libtom::proof::{Attested, Shortfall, Trust, fido, piv};
use libtom::public_key::PublicKey;
use simulated_token_maker::{FidoToken, Maker, OpenPgpStatement, PivToken, SubjectKey};
use std::sync::LazyLock;

/// Evidence that is as tokens make it.
pub struct Genuine {
    pub name: &'static str,
    pub key: String,
    /// Of FIDO attestation and challenge, of PIV slot and device.
    pub files: [Vec<u8>; 2],
    pub shortfall: Option<Shortfall>,
}

impl Genuine {
    /// As input of its target.
    pub fn input(&self) -> Vec<u8> {
        let [first, second] = &self.files;
        join(b'f', &[self.key.as_bytes(), second], first)
    }

    pub fn verified(&self) -> (PublicKey, Attested) {
        let key = PublicKey::parse(&self.key).expect("a seed's key is one");
        let [first, second] = &self.files;
        let attested = if key.key_type().is_fido() {
            fido::verify(&key, first, second, &TRUST)
        } else {
            piv::verify(&key, first, second, &TRUST)
        };
        let attested = attested.expect("a seed is genuine");
        assert_eq!(attested.shortfall, self.shortfall, "{}", self.name);
        (key, attested)
    }
}

/// The input of a target: parts with their lengths, and the last without.
pub fn join(kind: u8, parts: &[&[u8]], last: &[u8]) -> Vec<u8> {
    let mut input = vec![kind];
    for part in parts {
        input.extend_from_slice(&u16::try_from(part.len()).expect("a seed is small").to_be_bytes());
        input.extend_from_slice(part);
    }
    input.extend_from_slice(last);
    input
}

pub fn maker() -> Maker {
    Maker::named("fuzz")
}

/// A second maker whose roots have the same names.
fn namesake() -> Maker {
    Maker::named("fuzz, another maker")
}

/// The roots of both makers.
pub static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let mut trust = Trust::nobody();
    for maker in [maker(), namesake()] {
        for (purpose, root) in
            [("piv", maker.piv_root_pem()), ("fido", maker.fido_root_pem()), ("openpgp", maker.openpgp_root_pem())]
        {
            let file = format!("# vendor: Simulated\n# purpose: {purpose}\n{root}");
            trust.add_file("roots", file.as_bytes()).expect("roots are sound");
        }
    }
    trust
});

/// Genuine attestations. One maker's tokens have one certificate, so that parts of two say nothing that neither said.
pub fn fido_tokens() -> Vec<Genuine> {
    let sound = FidoToken::sound(&maker());
    let p256 = SubjectKey::derived("fido");
    let old = FidoToken { firmware: None, key: p256.clone(), ..FidoToken::sound(&namesake()) };
    [
        ("sound", None, sound.clone()),
        ("p256", None, FidoToken { key: p256, application: "ssh:office".to_owned(), ..sound.clone() }),
        ("old", None, old),
        (
            "more_extensions",
            None,
            FidoToken {
                extra_auth_extensions: vec![("minPinLength".to_owned(), 4)],
                key: SubjectKey::ed25519("more"),
                ..sound.clone()
            },
        ),
        (
            "touched_only",
            Some(Shortfall::UserNotVerified),
            FidoToken { key: SubjectKey::ed25519("touched"), ..FidoToken::touched_only(&maker()) },
        ),
        (
            "not_protected",
            Some(Shortfall::NotProtected),
            FidoToken { cred_protect: Some(2), key: SubjectKey::ed25519("not protected"), ..sound.clone() },
        ),
        (
            "untouched",
            Some(Shortfall::UserNotPresent),
            FidoToken { flags: 0xc4, key: SubjectKey::ed25519("untouched"), ..sound },
        ),
    ]
    .into_iter()
    .map(|(name, shortfall, token)| Genuine {
        name,
        key: token.public_line(&token.application),
        files: [token.attestation(), token.challenge],
        shortfall,
    })
    .collect()
}

/// Genuine evidence of PIV tokens, each with a serial number and key of its own, and of an OpenPGP card.
pub fn piv_tokens() -> Vec<Genuine> {
    let sound = PivToken::sound(&maker());
    let openpgp = OpenPgpStatement::sound(&maker());
    let tokens = [
        ("sound", None, sound.clone()),
        ("fips", None, PivToken { serial: Some(2), fips: true, pin: 3, slot: "9c".to_owned(), ..sound.clone() }),
        ("ed25519", None, PivToken { serial: Some(3), key: SubjectKey::ed25519("piv"), ..sound.clone() }),
        ("p384", None, PivToken { serial: Some(4), key: SubjectKey::p384(), ..sound.clone() }),
        ("rsa", None, PivToken { serial: Some(5), key: SubjectKey::rsa_2048(), ..sound.clone() }),
        (
            "first",
            None,
            PivToken {
                serial: None,
                firmware: Some([4, 2, 6]),
                form_factor: None,
                device_is_ca: None,
                device_path_length: None,
                ..sound.clone()
            },
        ),
        (
            "weak_rsa",
            Some(Shortfall::WeakRsa),
            PivToken { serial: Some(6), firmware: Some([4, 2, 6]), key: SubjectKey::rsa_2048(), ..sound.clone() },
        ),
        ("pin_never", Some(Shortfall::PinNever), PivToken { serial: Some(7), pin: 1, ..sound.clone() }),
        ("finger", Some(Shortfall::Finger), PivToken { serial: Some(8), pin: 5, ..sound }),
    ];
    let genuine = |name, key: &SubjectKey, slot, device, shortfall| Genuine {
        name,
        key: key.ssh_line(),
        files: [slot, device],
        shortfall,
    };
    tokens
        .into_iter()
        .map(|(name, shortfall, token)| {
            genuine(name, &token.key, token.slot_certificate(), token.device_certificate(), shortfall)
        })
        .chain([genuine(
            "openpgp",
            &openpgp.key,
            openpgp.statement(),
            openpgp.device_certificate(),
            Some(Shortfall::OpenPgp),
        )])
        .collect()
}
