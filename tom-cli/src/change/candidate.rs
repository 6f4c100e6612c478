//! The policy that shall become active: read, checked, and in the forms that logins read.

use crate::commands::check;
use crate::exit::Failure;
use crate::output;
use crate::policy_source::{self, CANDIDATE, CANDIDATE_EVIDENCE, EvidenceFiles, PolicyRead};
use crate::trust_anchors;
use libtom::expectation::unmet;
use libtom::host_policy::{HostFacts, HostPolicy, stored};
use libtom::moment::Moment;
use libtom::policy::{Assurance, Machine, MachineAccess, Policy, warnings};
use libtom::proof;
use std::path::Path;
use tom_host::active_policy::{self, ANCHORS, EVIDENCE, LARGEST_POLICY, NewPolicy, PROOF, RESOLVED, SOURCE};
use tom_host::host_identity::HostIdentity;
use tom_host::trusted_file::{self, TrustError, TrustedDirectory};
use tom_host::{accounts, clock};

/// The user whom sshd runs tom-authorized-keys as; the active policy is readable by its group.
const READERS: &str = "_tom";
/// The policy before the active one.
const PREVIOUS: &str = "/var/lib/tom/rollback/previous";

/// A policy that may become active, with everything that is stored of it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) policy: Policy,
    pub(crate) host: HostIdentity,
    pub(crate) now: Moment,
    /// The text it was read from.
    pub(crate) source: Vec<u8>,
    pub(crate) resolved: Vec<u8>,
    fallback: Vec<u8>,
    governed: String,
    proof: Vec<u8>,
    anchors: String,
    evidence: Vec<(String, Vec<u8>)>,
    readers: u32,
}

impl Candidate {
    /// Reads and checks /etc/tom/policy.toml: trusted, sound, its evidence, its serial, its own tests.
    pub(crate) fn read() -> Result<Self, Failure> {
        let now = Moment::from_unix(clock::now());
        let readers = readers()?;
        let host = policy_source::this_host()?;
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
        check_serial(&policy)?;
        let facts = HostFacts { id: &host.id, console: host.console };
        let unmet: Vec<String> =
            unmet(&policy, facts, now).iter().map(|unmet| format!("{CANDIDATE}:{unmet}")).collect();
        if !unmet.is_empty() {
            return Err(Failure::findings(unmet));
        }
        let forms = Forms::of(&policy, facts, &source, now)?;
        Ok(Self {
            proof: proof::store(&assessments),
            anchors: trust_anchors::in_use(&trust, &assessments),
            evidence: Vec::from_iter(evidence),
            resolved: forms.resolved,
            fallback: forms.fallback,
            governed: forms.governed,
            policy,
            host,
            now,
            source,
            readers,
        })
    }

    /// The policy that was active before, as it was: what its evidence proved is not judged anew.
    pub(crate) fn previous() -> Result<Self, Failure> {
        Self::stored_in(Path::new(PREVIOUS)).map_err(|failure| {
            Failure::not_checked(format!("there is no policy to go back to: {}", failure.messages().join("; ")))
        })
    }

    /// The active policy, in the forms that this version writes.
    pub(crate) fn active() -> Result<Self, Failure> {
        Self::stored_in(Path::new(active_policy::ACTIVE_DIRECTORY))
    }

    fn stored_in(path: &Path) -> Result<Self, Failure> {
        let untrusted = |error: TrustError| Failure::not_checked(error.to_string());
        let now = Moment::from_unix(clock::now());
        let host = policy_source::this_host()?;
        let directory = TrustedDirectory::open(path).map_err(untrusted)?;
        let read = |name: &str| directory.read(name, LARGEST_POLICY).map_err(untrusted);
        let source = read(SOURCE)?;
        let text = policy_source::text_of(&path.join(SOURCE), source.clone())?;
        let mut policy = policy_source::parse(&path.join(SOURCE), &text)?;
        // What was proven counts as it was stored; where logins have another word, theirs.
        let proof = read(PROOF).unwrap_or_default();
        proof::read_stored(&proof).unwrap_or_default().settle(&mut policy);
        if let Ok(bytes) = read(RESOLVED)
            && let Ok((logins, made_from)) = stored::decode(&bytes)
            && made_from == stored::digest(&source)
        {
            for key in &mut policy.keys {
                key.pin = logins.standing_of(key.public.blob()).unwrap_or(key.pin);
            }
        }
        let mut evidence = Vec::new();
        for name in policy.keys.iter().flat_map(|key| key.evidence.iter().flat_map(|evidence| evidence.files())) {
            if let Ok(content) = trusted_file::read(&path.join(EVIDENCE).join(name), LARGEST_POLICY) {
                evidence.push((name.to_owned(), content));
            }
        }
        let facts = HostFacts { id: &host.id, console: host.console };
        let forms = Forms::of(&policy, facts, &source, now)?;
        Ok(Self {
            anchors: String::from_utf8(read(ANCHORS).unwrap_or_default()).unwrap_or_default(),
            readers: readers()?,
            resolved: forms.resolved,
            fallback: forms.fallback,
            governed: forms.governed,
            policy,
            host,
            now,
            source,
            proof,
            evidence,
        })
    }

    /// The same policy with one more machine, for a rehearsal in namespaces of its own.
    pub(crate) fn with_machine(mut self, machine: Machine) -> Result<Self, Failure> {
        // Networks are known by name; no policy can name one like this.
        if let MachineAccess::Login { from, from_names, .. } = &machine.access {
            self.policy.networks.extend(from_names.iter().map(|name| (name.clone(), from.clone())));
        }
        self.policy.machines.push(machine);
        let facts = HostFacts { id: &self.host.id, console: self.host.console };
        let forms = Forms::of(&self.policy, facts, &self.source, self.now)?;
        self.resolved = forms.resolved;
        self.fallback = forms.fallback;
        self.governed = forms.governed;
        Ok(self)
    }

    /// What is decided by it on this host, as logins read it.
    pub(crate) fn here(&self) -> Result<HostPolicy<'_>, Failure> {
        stored::decode(&self.resolved).map(|(policy, _)| policy).map_err(unreadable)
    }

    /// Makes it the active policy, in one step.
    pub(crate) fn exchange(&self, turn: &active_policy::Turn) -> Result<(), Failure> {
        let new = NewPolicy {
            source: &self.source,
            resolved: &self.resolved,
            fallback: &self.fallback,
            governed: &self.governed,
            proof: &self.proof,
            anchors: &self.anchors,
            evidence: &self.evidence,
            readers: self.readers,
        };
        let exchanged = active_policy::exchange(&new, turn).map_err(|error| Failure::not_checked(error.to_string()))?;
        for warning in exchanged.warnings {
            output::message(&format!("warning: {warning}; the new policy is active all the same"));
        }
        Ok(())
    }
}

/// What logins will read: encoded, and read back before anything depends on it.
struct Forms {
    resolved: Vec<u8>,
    fallback: Vec<u8>,
    governed: String,
}

impl Forms {
    fn of(policy: &Policy, facts: HostFacts<'_>, source: &[u8], now: Moment) -> Result<Self, Failure> {
        let revoked = active_policy::revoked().map_err(|error| {
            Failure::not_checked(format!("the list of revoked keys cannot be read: {error}; put it in order first"))
        })?;
        let digest = stored::digest(source);
        let resolved = HostPolicy::resolve(policy, facts).with_revoked(revoked);
        let forms = Self {
            resolved: stored::encode(&resolved, &digest, now),
            fallback: stored::encode_fallback(&resolved, &digest, now),
            governed: active_policy::governed_list(&resolved.governed()),
        };
        stored::decode(&forms.resolved).map_err(unreadable)?;
        stored::decode(&forms.fallback).map_err(unreadable)?;
        Ok(forms)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unreadable(error: stored::StoredError) -> Failure {
    Failure::not_checked(format!("the policy cannot be stored: {error}; this is a fault of tom, please report it"))
}

/// The group that reads the active policy.
pub(crate) fn readers() -> Result<u32, Failure> {
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
