//! `[[expect]]`: the policy's own tests, evaluated when it is checked, enabled or applied, and never
//! while a login is decided.

use crate::decision::{Decision, Groups, Key, Origin, Reason, Request, decide};
use crate::host_policy::{HostFacts, HostPolicy};
use crate::moment::Moment;
use crate::policy::{Expectation, MachineAccess, Policy, Position, Subject, Verdict};
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Where it stands in the text.
    pub position: Position,
    /// What it is about.
    pub request: String,
    /// What the policy says must come out.
    pub expected: String,
    /// What comes out.
    pub found: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {} for {}, but it is {}", self.position, self.expected, self.request, self.found)
    }
}

/// Evaluates all expectations of a policy; `host` and `now` stand in where one names no host or moment.
#[must_use]
pub fn unmet(policy: &Policy, host: HostFacts<'_>, now: Moment) -> Vec<Unmet> {
    policy.expectations.iter().filter_map(|expectation| evaluate(policy, expectation, host, now)).collect()
}

fn evaluate(policy: &Policy, expectation: &Expectation, host: HostFacts<'_>, now: Moment) -> Option<Unmet> {
    let id = expectation.host.as_deref().unwrap_or(host.id);
    let resolved = HostPolicy::resolve(policy, HostFacts { id, ..host });
    let groups: Vec<&str> = expectation.groups.iter().map(String::as_str).collect();
    let invoker_groups: Vec<&str> = expectation.invoker_groups.iter().map(String::as_str).collect();
    let outcomes: Vec<(Verdict, Reason)> = keys_of(policy, &expectation.subject)
        .into_iter()
        .map(|key| {
            let request = Request {
                phase: expectation.phase,
                service: &expectation.service,
                account: Some(&expectation.account),
                uid: expectation.uid,
                groups: Groups::Known(&groups),
                origin: expectation.from.as_deref().map_or(Origin::Local, Origin::parse),
                key,
                at: expectation.at.unwrap_or(now),
                invoker: expectation.invoker.as_deref(),
                invoker_uid: None,
                invoker_groups: Groups::Known(&invoker_groups),
            };
            let decision: Decision<'_> = decide(&resolved, &request);
            (decision.verdict(), decision.reason())
        })
        .collect();
    if is_met(expectation, &outcomes) {
        return None;
    }
    let found =
        outcomes.first().map_or_else(String::new, |(verdict, reason)| format!("{}, {}", verdict.name(), reason.name()));
    let reason = expectation.reason.map(|reason| format!(", {}", reason.name())).unwrap_or_default();
    Some(Unmet {
        position: expectation.position,
        request: in_words(policy, expectation, id),
        expected: format!("{}{reason}", expectation.verdict.name()),
        found,
    })
}

/// "Some key of this person": an allow or a not-governed holds if it holds for one of them. A denial is
/// meant for the person, and holds only if no key of the person gets in.
fn is_met(expectation: &Expectation, outcomes: &[(Verdict, Reason)]) -> bool {
    let as_expected = |(verdict, reason): &(Verdict, Reason)| {
        *verdict == expectation.verdict && expectation.reason.is_none_or(|expected| expected == *reason)
    };
    let any_allowed = outcomes.iter().any(|(verdict, _)| *verdict == Verdict::Allow);
    outcomes.iter().any(as_expected) && (expectation.verdict != Verdict::Deny || !any_allowed)
}

fn keys_of<'p>(policy: &'p Policy, subject: &'p Subject) -> Vec<Key<'p>> {
    let mut keys: Vec<Key<'p>> = match subject {
        Subject::Nobody => Vec::new(),
        Subject::Key(key) => [Key::Blob(Cow::Borrowed(key.blob()))].into(),
        Subject::Person(person) => {
            policy.keys_of(*person).map(|key| Key::Blob(Cow::Borrowed(key.public.blob()))).collect()
        }
        Subject::Machine(machine) => match policy.machines.get(*machine).map(|machine| &machine.access) {
            Some(MachineAccess::Login { public, .. }) => [Key::Blob(Cow::Borrowed(public.blob()))].into(),
            Some(MachineAccess::Sudo { .. }) | None => Vec::new(),
        },
    };
    if keys.is_empty() {
        keys.push(Key::Missing);
    }
    keys
}

fn in_words(policy: &Policy, expectation: &Expectation, host: &str) -> String {
    let who = match &expectation.subject {
        Subject::Nobody => String::from("somebody without a key"),
        Subject::Key(_) => String::from("the key"),
        Subject::Person(person) => policy.persons.get(*person).map_or_else(String::new, |person| person.id.clone()),
        Subject::Machine(machine) => {
            policy.machines.get(*machine).map_or_else(String::new, |machine| machine.id.clone())
        }
    };
    let from = expectation.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
    format!("{who} as '{}' on {host} by {}{from}", expectation.account, expectation.service)
}
