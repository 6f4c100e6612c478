//! `tom policy check`: everything wrong with a policy, its evidence, its own tests.

use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source::{self, CANDIDATE, PolicyRead};
use libtom::expectation::unmet;
use libtom::host_policy::HostFacts;
use libtom::moment::Moment;
use libtom::policy::{Assurance, PinStanding, Policy, warnings};
use std::path::Path;
use tom_host::clock;

/// Checks a file, or the candidate.
pub(crate) fn run(file: Option<&Path>) -> Result<Exit, Failure> {
    let file = file.unwrap_or(Path::new(CANDIDATE));
    let read = policy_source::read(Some(file))?;
    let disproved = tell_of_evidence(file, &read);
    let PolicyRead { policy, .. } = read;
    let now = Moment::from_unix(clock::now());
    for warning in warnings(&policy, now) {
        output::message(&format!("warning: {warning}"));
    }
    let host = policy_source::this_host()?;
    let unmet = unmet(&policy, HostFacts { id: &host.id, console: host.console }, now);
    for expectation in &unmet {
        output::place(&format!("{}:{expectation}", file.display()));
    }
    let paint = Paint::for_stdout();
    let (verdict, exit) = match (unmet.len(), disproved) {
        (0, 0) => (paint.green("sound"), Exit::Fine),
        (0, n) => (paint.red(&format!("{n} of the keys' evidence proves nothing")), Exit::Findings),
        (1, _) => (paint.red("1 expectation does not hold"), Exit::Findings),
        (n, _) => (paint.red(&format!("{n} expectations do not hold")), Exit::Findings),
    };
    let shown = output::plain(&file.display().to_string());
    output::data(&format!("{shown}: {verdict}; {}\n", summary(&policy)));
    Ok(exit)
}

/// Tells what is wrong with the evidence, key by key; answers how many keys have evidence that should prove
/// something and does not. Under `assurance = "declared"` nothing depends on it, and all of it is a warning.
pub(crate) fn tell_of_evidence(file: &Path, read: &PolicyRead) -> usize {
    let mut disproved = 0_usize;
    let policy = &read.policy;
    for key in policy.keys.iter().filter(|key| key.evidence.is_some()) {
        let Some(assessment) = read.assessments.of(key.public.blob()) else { continue };
        let place = format!("{}:{}: {}", file.display(), key.position, policy_source::name_of(policy, key));
        let told = match (&assessment.reason, key.pin) {
            (Some(reason), _) => {
                let counts = assessment.is_disproved && policy.assurance == Assurance::Attested;
                disproved = disproved.saturating_add(usize::from(counts));
                format!("{reason}: {}", assessment.sentence)
            }
            (None, PinStanding::FirmwareTooOld) => {
                let firmware = assessment.facts.as_ref().and_then(|facts| facts.firmware);
                let found = firmware.map_or_else(|| "unknown".to_owned(), |firmware| firmware.to_string());
                let minimum = policy.minimum_firmware.map_or_else(String::new, |minimum| minimum.to_string());
                format!("firmware-too-old: its firmware is {found}, and the policy takes {minimum} or newer")
            }
            (None, _) => continue,
        };
        output::place(&format!("{place}: warning: {told}"));
    }
    disproved
}

fn summary(policy: &Policy) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!(
        "serial {}, {}, {}, {}, {}, {}",
        policy.serial,
        counted(policy.persons.len(), "person"),
        counted(policy.keys.len(), "key"),
        counted(policy.grants.len(), "grant"),
        counted(policy.machines.len(), "machine"),
        counted(policy.expectations.len(), "expectation"),
    )
}
