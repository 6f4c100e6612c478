//! Who could log in by SSH on this host under a policy.

use super::host_accounts::Accounts;
use crate::commands::access::accounts_of;
use libtom::decision::{Decision, Denial, Groups, Key, Origin, Phase, Request, decide};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::network::NetworkSet;
use libtom::policy::{self, Policy, Service};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A person one of whose keys sshd would be given for some account of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CouldLogIn {
    /// The person's id.
    pub(crate) person: String,
    /// The accounts, all of which exist here.
    pub(crate) accounts: Vec<String>,
    /// From where.
    pub(crate) from: NetworkSet,
    /// One of the accounts has uid 0: the person needs no further step to administer this host.
    pub(crate) enters_root: bool,
    /// No other key of the person counts than sealed spares (`break-glass = true`).
    pub(crate) by_break_glass_only: bool,
}

/// The persons, in the order of the policy.
pub(crate) fn persons(here: &HostPolicy<'_>, policy: &Policy, now: Moment, accounts: &dyn Accounts) -> Vec<CouldLogIn> {
    let mut uids = BTreeMap::new();
    let mut found = Vec::new();
    for (number, person) in policy.persons.iter().enumerate() {
        let mut could = CouldLogIn {
            person: person.id.clone(),
            accounts: Vec::new(),
            from: NetworkSet::default(),
            enters_root: false,
            by_break_glass_only: true,
        };
        for account in accounts_granted(policy, number) {
            let offers: Vec<(NetworkSet, bool)> = policy
                .keys_of(number)
                .filter_map(|key| Some((offered(here, &account, key, now).ok()?, key.break_glass)))
                .collect();
            // Only then is it looked up: a database that does not answer costs its time for each name.
            if offers.is_empty() {
                continue;
            }
            let uid =
                uids.entry(account.clone()).or_insert_with(|| accounts.account(&account).map(|known| known.uid).ok());
            let Some(uid) = *uid else { continue };
            could.from = NetworkSet::union(offers.iter().map(|(from, _)| from).chain([&could.from]));
            could.by_break_glass_only &= offers.iter().all(|(_, break_glass)| *break_glass);
            could.enters_root |= uid == 0;
            could.accounts.push(account);
        }
        if !could.accounts.is_empty() {
            found.push(could);
        }
    }
    found
}

/// The accounts that any grant names for a person, on whatever host: which of them count here the rules say.
pub(super) fn accounts_granted(policy: &Policy, number: usize) -> BTreeSet<String> {
    let Some(person) = policy.persons.get(number) else { return BTreeSet::new() };
    let grants = policy.grants.iter().filter(|grant| grant.persons.contains(&number));
    grants.flat_map(|grant| accounts_of(grant, person)).collect()
}

/// Would sshd be given this key for the account, and for clients from where? Else why not.
pub(super) fn offered(
    here: &HostPolicy<'_>,
    account: &str,
    key: &policy::Key,
    now: Moment,
) -> Result<NetworkSet, Option<Denial>> {
    let decision = ask(here, Phase::Offer, account, key, Origin::Local, now);
    match decision {
        Decision::Allow(allow) => {
            let from = allow.obligations().map(|obligations| obligations.from.clone()).unwrap_or_default();
            Ok(NetworkSet::union(from))
        }
        Decision::Deny(denial) => Err(Some(denial)),
        Decision::NotGoverned(_) => Err(None),
    }
}

/// Would a login with this key from there be let in?
pub(super) fn enters(here: &HostPolicy<'_>, account: &str, key: &policy::Key, origin: Origin, now: Moment) -> bool {
    matches!(ask(here, Phase::Session, account, key, origin, now), Decision::Allow(_))
}

/// Accounts that a grant names are governed by name, so that no groups are needed.
fn ask<'p>(
    here: &'p HostPolicy<'p>,
    phase: Phase,
    account: &str,
    key: &policy::Key,
    origin: Origin,
    now: Moment,
) -> Decision<'p> {
    let request = Request {
        account: Some(account),
        groups: Groups::Known(&[]),
        origin,
        key: Key::Blob(Cow::Borrowed(key.public.blob())),
        ..Request::new(phase, Service::Sshd.name(), now)
    };
    decide(here, &request)
}
