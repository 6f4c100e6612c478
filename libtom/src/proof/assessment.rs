//! The evidence of all keys of a policy, verified: what each proves, and how the key stands by that.
//!
//! `tom policy check` and `tom apply` do this. What came out is stored beside the active policy, and nothing is
//! verified while a login is decided: a changed trust anchor or clock locks nobody out.

use super::challenge::EnrolmentChallenge;
use super::facts::{Attested, Facts, Form, Refusal, Shortfall};
use super::trust::{AnchorDigest, Trust};
use super::{fido, piv};
use crate::policy::{Assurance, Evidence, Firmware, Key, PinStanding, Policy, Proof};
use crate::public_key::KeyType;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// What the evidence of one key proves.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Assessment {
    /// The key, in wire form.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// Why nothing is proven, as a word; nothing where a PIN is proven.
    #[n(1)]
    pub reason: Option<String>,
    /// The same for people.
    #[n(2)]
    pub sentence: String,
    /// What the maker attests, where the evidence is genuine.
    #[n(3)]
    pub facts: Option<Facts>,
    /// The trust anchor that it rests on.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub anchor: Option<AnchorDigest>,
    /// Was evidence there, and did not prove? That is worth more than a warning.
    #[n(5)]
    pub is_disproved: bool,
}

impl Assessment {
    /// Is it proven that the key lives in a token that asks for its PIN?
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.reason.is_none() && self.facts.is_some() && self.anchor.is_some()
    }

    fn without(key: &Key, reason: &str, sentence: String) -> Self {
        Self {
            key: key.public.blob().to_vec(),
            reason: Some(reason.to_string()),
            sentence,
            facts: None,
            anchor: None,
            is_disproved: false,
        }
    }

    fn of(key: &Key, outcome: Result<Attested, Refusal>) -> Self {
        let blob = key.public.blob().to_vec();
        match outcome {
            Ok(Attested { facts, shortfall, anchor }) => Self {
                key: blob,
                reason: shortfall.map(|shortfall| shortfall.name().to_string()),
                sentence: shortfall.map_or_else(|| in_words(&facts), |shortfall| shortfall.to_string()),
                facts: Some(facts),
                anchor: Some(anchor),
                is_disproved: shortfall.is_some(),
            },
            Err(refusal) => Self { is_disproved: true, ..Self::without(key, refusal.name(), refusal.to_string()) },
        }
    }

    /// How the key stands by this.
    fn standing(&self, key: &Key, minimum: Option<Firmware>) -> PinStanding {
        if self.reason.as_deref() == Some(Shortfall::WeakRsa.name()) {
            return PinStanding::FirmwareTooOld;
        }
        if !self.is_proven() {
            return PinStanding::NotProven;
        }
        let firmware = self.facts.as_ref().and_then(|facts| facts.firmware);
        match minimum {
            Some(minimum) if is_measured(key) && firmware.is_none_or(|firmware| firmware < minimum) => {
                PinStanding::FirmwareTooOld
            }
            _ => PinStanding::Proven,
        }
    }
}

/// Does `minimum-firmware` concern the key? ECDSA of older YubiKeys can be computed by whoever has the token
/// (EUCLEAK, Yubico YSA-2024-03). With FIDO the attestation itself is ECDSA, whatever the key; with PIV it is
/// the key alone.
fn is_measured(key: &Key) -> bool {
    key.proof == Proof::Fido
        || matches!(key.public.key_type(), KeyType::EcdsaP256 | KeyType::EcdsaP384 | KeyType::EcdsaP521)
}

/// All assessments of a policy, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessments(Vec<Assessment>);

impl Assessments {
    /// What the evidence of this key proves.
    #[must_use]
    pub fn of(&self, blob: &[u8]) -> Option<&Assessment> {
        let found = self.0.binary_search_by(|assessment| assessment.key.as_slice().cmp(blob));
        found.ok().and_then(|index| self.0.get(index))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Assessment> {
        self.0.iter()
    }

    /// Lets each key stand as its evidence says. Under `assurance = "declared"` nothing changes: the operator's
    /// word counts.
    pub fn settle(&self, policy: &mut Policy) {
        if policy.assurance == Assurance::Declared {
            return;
        }
        let minimum = policy.minimum_firmware;
        for key in policy.keys.iter_mut().filter(|key| key.proof != Proof::None) {
            key.pin = self
                .of(key.public.blob())
                .map_or(PinStanding::NotProven, |assessment| assessment.standing(key, minimum));
        }
    }
}

/// Verifies the evidence of all keys; `read` gives the content of an evidence file, or nothing.
#[must_use]
pub fn assess(policy: &Policy, read: impl Fn(&str) -> Option<Vec<u8>>, trust: &Trust) -> Assessments {
    let keys = policy.keys.iter().filter(|key| key.proof != Proof::None);
    let mut all: Vec<Assessment> = keys.map(|key| assess_key(policy, key, &read, trust)).collect();
    all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Assessments(all)
}

fn assess_key(policy: &Policy, key: &Key, read: &impl Fn(&str) -> Option<Vec<u8>>, trust: &Trust) -> Assessment {
    let Some(evidence) = &key.evidence else {
        return Assessment::without(key, "no-evidence", "the policy names no evidence for it".to_string());
    };
    let [first_name, second_name] = evidence.files();
    let (first, second) = match (read(first_name), read(second_name)) {
        (Some(first), Some(second)) => (first, second),
        (first, _) => {
            let missing = if first.is_none() { first_name } else { second_name };
            return Assessment::without(
                key,
                "evidence-missing",
                format!("the evidence file '{missing}' cannot be read"),
            );
        }
    };
    let outcome = match evidence {
        Evidence::Fido { .. } => {
            made_for(policy, key, &second).and_then(|()| fido::verify(&key.public, &first, &second, trust))
        }
        Evidence::Piv { .. } => piv::verify(&key.public, &first, &second, trust),
    };
    Assessment::of(key, outcome)
}

/// A challenge of `tom enroll` names the person and label of the key.
fn made_for(policy: &Policy, key: &Key, challenge: &[u8]) -> Result<(), Refusal> {
    let Some(made) = EnrolmentChallenge::read(challenge) else { return Ok(()) };
    let person = policy.persons.get(key.person).map_or("", |person| person.id.as_str());
    match made {
        Some(made) if made.person == person && made.label == key.label => Ok(()),
        Some(made) => {
            Err(Refusal::ChallengeOfAnother(format!("the key '{}' of '{}'", shown(made.label), shown(made.person))))
        }
        None => Err(Refusal::ChallengeOfAnother("nobody that could be read".to_string())),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(64).map(|c| if crate::policy::is_invisible(c) { '?' } else { c }).collect()
}

/// Facts as one line: `YubiKey 5 NFC, firmware 5.7.4, serial 123, PIN always, touch cached`.
fn in_words(facts: &Facts) -> String {
    let mut parts = Vec::new();
    parts.push(facts.model.clone().unwrap_or_else(|| format!("a token of {}", facts.vendor)));
    parts.extend(facts.firmware.map(|firmware| format!("firmware {firmware}")));
    parts.extend(facts.serial.map(|serial| format!("serial {serial}")));
    parts.extend(facts.slot.as_ref().map(|slot| format!("slot {slot}")));
    match facts.form {
        Form::Fido => parts.push("PIN for each signature".to_string()),
        Form::Piv | Form::OpenPgp => parts.extend(facts.pin.map(|pin| format!("PIN {}", pin.name()))),
    }
    parts.extend(facts.touch.map(|touch| format!("touch {}", touch.name())));
    parts.join(", ")
}

const MAGIC: &[u8] = b"tom proof 1\n";

/// The stored form, beside the active policy: `"tom proof 1\n" | CRC-32 of the rest, 4 bytes | CBOR`. The checksum is
/// needed: what is not there is proven, so a damaged reason must not pass for none.
#[must_use]
pub fn store(assessments: &Assessments) -> Vec<u8> {
    let mut content = Vec::new();
    // Writing into a Vec cannot fail.
    let _ = minicbor::encode(&assessments.0, &mut content);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&crc32fast::hash(&content).to_be_bytes());
    bytes.append(&mut content);
    bytes
}

/// Reads the stored form; nothing if it is none.
#[must_use]
pub fn read_stored(bytes: &[u8]) -> Option<Assessments> {
    let (checksum, content) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let mut all: Vec<Assessment> = minicbor::decode(content).ok()?;
    all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Some(Assessments(all))
}
