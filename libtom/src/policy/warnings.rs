//! What is sound in a policy but should be looked at.

use super::entries::{Command, MachineAccess, PinStanding, Policy, Proof};
use crate::moment::Moment;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A sentence for the person who keeps the policy.
pub type Warning = String;

const DAY: i64 = 86_400;

/// Everything in the policy that works and is still worth a look, as of a moment.
#[must_use]
pub fn warnings(policy: &Policy, now: Moment) -> Vec<Warning> {
    let mut warnings = Vec::new();
    expiry(policy, now, &mut warnings);
    persons(policy, now, &mut warnings);
    keys(policy, &mut warnings);
    networks(policy, &mut warnings);
    machines(policy, now, &mut warnings);
    warnings
}

/// The policy's own end is told 30, 7 and 1 days ahead.
fn expiry(policy: &Policy, now: Moment, warnings: &mut Vec<Warning>) {
    let Some(expires) = policy.expires else { return };
    let left = expires.as_unix().saturating_sub(now.as_unix());
    if left <= 0 {
        warnings.push(format!("the policy expired at {expires}: only break-glass keys count"));
    } else if let Some(days) = [1, 7, 30].into_iter().find(|days| left <= DAY.saturating_mul(*days)) {
        let span = if days == 1 { String::from("a day") } else { format!("{days} days") };
        warnings.push(format!("the policy expires within {span}, at {expires}; then only break-glass keys count"));
    }
}

fn persons(policy: &Policy, now: Moment, warnings: &mut Vec<Warning>) {
    for (number, person) in policy.persons.iter().enumerate() {
        if let Some(day) = person.valid_until.filter(|day| day.is_past(now)) {
            warnings.push(format!("person '{}' was valid until {day}", person.id));
        }
        match policy.keys_of(number).count() {
            0 => warnings.push(format!("person '{}' has no key", person.id)),
            1 => warnings.push(format!("person '{}' has one key only: a lost token locks the person out", person.id)),
            _ => {}
        }
        if !policy.grants.iter().any(|grant| grant.persons.contains(&number)) {
            warnings.push(format!("person '{}' is in no grant", person.id));
        }
    }
    if !policy.keys.iter().any(|key| key.break_glass) {
        warnings.push(String::from(
            "no key is marked break-glass = true: when the policy expires or is damaged, nobody gets in",
        ));
    }
}

fn keys(policy: &Policy, warnings: &mut Vec<Warning>) {
    for key in &policy.keys {
        let holder = policy.persons.get(key.person).map_or("?", |person| person.id.as_str());
        if key.proof != Proof::None && key.evidence.is_none() && key.pin == PinStanding::NotProven {
            warnings.push(format!(
                "key '{}' of '{holder}' has no evidence: it is refused (pin-not-proven) while assurance is \"attested\"",
                key.label
            ));
        }
    }
}

fn networks(policy: &Policy, warnings: &mut Vec<Warning>) {
    for (name, set) in &policy.networks {
        if set.holds_everybody() {
            warnings.push(format!("network '{name}' holds every address"));
        }
        let used = policy.grants.iter().any(|grant| grant.from_names.contains(name))
            || policy.machines.iter().any(|machine| match &machine.access {
                MachineAccess::Login { from_names, .. } => from_names.contains(name),
                MachineAccess::Sudo { .. } => false,
            });
        if !used {
            warnings.push(format!("network '{name}' is used nowhere"));
        }
    }
}

fn machines(policy: &Policy, now: Moment, warnings: &mut Vec<Warning>) {
    for machine in &policy.machines {
        if let MachineAccess::Login { command: Command::Unrestricted, .. } = machine.access {
            warnings.push(format!(
                "machine '{}' is unrestricted: whoever has its key is {}",
                machine.id,
                machine.accounts.join(" or ")
            ));
        }
        if let Some(day) = machine.until.filter(|day| day.is_past(now)) {
            warnings.push(format!("machine '{}' was valid until {day}", machine.id));
        }
        if let Some(owner) = policy.persons.get(machine.owner)
            && owner.valid_until.is_some_and(|day| day.is_past(now))
        {
            warnings.push(format!("machine '{}': its owner '{}' is no longer valid", machine.id, owner.id));
        }
    }
}
