//! `tom apply`: the candidate becomes the active policy, or nothing changes.

use crate::arguments::ApplyOptions;
use crate::commands::check;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::policy_source::{self, CANDIDATE, CANDIDATE_EVIDENCE, EvidenceFiles, PolicyRead};
use crate::trust_anchors;
use libtom::decision::{Decision, Groups, Key, Phase, Request, decide};
use libtom::expectation::unmet;
use libtom::host_policy::{HostFacts, HostPolicy, stored};
use libtom::moment::Moment;
use libtom::policy::{Assurance, Policy, Service, warnings};
use libtom::proof;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use tom_host::active_policy::{self, LARGEST_POLICY, NewPolicy};
use tom_host::event::{Event, Field, Kind};
use tom_host::host_identity::HostIdentity;
use tom_host::trusted_file::{self, TrustError};
use tom_host::{accounts, clock, journal};

/// The user whom sshd runs tom-authorized-keys as; the active policy is readable by its group.
const READERS: &str = "_tom";

/// Checks the candidate and exchanges the active policy.
pub(crate) fn run(options: &ApplyOptions) -> Result<Exit, Failure> {
    let outcome = apply(options);
    if let Err(failure) = &outcome {
        let message = format!("the candidate policy was not applied: {}", failure.messages().join("; "));
        journal::record(&Event::new(Kind::ApplyRefused, &message));
    }
    outcome
}

fn apply(options: &ApplyOptions) -> Result<Exit, Failure> {
    let now = Moment::from_unix(clock::now());
    let readers = readers()?;
    let host = policy_source::this_host()?;
    let turn = active_policy::take_turn().map_err(|error| Failure::not_checked(error.to_string()))?;
    // The candidate: trusted, readable, sound.
    let source = trusted(Path::new(CANDIDATE))?;
    let text = policy_source::text_of(Path::new(CANDIDATE), source.clone())?;
    let policy = policy_source::parse(Path::new(CANDIDATE), &text)?;
    let evidence = read_evidence(&policy)?;
    policy_source::check_challenges(Path::new(CANDIDATE), &policy, &evidence)?;
    // What the evidence proves is settled here, and never while a login is decided.
    let trust = trust_anchors::read()?;
    let read = policy_source::assessed(policy, &evidence, &trust);
    check::tell_of_evidence(Path::new(CANDIDATE), &read);
    let PolicyRead { policy, assessments } = read;
    for warning in warnings(&policy, now) {
        output::message(&format!("warning: {warning}"));
    }
    // What it would do here.
    check_serial(&policy)?;
    let facts = HostFacts { id: &host.id, console: host.console };
    let unmet: Vec<String> = unmet(&policy, facts, now).iter().map(|unmet| format!("{CANDIDATE}:{unmet}")).collect();
    if !unmet.is_empty() {
        return Err(Failure::findings(unmet));
    }
    let revoked = active_policy::revoked().map_err(|error| {
        Failure::not_checked(format!("the list of revoked keys cannot be read: {error}; put it in order first"))
    })?;
    // What logins will read: encoded, and read back before anything depends on it.
    let digest = stored::digest(&source);
    let resolved = HostPolicy::resolve(&policy, facts).with_revoked(revoked);
    let bytes = stored::encode(&resolved, &digest, now);
    let fallback = stored::encode_fallback(&resolved, &digest, now);
    let unreadable = |error: stored::StoredError| {
        Failure::not_checked(format!("the policy cannot be stored: {error}; this is a fault of tom, please report it"))
    };
    let (read_back, _) = stored::decode(&bytes).map_err(unreadable)?;
    stored::decode(&fallback).map_err(unreadable)?;
    check_lockout(&read_back, &policy, now, options)?;
    // The one step.
    let new = NewPolicy {
        source: &source,
        resolved: &bytes,
        fallback: &fallback,
        governed: &active_policy::governed_list(&resolved.governed()),
        proof: &proof::store(&assessments),
        anchors: &trust_anchors::in_use(&trust, &assessments),
        evidence: &Vec::from_iter(evidence),
        readers,
    };
    let exchanged = active_policy::exchange(&new, &turn).map_err(|error| Failure::not_checked(error.to_string()))?;
    for warning in exchanged.warnings {
        output::message(&format!("warning: {warning}; the new policy is active all the same"));
    }
    announce(&policy, &host);
    if !options.change.now {
        output::message("applied at once: this version does not wait for a confirmation, as with --now");
    }
    Ok(Exit::Fine)
}

/// The group that reads the active policy.
fn readers() -> Result<u32, Failure> {
    accounts::look_up(READERS).map(|account| account.gid).map_err(|error| {
        Failure::not_checked(format!(
            "the user {READERS}, whom sshd runs tom-authorized-keys as, cannot be found: {error}"
        ))
    })
}

fn trusted(path: &Path) -> Result<Vec<u8>, Failure> {
    trusted_file::read(path, LARGEST_POLICY).map_err(|error| {
        let is_untrusted = matches!(error, TrustError::Untrusted { .. });
        let advice =
            if is_untrusted { "; root alone may be able to write it and every directory above it" } else { "" };
        Failure::not_checked(format!("{error}{advice}"))
    })
}

/// The evidence files that the policy names. One that is missing is told of: its key proves nothing, and the check
/// for a lock-out follows. One that is there and cannot be read stops everything where something depends on it: a
/// disk's passing fault must not take a key away.
fn read_evidence(policy: &Policy) -> Result<EvidenceFiles, Failure> {
    let mut files = EvidenceFiles::new();
    for name in policy.keys.iter().flat_map(|key| key.evidence.iter().flat_map(|evidence| evidence.files())) {
        let path = Path::new(CANDIDATE_EVIDENCE).join(name);
        match trusted_file::read(&path, LARGEST_POLICY) {
            Ok(content) => {
                files.insert(name.to_owned(), content);
            }
            Err(error) if error.is_not_found() || policy.assurance == Assurance::Declared => {
                output::message(&format!("warning: the evidence file {error}"));
            }
            Err(error) => {
                return Err(Failure::not_checked(format!(
                    "the evidence file {error}; root alone may be able to write it and every directory above it"
                )));
            }
        }
    }
    Ok(files)
}

/// An older policy is not slipped in under a newer one.
fn check_serial(policy: &Policy) -> Result<(), Failure> {
    // Where the active policy is damaged its fallback still knows the serial.
    let active = active_policy::with_policy(|active, _| active.serial());
    if policy.serial < active {
        return Err(Failure::findings(vec![format!(
            "the serial {} is lower than the active {active}: raise it in {CANDIDATE}",
            policy.serial
        )]));
    }
    Ok(())
}

/// Nobody is locked out by applying a policy: somebody must be left who can log in by SSH.
fn check_lockout(here: &HostPolicy<'_>, policy: &Policy, now: Moment, options: &ApplyOptions) -> Result<(), Failure> {
    let persons = who_could_log_in(here, policy, now);
    match persons.len() {
        0 if options.change.allow_lockout => {
            output::message("warning: nobody can log in by SSH under this policy");
            let alarm = "a policy was applied under which no person can log in by SSH (--allow-lockout)";
            journal::record(&Event::new(Kind::PolicyUnusable, alarm));
            Ok(())
        }
        0 => Err(Failure::findings(vec![
            "nobody could log in by SSH on this host under this policy: 'tom explain' says why for each person; \
             --allow-lockout applies it all the same"
                .to_owned(),
        ])),
        1 => {
            let only = persons.first().map_or("", |id| id);
            output::message(&format!("warning: '{only}' is the only person who could log in by SSH under this policy"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Persons one of whose keys sshd would be given for some account.
fn who_could_log_in<'p>(here: &HostPolicy<'_>, policy: &'p Policy, now: Moment) -> BTreeSet<&'p str> {
    let mut persons = BTreeSet::new();
    for key in &policy.keys {
        let Some(person) = policy.persons.get(key.person) else { continue };
        if persons.contains(person.id.as_str()) {
            continue;
        }
        let enters = |account: &&str| {
            let request = Request {
                account: Some(*account),
                groups: Groups::Known(&[]),
                key: Key::Blob(Cow::Borrowed(key.public.blob())),
                ..Request::new(Phase::Offer, Service::Sshd.name(), now)
            };
            matches!(decide(here, &request), Decision::Allow(_))
        };
        if here.governed_accounts().iter().any(enters) {
            persons.insert(person.id.as_str());
        }
    }
    persons
}

fn announce(policy: &Policy, host: &HostIdentity) {
    let serial = policy.serial.to_string();
    let message = format!("policy {serial} of {} is active on {}", policy.operator, host.id);
    let event =
        Event::new(Kind::PolicyApplied, &message).with(Field::Host, &host.id).with(Field::PolicySerial, &serial);
    journal::record(&event);
    output::data(&format!("{message}\n"));
}
