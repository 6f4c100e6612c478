//! Where a command reads a policy: a file of the caller's choice, or the active policy.

use crate::exit::Failure;
use crate::output;
use crate::trust_anchors;
use libtom::host_policy::stored;
use libtom::policy::{self, Key, Policy};
use libtom::proof::{self, Assessments, Trust};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, LARGEST_POLICY, PROOF, RESOLVED, SOURCE};
use tom_host::host_identity;

/// The candidate.
pub(crate) const CANDIDATE: &str = "/etc/tom/policy.toml";
/// Evidence named in the candidate.
pub(crate) const CANDIDATE_EVIDENCE: &str = "/etc/tom/evidence";

/// Contents of evidence files, by the name that the policy calls them.
pub(crate) type EvidenceFiles = BTreeMap<String, Vec<u8>>;

/// A policy with what its evidence proves: its keys stand by that.
#[derive(Debug)]
pub(crate) struct PolicyRead {
    pub(crate) policy: Policy,
    pub(crate) assessments: Assessments,
}

/// Reads a policy for a command that changes nothing: the file, with its evidence verified; else the active
/// policy's text, with what was proven when it was applied.
pub(crate) fn read(file: Option<&Path>) -> Result<PolicyRead, Failure> {
    let Some(file) = file else { return read_active() };
    let text = text_of(file, read_bounded(file)?)?;
    let policy = parse(file, &text)?;
    let directory = file.parent().unwrap_or(Path::new("")).join("evidence");
    let evidence = evidence_in(&directory, &policy)?;
    check_challenges(file, &policy, &evidence)?;
    Ok(assessed(policy, &evidence, &trust_anchors::read()?))
}

/// Lets the keys of a policy stand as their evidence says.
pub(crate) fn assessed(mut policy: Policy, evidence: &EvidenceFiles, trust: &Trust) -> PolicyRead {
    let assessments = proof::assess(&policy, |name| evidence.get(name).cloned(), trust);
    assessments.settle(&mut policy);
    PolicyRead { policy, assessments }
}

fn read_active() -> Result<PolicyRead, Failure> {
    let path = Path::new(ACTIVE_DIRECTORY).join(SOURCE);
    let bytes = active_policy::read_from_active(SOURCE).map_err(|error| {
        Failure::not_checked(format!(
            "the active policy cannot be read: {error}; name a file with --policy FILE, or run as root"
        ))
    })?;
    let text = text_of(&path, bytes)?;
    let mut policy = parse(&path, &text)?;
    // Without it, as with a policy of an earlier version, nothing was proven when it was applied.
    let proofs = active_policy::read_from_active(PROOF).ok();
    let assessments = proofs.and_then(|bytes| proof::read_stored(&bytes)).unwrap_or_default();
    assessments.settle(&mut policy);
    stand_as_in_logins(&mut policy, text.as_bytes());
    Ok(PolicyRead { policy, assessments })
}

/// Keys stand as logins read it. Text and proofs are beside that for people, and may have been lost, damaged or
/// exchanged since: that is told, and not believed.
fn stand_as_in_logins(policy: &mut Policy, text: &[u8]) {
    let read = active_policy::read_from_active(RESOLVED).map_err(|error| error.to_string());
    let decoded = read.as_ref().map_err(Clone::clone).and_then(|bytes| {
        stored::decode(bytes).map_err(|error| format!("{ACTIVE_DIRECTORY}/{RESOLVED} is damaged: {error}"))
    });
    let (logins, made_from) = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return output::message(&format!("warning: logins do not go by this policy: {error}")),
    };
    if made_from != stored::digest(text) {
        output::message(&format!(
            "warning: {ACTIVE_DIRECTORY}/{SOURCE} is not the text that logins go by; 'tom apply' puts it in order"
        ));
    }
    let mut differ = false;
    for key in &mut policy.keys {
        if let Some(standing) = logins.standing_of(key.public.blob()).filter(|standing| *standing != key.pin) {
            key.pin = standing;
            differ = true;
        }
    }
    if differ {
        output::message(&format!(
            "warning: {ACTIVE_DIRECTORY}/{PROOF} does not fit what logins go by, which counts; 'tom apply' puts it in order"
        ));
    }
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
pub(crate) fn check_challenges(path: &Path, policy: &Policy, evidence: &EvidenceFiles) -> Result<(), Failure> {
    let mut seen: BTreeMap<&[u8], String> = BTreeMap::new();
    let mut messages = Vec::new();
    for key in &policy.keys {
        let Some(policy::Evidence::Fido { challenge, .. }) = &key.evidence else { continue };
        let Some(bytes) = evidence.get(challenge) else { continue };
        let name = name_of(policy, key);
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

/// Whose key, and which, for people.
pub(crate) fn name_of(policy: &Policy, key: &Key) -> String {
    let holder = policy.persons.get(key.person).map_or("?", |person| person.id.as_str());
    format!("{holder}'s key '{}'", key.label)
}

/// The id of this host.
pub(crate) fn this_host() -> Result<host_identity::HostIdentity, Failure> {
    host_identity::read().map_err(|error| Failure::not_checked(error.to_string()))
}

/// The evidence files that a policy names; those that are not there are left out. One that is there and cannot be
/// read, be it for want of rights, is no evidence against a key: where something depends on it nothing is said.
fn evidence_in(directory: &Path, policy: &Policy) -> Result<EvidenceFiles, Failure> {
    let mut files = EvidenceFiles::new();
    for name in policy.keys.iter().flat_map(|key| key.evidence.iter().flat_map(|evidence| evidence.files())) {
        match read_evidence_file(&directory.join(name)) {
            Ok(Some(content)) => {
                files.insert(name.to_owned(), content);
            }
            Err(failure) if policy.assurance == policy::Assurance::Attested => return Err(failure),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(files)
}

fn read_evidence_file(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match path.metadata() {
        // A FIFO would be waited for.
        Ok(found) if found.is_file() => read_bounded(path).map(Some),
        Ok(_) => Err(Failure::not_checked(format!("{}: this is no regular file", path.display()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::not_checked(format!("{}: {error}", path.display()))),
    }
}
