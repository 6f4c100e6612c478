//! `tom policy check`: everything wrong with a policy, its evidence, its own tests.

use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source::{self, CANDIDATE};
use libtom::expectation::unmet;
use libtom::host_policy::HostFacts;
use libtom::moment::Moment;
use libtom::policy::{Policy, warnings};
use std::path::Path;
use tom_host::clock;

/// Checks a file, or the candidate.
pub(crate) fn run(file: Option<&Path>) -> Result<Exit, Failure> {
    let file = file.unwrap_or(Path::new(CANDIDATE));
    let policy = policy_source::read(Some(file))?;
    let now = Moment::from_unix(clock::now());
    let evidence = file.parent().unwrap_or(Path::new("")).join("evidence");
    let (_, missing) =
        policy_source::evidence_of(&policy, |name| policy_source::read_bounded(&evidence.join(name)).ok());
    for name in missing {
        output::message(&format!("warning: the evidence file {} cannot be read", evidence.join(name).display()));
    }
    for warning in warnings(&policy, now) {
        output::message(&format!("warning: {warning}"));
    }
    let host = policy_source::this_host()?;
    let unmet = unmet(&policy, HostFacts { id: &host.id, console: host.console }, now);
    for expectation in &unmet {
        output::place(&format!("{}:{expectation}", file.display()));
    }
    let paint = Paint::for_stdout();
    let (verdict, exit) = match unmet.len() {
        0 => (paint.green("sound"), Exit::Fine),
        1 => (paint.red("1 expectation does not hold"), Exit::Findings),
        n => (paint.red(&format!("{n} expectations do not hold")), Exit::Findings),
    };
    output::data(&format!("{}: {verdict}; {}\n", file.display(), summary(&policy)));
    Ok(exit)
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
