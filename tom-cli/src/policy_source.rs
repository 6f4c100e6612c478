//! Where a command reads a policy: a file of the caller's choice, or the active policy.

use crate::exit::Failure;
use libtom::policy::{self, Policy};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, LARGEST_POLICY, SOURCE};
use tom_host::host_identity;

/// The candidate.
pub(crate) const CANDIDATE: &str = "/etc/tom/policy.toml";
/// Evidence named in the candidate.
pub(crate) const CANDIDATE_EVIDENCE: &str = "/etc/tom/evidence";

/// Reads a policy for a command that changes nothing: the file, else the active policy's text.
pub(crate) fn read(file: Option<&Path>) -> Result<Policy, Failure> {
    match file {
        Some(file) => {
            let text = text_of(file, read_bounded(file)?)?;
            let policy = parse(file, &text)?;
            let evidence = file.parent().unwrap_or(Path::new("")).join("evidence");
            check_challenges(file, &policy, |name| read_bounded(&evidence.join(name)).ok())?;
            Ok(policy)
        }
        None => read_active(),
    }
}

fn read_active() -> Result<Policy, Failure> {
    let path = Path::new(ACTIVE_DIRECTORY).join(SOURCE);
    let bytes = active_policy::read_from_active(SOURCE).map_err(|error| {
        Failure::not_checked(format!(
            "the active policy cannot be read: {error}; name a file with --policy FILE, or run as root"
        ))
    })?;
    let text = text_of(&path, bytes)?;
    parse(&path, &text)
}

/// Turns text into a policy; all problems are told, each with its place.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Policy, Failure> {
    policy::parse(text).map_err(|problems| {
        let shown = path.display();
        let mut messages: Vec<String> = problems.iter().map(|problem| format!("{shown}:{problem}")).collect();
        messages.push(match problems.len() {
            1 => "1 problem: the policy is invalid".to_owned(),
            n => format!("{n} problems: the policy is invalid"),
        });
        Failure::invalid(messages)
    })
}

/// Bytes that must be text.
pub(crate) fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count().saturating_add(1);
        Failure::invalid(vec![format!("{}:{line}:1: this is not UTF-8; save the file as UTF-8", path.display())])
    })
}

/// Reads a file of the caller's, of any owner, up to the size that a policy may have.
pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::not_checked(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_POLICY.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LARGEST_POLICY {
        return Err(Failure::not_checked(format!("{}: larger than {LARGEST_POLICY} bytes", path.display())));
    }
    Ok(bytes)
}

/// A FIDO challenge, by its bytes, belongs to one key: a second use would let one attestation stand for
/// two enrolments. Files that are not there are told of elsewhere.
pub(crate) fn check_challenges(
    path: &Path,
    policy: &Policy,
    read: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<(), Failure> {
    let mut seen: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    let mut messages = Vec::new();
    for key in &policy.keys {
        let Some(policy::Evidence::Fido { challenge, .. }) = &key.evidence else { continue };
        let Some(bytes) = read(challenge) else { continue };
        let holder = policy.persons.get(key.person).map_or("?", |person| person.id.as_str());
        let name = format!("{holder}'s key '{}'", key.label);
        if let Some(other) = seen.insert(bytes, name.clone()) {
            messages.push(format!(
                "{}:{}: {name} and {other} have the same FIDO challenge; enrol one of them again, with a challenge of its own",
                path.display(),
                key.position
            ));
        }
    }
    if messages.is_empty() { Ok(()) } else { Err(Failure::invalid(messages)) }
}

/// The id of this host.
pub(crate) fn this_host() -> Result<host_identity::HostIdentity, Failure> {
    host_identity::read().map_err(|error| Failure::not_checked(error.to_string()))
}

/// The evidence files that a policy names, as far as they can be read; and the names of those that cannot.
pub(crate) fn evidence_of(
    policy: &Policy,
    read: impl Fn(&Path) -> Option<Vec<u8>>,
) -> (Vec<(String, Vec<u8>)>, Vec<String>) {
    let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
    for key in &policy.keys {
        for name in key.evidence.iter().flat_map(|evidence| evidence.files()) {
            match read(&PathBuf::from(name)) {
                Some(content) => {
                    found.insert(name.to_owned(), content);
                }
                None => missing.push(name.to_owned()),
            }
        }
    }
    (found.into_iter().collect(), missing)
}
