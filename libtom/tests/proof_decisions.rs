//! From evidence to a login: what `assess` finds in the evidence of a small policy, how `settle` lets the keys stand
//! by it, and what `decide` answers then.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use libtom::decision::{Groups, Key, Origin, Phase, Request, decide};
use libtom::host_policy::{ConsoleRule, HostFacts, HostPolicy};
use libtom::moment::Moment;
use libtom::policy::{PinStanding, Policy, parse};
use libtom::proof::{Assessments, Attested, EnrolmentChallenge, Refusal, Trust, assess, fido, piv, read_stored, store};
use libtom::public_key::PublicKey;
use proptest::prelude::*;
use simulated_token_maker::{FidoToken, Maker, PivToken, SubjectKey, pem};
use std::collections::BTreeMap;
use std::sync::LazyLock;

fn maker() -> Maker {
    Maker::named("decisions")
}

fn trust() -> Trust {
    let mut trust = Trust::nobody();
    trust.add_file("piv.pem", format!("# purpose: piv\n{}", maker().piv_root_pem()).as_bytes()).unwrap();
    trust.add_file("fido.pem", format!("# purpose: fido\n{}", maker().fido_root_pem()).as_bytes()).unwrap();
    trust
}

/// A policy with one person and one key, and the files of its evidence.
#[derive(Clone)]
struct Case {
    token_section: &'static str,
    proof: &'static str,
    public: String,
    evidence: &'static str,
    files: BTreeMap<&'static str, Vec<u8>>,
}

const FIDO_FILES: &str = r#"evidence = { attestation = "anna.attest", challenge = "anna.challenge" }"#;
const PIV_FILES: &str = r#"evidence = { slot = "anna-9a.pem", device = "anna-f9.pem" }"#;

fn of_fido(token: &FidoToken) -> Case {
    let files = [("anna.attest", token.attestation()), ("anna.challenge", token.challenge.clone())];
    Case {
        token_section: "",
        proof: "fido",
        public: token.public_line(&token.application),
        evidence: FIDO_FILES,
        files: files.into(),
    }
}

fn of_piv(token: &PivToken) -> Case {
    let files = [("anna-9a.pem", token.slot_certificate()), ("anna-f9.pem", token.device_certificate())];
    let files = files.map(|(name, der)| (name, pem(&der).into_bytes()));
    Case { token_section: "", proof: "piv", public: token.key.ssh_line(), evidence: PIV_FILES, files: files.into() }
}

fn fido_token() -> FidoToken {
    FidoToken::sound(&maker())
}

fn piv_token() -> PivToken {
    PivToken::sound(&maker())
}

const MINIMUM: &str = "minimum-firmware = \"5.7\"";
const DECLARED: &str = "assurance = \"declared\"";

impl Case {
    fn policy(&self) -> Policy {
        let Self { token_section, proof, public, evidence, .. } = self;
        let text = format!(
            r#"
schema = 1
serial = 1
operator = "Example Hosting GmbH"
expires = 2027-02-28T00:00:00Z
[token]
{token_section}
[networks]
office = ["203.0.113.0/28"]
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"
[[key]]
person = "anna"
label = "blue"
public = "{public}"
proof = "{proof}"
{evidence}
[[grant]]
id = "admins"
persons = ["anna"]
accounts = ["root"]
hosts = ["*"]
services = ["sshd"]
from = ["office"]
"#
        );
        parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn assess(&self, policy: &Policy) -> Assessments {
        assess(policy, |name| self.files.get(name).cloned(), &trust())
    }

    /// Reason of the assessment, standing of the key, and what a login is answered.
    fn outcome(&self) -> (Option<String>, PinStanding, &'static str) {
        let mut policy = self.policy();
        let assessments = self.assess(&policy);
        assert_eq!(read_stored(&store(&assessments)).as_ref(), Some(&assessments), "what was stored is read again");
        assert_eq!(assessments.iter().count(), 1);
        let assessment = assessments.of(policy.keys[0].public.blob()).unwrap();
        assert!(!assessment.sentence.is_empty() && !assessment.sentence.chars().any(char::is_control));
        let reason = assessment.reason.clone();
        assert_eq!(assessment.is_proven(), reason.is_none());
        assessments.settle(&mut policy);
        (reason, policy.keys[0].pin, self.login(&policy))
    }

    fn login(&self, policy: &Policy) -> &'static str {
        let resolved = HostPolicy::resolve(policy, HostFacts { id: "web1", console: ConsoleRule::Token });
        let at = Moment::parse("2026-11-23T10:00:00Z").unwrap();
        let request = Request {
            account: Some("root"),
            groups: Groups::Known(&[]),
            origin: Origin::parse("203.0.113.5"),
            key: Key::parse(&self.public),
            ..Request::new(Phase::Session, "sshd", at)
        };
        match decide(&resolved, &request).answer().reason {
            "granted" => "granted",
            "pin-not-proven" => "pin-not-proven",
            "firmware-too-old" => "firmware-too-old",
            other => panic!("{other}"),
        }
    }

    #[track_caller]
    fn is_granted(&self) {
        assert_eq!(self.outcome(), (None, PinStanding::Proven, "granted"));
    }

    #[track_caller]
    fn is_not_proven(&self, reason: &str) {
        assert_eq!(self.outcome(), (Some(reason.to_owned()), PinStanding::NotProven, "pin-not-proven"));
    }

    /// The token is what it should be, but too old.
    #[track_caller]
    fn is_too_old(&self) {
        assert_eq!(self.outcome(), (None, PinStanding::FirmwareTooOld, "firmware-too-old"));
    }

    fn with(mut self, token_section: &'static str) -> Self {
        self.token_section = token_section;
        self
    }
}

#[test]
fn sound_tokens_log_in() {
    of_fido(&fido_token()).is_granted();
    of_piv(&piv_token()).is_granted();
    of_fido(&FidoToken { key: SubjectKey::derived("fido"), ..fido_token() }).is_granted();
}

#[test]
fn nothing_counts_before_it_was_settled() {
    let case = of_fido(&fido_token());
    assert_eq!(case.login(&case.policy()), "pin-not-proven");
    let mut policy = case.policy();
    Assessments::default().settle(&mut policy);
    assert_eq!(case.login(&policy), "pin-not-proven");
    // What was proven once is taken back when it is no longer.
    case.assess(&policy).settle(&mut policy);
    assert_eq!(case.login(&policy), "granted");
    Assessments::default().settle(&mut policy);
    assert_eq!(case.login(&policy), "pin-not-proven");
}

#[test]
fn case_26_evidence_that_proves_nothing() {
    of_piv(&PivToken { pin: 1, ..piv_token() }).is_not_proven("pin-never");
    of_piv(&PivToken { pin: 4, ..piv_token() }).is_not_proven("finger-instead-of-pin");
    of_fido(&FidoToken::touched_only(&maker())).is_not_proven("user-not-verified");
    of_fido(&FidoToken { cred_protect: Some(2), ..fido_token() }).is_not_proven("cred-protect-missing");
    of_piv(&PivToken::sound(&Maker::named("a stranger"))).is_not_proven("issuer-unknown");
    of_fido(&FidoToken::sound(&Maker::named("a stranger"))).is_not_proven("issuer-unknown");
    let imported = Case { public: SubjectKey::ed25519("a file").ssh_line(), ..of_piv(&piv_token()) };
    imported.is_not_proven("other-key");
}

#[test]
fn the_operators_word_counts_where_the_policy_says_so() {
    for case in [of_piv(&PivToken { pin: 1, ..piv_token() }), of_fido(&FidoToken::touched_only(&maker()))] {
        let (reason, standing, answer) = case.with(DECLARED).outcome();
        assert!(reason.is_some(), "it is found all the same");
        assert_eq!((standing, answer), (PinStanding::Declared, "granted"));
    }
}

#[test]
fn evidence_that_is_not_there() {
    for case in [of_fido(&fido_token()), of_piv(&piv_token())] {
        for name in case.files.keys() {
            let mut case = case.clone();
            case.files.remove(name);
            case.is_not_proven("evidence-missing");
            let policy = case.policy();
            let assessments = case.assess(&policy);
            let assessment = assessments.iter().next().unwrap();
            assert!(assessment.sentence.contains(name), "{}", assessment.sentence);
            assert!(!assessment.is_disproved, "what is not there disproves nothing");
        }
        Case { evidence: "", ..case }.is_not_proven("no-evidence");
    }
}

#[test]
fn case_26_minimum_firmware_of_fido_concerns_all_algorithms() {
    for key in [SubjectKey::ed25519("fido"), SubjectKey::derived("fido")] {
        let with = |firmware| of_fido(&FidoToken { key: key.clone(), firmware, ..fido_token() });
        with(Some([5, 4, 3])).is_granted();
        with(Some([5, 4, 3])).with(MINIMUM).is_too_old();
        with(Some([5, 6, 255])).with(MINIMUM).is_too_old();
        with(None).with(MINIMUM).is_too_old();
        with(Some([5, 7, 0])).with(MINIMUM).is_granted();
        with(Some([6, 0, 0])).with(MINIMUM).is_granted();
    }
}

#[test]
fn case_26_minimum_firmware_of_piv_concerns_ecdsa_alone() {
    let with = |key: SubjectKey, firmware| of_piv(&PivToken { key, firmware, ..piv_token() }).with(MINIMUM);
    for ecdsa in [SubjectKey::derived("slot 9a"), SubjectKey::p384()] {
        with(ecdsa.clone(), Some([5, 4, 3])).is_too_old();
        with(ecdsa.clone(), None).is_too_old();
        with(ecdsa, Some([5, 7, 0])).is_granted();
    }
    with(SubjectKey::rsa_2048(), Some([5, 4, 3])).is_granted();
    with(SubjectKey::ed25519("piv"), Some([5, 4, 3])).is_granted();
}

#[test]
fn case_26_weak_rsa_is_taken_under_no_rule() {
    for firmware in [Some([4, 3, 4]), None] {
        let weak = of_piv(&PivToken { key: SubjectKey::rsa_2048(), firmware, ..piv_token() });
        for section in ["", MINIMUM, "minimum-firmware = \"4.0\""] {
            let outcome = weak.clone().with(section).outcome();
            let expected = (Some("weak-rsa".to_owned()), PinStanding::FirmwareTooOld, "firmware-too-old");
            assert_eq!(outcome, expected, "{section}");
        }
    }
}

#[test]
fn case_26_a_challenge_that_was_made_for_somebody_else() {
    let made = |person, label| {
        let challenge = EnrolmentChallenge { person, label }.text(Moment::from_unix(0), &[7; 32]).into_bytes();
        of_fido(&FidoToken { challenge, ..fido_token() })
    };
    made("anna", "blue").is_granted();
    made("bert", "blue").is_not_proven("challenge-of-another-key");
    made("anna", "red").is_not_proven("challenge-of-another-key");
    made("anna\nlabel: blue", "red").is_not_proven("challenge-of-another-key");
    let damaged = FidoToken { challenge: b"tom enrolment 1\nperson: anna\n".to_vec(), ..fido_token() };
    of_fido(&damaged).is_not_proven("challenge-of-another-key");
}

#[test]
fn what_is_stored_is_read_whole_or_not_at_all() {
    for case in [of_piv(&PivToken { pin: 1, ..piv_token() }), of_fido(&fido_token())] {
        let assessments = case.assess(&case.policy());
        let stored = store(&assessments);
        assert_eq!(read_stored(&stored), Some(assessments));
        for at in 0..stored.len() {
            assert_eq!(read_stored(&stored[..at]), None, "cut at {at}");
            // A flipped bit in the number of a field made "why it is not proven" one that nobody knows: proven.
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(read_stored(&changed), None, "byte {at}, bit {bit}");
            }
        }
        assert_eq!(read_stored(&[&stored[..], b"\0"].concat()), None);
    }
    assert_eq!(read_stored(&store(&Assessments::default())), Some(Assessments::default()));
}

/// Bytes of a sound one, changed, doubled and cut.
fn mutated(original: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4).prop_map(move |changes| {
        let mut bytes = original.clone();
        for (index, byte, what) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

fn public(line: &str) -> PublicKey {
    PublicKey::parse(line).unwrap()
}

/// Sound evidence, made once: signing takes its time.
struct Sound {
    trust: Trust,
    fido_key: PublicKey,
    attestation: Vec<u8>,
    challenge: Vec<u8>,
    authenticator_data: Vec<u8>,
    piv_key: PublicKey,
    slot: Vec<u8>,
    device: Vec<u8>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let (fido_token, piv_token) = (fido_token(), piv_token());
    Sound {
        trust: trust(),
        fido_key: public(&fido_token.public_line("ssh:")),
        attestation: fido_token.attestation(),
        authenticator_data: fido_token.auth_data(),
        challenge: fido_token.challenge,
        piv_key: public(&piv_token.key.ssh_line()),
        slot: piv_token.slot_certificate(),
        device: piv_token.device_certificate(),
    }
});

impl Sound {
    fn fido(&self, attestation: &[u8], challenge: &[u8]) -> Result<Attested, Refusal> {
        fido::verify(&self.fido_key, attestation, challenge, &self.trust)
    }

    fn piv(&self, slot: &[u8], device: &[u8]) -> Result<Attested, Refusal> {
        piv::verify(&self.piv_key, slot, device, &self.trust)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_refused(a: Vec<u8>, b: Vec<u8>) {
        let sound = &*SOUND;
        prop_assert!(sound.fido(&a, &b).is_err());
        prop_assert!(sound.fido(&sound.attestation, &b).is_err());
        prop_assert!(sound.piv(&a, &b).is_err());
        prop_assert!(sound.piv(&a, &sound.device).is_err());
        prop_assert!(sound.piv(&sound.slot, &b).is_err());
        prop_assert!(read_stored(&a).is_none());
        prop_assert!(Trust::nobody().add_file("x", &a).is_err());
    }

    #[test]
    fn any_mutation_of_a_sound_one_is_refused_or_says_the_same(
        attestation in mutated(SOUND.attestation.clone()),
        slot in mutated(SOUND.slot.clone()),
        device in mutated(SOUND.device.clone()),
        text in mutated(pem(&SOUND.slot).into_bytes()),
    ) {
        let sound = &*SOUND;
        let outcome = sound.fido(&attestation, &sound.challenge);
        prop_assert!(outcome.is_err() || outcome == sound.fido(&sound.attestation, &sound.challenge));
        for (slot, device) in [(&slot, &sound.device), (&sound.slot, &device), (&text, &sound.device)] {
            let outcome = sound.piv(slot, device);
            prop_assert!(outcome.is_err() || outcome == sound.piv(&sound.slot, &sound.device));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Signed by the token, and still no data of one.
    #[test]
    fn any_signed_bytes_are_refused(data: Vec<u8>, behind: Vec<u8>) {
        let sound = &*SOUND;
        let own = &sound.authenticator_data;
        for raw in [data, [&own[..55], &behind].concat(), [&own[..119], &behind].concat()] {
            let token = FidoToken { raw_auth_data: Some(raw), ..fido_token() };
            prop_assert!(sound.fido(&token.attestation(), &token.challenge).is_err());
        }
    }
}
