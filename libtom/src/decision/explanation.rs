//! Why a decision came out as it did, for the person who has to do something about it.
//!
//! The rules write into a [`Recorder`] as they go; a silent one costs nothing. What is told is made
//! from the values the rules compared, never by a second evaluation.

use super::reason::{Denial, Exemption, Reason};
use super::request::{Groups, Origin, Request};
use super::rules::{Asked, Contender};
use super::verdict::{Decision, Principal};
use crate::host_policy::{HostKey, HostPolicy};
use crate::network::NetworkSet;
use crate::public_key::Fingerprint;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A rule that was passed, and what it compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number in interfaces.md.
    pub rule: u8,
    /// What it asks.
    pub question: &'static str,
    /// What was found.
    pub found: String,
}

/// One who might have been let in, and what stopped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Grant, person and key, or machine.
    pub who: String,
    /// The rule that stopped it; nothing for one that is left.
    pub stopped_by: Option<Denial>,
    /// What that rule compared.
    pub compared: String,
    /// The key that was tried, in wire form.
    pub key: Option<Vec<u8>>,
}

/// A decision with its steps.
#[derive(Debug)]
pub struct Explanation<'p> {
    /// The decision.
    pub decision: Decision<'p>,
    /// The rules passed, in order.
    pub steps: Vec<Step>,
    /// Those whom rules 5 to 8 tried.
    pub candidates: Vec<Candidate>,
}

impl Explanation<'_> {
    /// What the reason means, in a sentence.
    #[must_use]
    pub const fn meaning(&self) -> &'static str {
        match self.decision.reason() {
            Reason::Granted => match self.decision.principal() {
                Some(Principal::NotYetKnown) => "Somebody may enter from there; whose key it is, the session sees.",
                _ => "Let in.",
            },
            Reason::NotGoverned(exemption) => exemption_meaning(exemption),
            Reason::Denied(denial) => denial_meaning(denial),
        }
    }

    /// What to change, where something can be changed.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.decision.reason() {
            Reason::Granted | Reason::NotGoverned(_) => "",
            Reason::Denied(denial) => denial_advice(denial),
        }
    }
}

const fn exemption_meaning(exemption: Exemption) -> &'static str {
    match exemption {
        Exemption::CallerIsRoot => "Root itself calls: tom has nothing left to protect, and stays out of it.",
        Exemption::ServiceExempt => "The service runs without anybody logging in: tom stays out of it.",
        Exemption::AccountNotGoverned => {
            "The account is no administrator's here: tom stays out of it, and the host decides as it would without tom."
        }
        Exemption::BreakGlassConsole => "The policy cannot be used and host.toml opens the local console by password.",
    }
}

const fn denial_meaning(denial: Denial) -> &'static str {
    match denial {
        Denial::AccountUnknown => "The account or its groups could not be looked up on the host.",
        Denial::PolicyUnusable => "The active policy is missing or damaged, and no break-glass key lets in.",
        Denial::ClockImplausible => "The clock is before 1980 or after 2100, and no break-glass key lets in.",
        Denial::PolicyExpired => "The policy has expired, and no break-glass key lets in.",
        Denial::NoGrant => "No grant or machine is for this.",
        Denial::KeyMissing => "No key was shown.",
        Denial::KeyUnknown => "The key is nobody's in the policy.",
        Denial::KeyRevoked => "The key was revoked on this host.",
        Denial::PersonExpired => "The person's last valid day is over.",
        Denial::KeyExpired => "The last valid day of the key or machine is over.",
        Denial::WrongCustomer => "The person belongs to a customer whose host this is not.",
        Denial::AddressUnknown => "There is no numeric client address.",
        Denial::AddressNotAllowed => "The client's address is in no network of the grant.",
        Denial::PinNotProven => "Nothing proves that a PIN protects the key.",
        Denial::FirmwareTooOld => "The token's firmware is older than the policy takes.",
    }
}

const fn denial_advice(denial: Denial) -> &'static str {
    match denial {
        Denial::AccountUnknown => "Check 'getent passwd', 'getent group' and /etc/nsswitch.conf on the host.",
        Denial::PolicyUnusable => {
            "Run 'tom policy check' and 'tom apply' as root on the host; a break-glass key gets you in."
        }
        Denial::ClockImplausible => "Set the clock ('timedatectl'); a break-glass key gets you in.",
        Denial::PolicyExpired => {
            "Raise 'expires' and 'serial' in the policy and apply it; a break-glass key gets you in."
        }
        Denial::NoGrant => {
            "Check accounts, hosts, classes, services and via of the grants; 'tom access' shows who may enter."
        }
        Denial::KeyMissing => {
            "Log in with the token, and not by password; check which keys the client offers ('ssh -v')."
        }
        Denial::KeyUnknown => {
            "Check which key the client offers ('ssh -v', 'ssh-add -l'); if it is right, add it as a [[key]]."
        }
        Denial::KeyRevoked => "Use another token; 'tom revoke --undo' lifts a revocation made by mistake.",
        Denial::PersonExpired => "Raise the person's valid-until, if the person is to keep the access.",
        Denial::KeyExpired => "Raise valid-until of the key (until of the machine), or enrol a new token.",
        Denial::WrongCustomer => "If the host is that customer's, list the customer at its [[host]].",
        Denial::AddressUnknown => "Check UseDNS (must be no) and UsePAM (must be yes) of sshd: 'sshd -T'.",
        Denial::AddressNotAllowed => {
            "Connect from an allowed network (VPN, jump host), or add the network to the grant's from."
        }
        Denial::PinNotProven => "Enrol the token with its attestation, and name the files as evidence of the key.",
        Denial::FirmwareTooOld => "Replace the token; firmware of a YubiKey cannot be updated.",
    }
}

/// Takes note of the rules as they are tried, or does nothing.
pub(super) struct Recorder<'p> {
    notes: Option<Notes>,
    of: core::marker::PhantomData<&'p ()>,
}

#[derive(Default)]
struct Notes {
    steps: Vec<Step>,
    candidates: Vec<Candidate>,
}

impl<'p> Recorder<'p> {
    pub(super) const fn silent() -> Self {
        Self { notes: None, of: core::marker::PhantomData }
    }

    pub(super) fn listening() -> Self {
        Self { notes: Some(Notes::default()), of: core::marker::PhantomData }
    }

    pub(super) const fn is_listening(&self) -> bool {
        self.notes.is_some()
    }

    pub(super) fn into_explanation(self, decision: Decision<'p>) -> Explanation<'p> {
        let notes = self.notes.unwrap_or_default();
        Explanation { decision, steps: notes.steps, candidates: notes.candidates }
    }

    fn step(&mut self, rule: u8, question: &'static str, found: impl FnOnce() -> String) {
        if let Some(notes) = &mut self.notes {
            notes.steps.push(Step { rule, question, found: found() });
        }
    }

    /// Rule 1 was passed.
    pub(super) fn governed(&mut self, policy: &HostPolicy<'_>, request: &Request<'_>) {
        self.step(1, "Is the account an administrator's?", || why_governed(policy, request));
    }

    /// Rule 2 was tried.
    pub(super) fn soundness(&mut self, policy: &HostPolicy<'_>, request: &Request<'_>, fault: Option<Denial>) {
        self.step(2, "Can the policy be used now?", || match fault {
            None => format!("yes: serial {}, at {}", policy.serial(), request.at),
            Some(fault) => format!("no: {}; only break-glass keys are left", fault.name()),
        });
    }

    /// Rule 3 was passed: ids of grants and of machines.
    pub(super) fn granted_to(&mut self, ids: impl FnOnce() -> (Vec<&'p str>, Vec<&'p str>)) {
        self.step(3, "Is it granted to anybody?", || {
            let (grants, machines) = ids();
            let mut found: Vec<String> = Vec::new();
            if !grants.is_empty() {
                found.push(format!("by grant {}", grants.join(", ")));
            }
            if !machines.is_empty() {
                found.push(format!("to machine {}", machines.join(", ")));
            }
            found.join("; ")
        });
    }

    /// Rule 4 knows the key.
    pub(super) fn key(&mut self, policy: &HostPolicy<'_>, key: &HostKey<'_>) {
        self.step(4, "Whose key is it?", || {
            let holder = policy.holder_of(key.blob).unwrap_or("a machine of another host");
            let label = if key.label.is_empty() { String::new() } else { format!(", key '{}'", key.label) };
            format!("{holder}'s{label}: {} {}", key.key_type.name(), Fingerprint::of(key.blob))
        });
    }

    /// Rules 5 to 8 tried a candidate.
    pub(super) fn candidate(&mut self, candidate: impl FnOnce() -> Candidate) {
        if let Some(notes) = &mut self.notes {
            notes.candidates.push(candidate());
        }
    }
}

fn why_governed(policy: &HostPolicy<'_>, request: &Request<'_>) -> String {
    let Some(account) = request.account else {
        return format!(
            "yes: '{}' may use sudo to become one, or is in an admin group",
            request.invoker.unwrap_or("?")
        );
    };
    if request.uid == Some(0) {
        return format!("yes: '{account}' has uid 0");
    }
    if policy.governed_accounts().contains(&account) {
        return format!("yes: '{account}' is named by a grant or machine for this host");
    }
    let Groups::Known(groups) = request.groups else { return "not known".to_string() };
    match policy.admin_groups().find(|admin| groups.contains(admin)) {
        Some(group) => format!("yes: '{account}' is in the admin group '{group}'"),
        None => "no".to_string(),
    }
}

impl Candidate {
    pub(super) fn new(asked: &Asked<'_, '_>, contender: Contender<'_>, stopped_by: Option<Denial>) -> Self {
        let who = match contender {
            Contender::Person { grant, person, key } => {
                let person = asked.policy.person(person).map_or("?", |person| person.id);
                format!("{person}, key '{}', by grant {}", key.label, grant.id)
            }
            Contender::Machine { machine, .. } => format!("machine {}", machine.id),
        };
        let compared = stopped_by.map_or_else(String::new, |denial| compared(asked, contender, denial));
        let key = match contender {
            Contender::Person { key, .. } => Some(key.blob.to_vec()),
            Contender::Machine { key, .. } => key.map(|key| key.blob.to_vec()),
        };
        Self { who, stopped_by, compared, key }
    }
}

/// The two sides of the comparison that stopped a candidate.
#[allow(clippy::wildcard_enum_match_arm, reason = "what is not compared with anything has nothing to tell")]
fn compared(asked: &Asked<'_, '_>, contender: Contender<'_>, denial: Denial) -> String {
    let (policy, request) = (asked.policy, asked.request);
    let ends = match contender {
        Contender::Person { person, key, .. } => match denial {
            Denial::PersonExpired => policy.person(person).and_then(|person| person.valid_until),
            _ => key.valid_until,
        },
        Contender::Machine { machine, .. } => machine.until,
    };
    match denial {
        Denial::PersonExpired | Denial::KeyExpired => {
            ends.map_or_else(String::new, |day| format!("valid until {day}, asked at {}", request.at))
        }
        Denial::WrongCustomer => {
            let here = policy.rules.customers.join(", ");
            let of = match contender {
                Contender::Person { person, .. } => policy.person(person).and_then(|person| person.customer),
                Contender::Machine { .. } => None,
            };
            let here = if here.is_empty() { "nobody's".to_string() } else { format!("of {here}") };
            format!("the person is customer {}'s, the host is {here}", of.unwrap_or("?"))
        }
        Denial::AddressNotAllowed => {
            let allowed = NetworkSet::union(policy.networks(contender.from()));
            let from = match request.origin {
                Origin::Address(address) => address.to_string(),
                Origin::Local | Origin::NotNumeric => "?".to_string(),
            };
            let allowed =
                if allowed.is_empty() { "any network: the grant has no from".to_string() } else { allowed.to_string() };
            format!("{from} is not in {allowed}")
        }
        Denial::AddressUnknown => match request.origin {
            Origin::NotNumeric => "what was given is no numeric address".to_string(),
            Origin::Local | Origin::Address(_) => "none was given".to_string(),
        },
        Denial::PinNotProven => "no verified evidence says that a PIN protects it".to_string(),
        Denial::FirmwareTooOld => "its firmware is older than the policy takes, or unknown".to_string(),
        _ => String::new(),
    }
}
