//! `tom evidence check`: what an attestation proves, before anything depends on it.

use crate::arguments::{EvidenceOptions, ProofKind};
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source::{read_bounded, text_of};
use crate::trust_anchors;
use libtom::proof::{Attested, Facts, Form, Refusal, Trust, fido, not_said, piv};
use libtom::public_key::{Fingerprint, PublicKey};
use serde::Serialize;
use std::path::Path;

/// Checks the evidence of one key.
pub(crate) fn run(options: &EvidenceOptions) -> Result<Exit, Failure> {
    let key = read_key(&options.public)?;
    let trust = trust_anchors::read()?;
    let outcome = match options.proof {
        ProofKind::Fido => check_fido(&key, options, &trust)?,
        ProofKind::Piv | ProofKind::Openpgp => check_certificates(&key, options, &trust)?,
    };
    let text = if options.json { Report::of(&outcome).line() } else { page(&key, &outcome, Paint::for_stdout()) };
    output::data(&text);
    Ok(if outcome.is_ok_and(|attested| attested.is_proven()) { Exit::Fine } else { Exit::Findings })
}

/// Reads the first line of a .pub file.
pub(crate) fn read_key(path: &Path) -> Result<PublicKey, Failure> {
    let text = text_of(path, read_bounded(path)?)?;
    PublicKey::parse(text.lines().next().unwrap_or_default()).map_err(|error| {
        Failure::not_checked(format!("{}: the public key {error}; name the .pub file", path.display()))
    })
}

fn check_fido(key: &PublicKey, options: &EvidenceOptions, trust: &Trust) -> Result<Result<Attested, Refusal>, Failure> {
    let attestation = read_bounded(needed(options.attestation.as_deref(), "--attestation")?)?;
    let challenge = read_bounded(needed(options.challenge.as_deref(), "--challenge")?)?;
    Ok(fido::verify(key, &attestation, &challenge, trust))
}

fn check_certificates(
    key: &PublicKey,
    options: &EvidenceOptions,
    trust: &Trust,
) -> Result<Result<Attested, Refusal>, Failure> {
    let slot = read_bounded(needed(options.slot.as_deref(), "--slot")?)?;
    let device = read_bounded(needed(options.device.as_deref(), "--device")?)?;
    Ok(piv::verify(key, &slot, &device, trust))
}

/// clap has demanded it already.
fn needed<'o>(file: Option<&'o Path>, name: &str) -> Result<&'o Path, Failure> {
    file.ok_or_else(|| Failure::not_checked(format!("{name} is missing")))
}

/// The answer for programs: one line of JSON. What the attestation does not say is null.
#[derive(Serialize)]
struct Report<'r> {
    proven: bool,
    reason: Option<&'static str>,
    explanation: Option<String>,
    form: Option<&'static str>,
    vendor: Option<&'r str>,
    model: Option<&'r str>,
    serial: Option<u64>,
    firmware: Option<String>,
    slot: Option<&'r str>,
    pin: Option<&'static str>,
    touch: Option<&'static str>,
    origin: Option<&'static str>,
    hardware: Option<bool>,
    fips: Option<bool>,
    not_said: Option<&'static str>,
}

impl<'r> Report<'r> {
    fn of(outcome: &'r Result<Attested, Refusal>) -> Self {
        let attested = outcome.as_ref().ok();
        let facts = attested.map(|attested| &attested.facts);
        let shortfall = attested.and_then(|attested| attested.shortfall);
        let refusal = outcome.as_ref().err();
        Self {
            proven: attested.is_some_and(Attested::is_proven),
            reason: shortfall.map(|shortfall| shortfall.name()).or_else(|| refusal.map(Refusal::name)),
            explanation: shortfall.map(|shortfall| shortfall.to_string()).or_else(|| refusal.map(ToString::to_string)),
            form: facts.map(|facts| facts.form.name()),
            vendor: facts.map(|facts| facts.vendor.as_str()),
            model: facts.and_then(|facts| facts.model.as_deref()),
            serial: facts.and_then(|facts| facts.serial),
            firmware: facts.and_then(|facts| facts.firmware).map(|firmware| firmware.to_string()),
            slot: facts.and_then(|facts| facts.slot.as_deref()),
            pin: facts.and_then(|facts| facts.pin).map(|pin| pin.name()),
            touch: facts.and_then(|facts| facts.touch).map(|touch| touch.name()),
            origin: facts.and_then(|facts| facts.origin).map(|origin| origin.name()),
            // A maker vouches for hardware; of evidence that is refused nothing is known.
            hardware: facts.map(|_| true),
            fips: facts.and_then(|facts| facts.fips),
            not_said: facts.map(|facts| not_said(facts.form)),
        }
    }

    fn line(&self) -> String {
        // Only maps with keys that are no text cannot be written.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

fn page(key: &PublicKey, outcome: &Result<Attested, Refusal>, paint: Paint) -> String {
    let head = format!("{} {}\n\n", key.key_type().name(), Fingerprint::of(key.blob()));
    match outcome {
        Ok(attested) => {
            let verdict = match attested.shortfall {
                None => paint.green("PROVEN: the key lives in a token that asks for its PIN"),
                Some(shortfall) => format!("{}: {shortfall}", paint.red("NOT PROVEN, though genuine")),
            };
            format!("{head}{}\n{verdict}\n", facts_in_words(&attested.facts, paint))
        }
        Err(refusal) => format!("{head}{}: {refusal}\n", paint.red("REFUSED")),
    }
}

/// What is attested and what is not, a line each.
pub(crate) fn facts_in_words(facts: &Facts, paint: Paint) -> String {
    let unknown = || paint.dim("not attested");
    let pin = match (facts.form, facts.pin) {
        (Form::Fido, Some(_)) => "asked for each signature (credProtect 3)".to_owned(),
        (_, Some(pin)) => pin.name().to_owned(),
        (_, None) => unknown(),
    };
    let yes_no = |yes: bool| if yes { "yes".to_owned() } else { "no".to_owned() };
    let origin = facts.origin.map_or_else(unknown, |origin| match origin {
        libtom::proof::Origin::Generated => "on the token".to_owned(),
        libtom::proof::Origin::Imported => paint.red("elsewhere, and imported"),
    });
    let rows = [
        ("maker", facts.vendor.clone()),
        ("model", facts.model.clone().unwrap_or_else(unknown)),
        ("serial", facts.serial.map_or_else(unknown, |serial| serial.to_string())),
        ("firmware", facts.firmware.map_or_else(unknown, |firmware| firmware.to_string())),
        ("slot", facts.slot.clone().unwrap_or_else(|| "-".to_owned())),
        ("PIN", pin),
        ("touch", facts.touch.map_or_else(unknown, |touch| touch.name().to_owned())),
        ("key made", origin),
        ("FIPS", facts.fips.map_or_else(unknown, yes_no)),
        ("never said", not_said(facts.form).to_owned()),
    ];
    let rows = rows.into_iter().filter(|(_, value)| value != "-");
    output::table(&rows.map(|(name, value)| vec![format!("  {name}"), value]).collect::<Vec<_>>())
}
