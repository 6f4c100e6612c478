//! What a policy must not do: lock out everybody, all but one, or whoever applies it.

use super::could_log_in::{CouldLogIn, accounts_granted, enters, offered, persons};
use super::host_accounts::Accounts;
use super::invoker::Invoker;
use libtom::decision::{Denial, Origin};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::network::NetworkSet;
use libtom::policy::Policy;
use std::fmt;

/// A reason to refuse a policy. Its text names whom it is about, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LockOut {
    /// No person could log in.
    Nobody,
    /// One person alone could.
    OnePersonAlone {
        /// The person's id.
        person: String,
        /// And only with a sealed spare.
        by_break_glass_only: bool,
    },
    /// Whoever does this could not.
    Invoker {
        /// The person's id.
        person: String,
        /// Why not.
        why: InvokersObstacle,
        /// Who could.
        others: Vec<String>,
    },
    /// Whoever does this could not from where the person is now.
    InvokersAddress {
        /// The person's id.
        person: String,
        /// Where the person is.
        from: String,
        /// From where the person could.
        allowed: NetworkSet,
    },
}

/// What stands between whoever does this and a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InvokersObstacle {
    /// The policy has no such person.
    NotInPolicy,
    /// No grant is for the person.
    NotGranted,
    /// The accounts that the person may enter do not exist here.
    NoSuchAccounts(Vec<String>),
    /// The person has no key in the policy.
    NoKey,
    /// The rule that the best of the person's keys fails.
    Denied(Denial),
}

/// Everything that a policy must be refused for; nothing where it may come.
pub(crate) fn judge(
    here: &HostPolicy<'_>,
    policy: &Policy,
    now: Moment,
    invoker: Option<&Invoker>,
    accounts: &dyn Accounts,
) -> Vec<LockOut> {
    let able = persons(here, policy, now, accounts);
    let mut found = Vec::new();
    match able.as_slice() {
        [] => found.push(LockOut::Nobody),
        [only] => found.push(LockOut::OnePersonAlone {
            person: only.person.clone(),
            by_break_glass_only: only.by_break_glass_only,
        }),
        _ => {}
    }
    if let Some(invoker) = invoker {
        match able.iter().find(|could| could.person == invoker.person) {
            Some(could) => found.extend(invokers_address(here, policy, now, invoker, could)),
            None => found.push(LockOut::Invoker {
                person: invoker.person.clone(),
                why: obstacle(here, policy, now, &invoker.person, accounts),
                others: able.into_iter().map(|could| could.person).collect(),
            }),
        }
    }
    found
}

fn invokers_address(
    here: &HostPolicy<'_>,
    policy: &Policy,
    now: Moment,
    invoker: &Invoker,
    could: &CouldLogIn,
) -> Option<LockOut> {
    // Somebody at a local console comes from nowhere, and need not be able to from there.
    let from = invoker.from.as_deref().filter(|from| !from.is_empty())?;
    let number = policy.persons.iter().position(|person| person.id == invoker.person)?;
    let origin = Origin::parse(from);
    let let_in =
        policy.keys_of(number).any(|key| could.accounts.iter().any(|account| enters(here, account, key, origin, now)));
    (!let_in).then(|| LockOut::InvokersAddress {
        person: invoker.person.clone(),
        from: from.to_owned(),
        allowed: could.from.clone(),
    })
}

/// Why a person could not log in: of several keys and accounts the furthest that any got.
fn obstacle(
    here: &HostPolicy<'_>,
    policy: &Policy,
    now: Moment,
    id: &str,
    accounts: &dyn Accounts,
) -> InvokersObstacle {
    let Some(number) = policy.persons.iter().position(|person| person.id == id) else {
        return InvokersObstacle::NotInPolicy;
    };
    let granted = accounts_granted(policy, number);
    if granted.is_empty() {
        return InvokersObstacle::NotGranted;
    }
    if policy.keys_of(number).next().is_none() {
        return InvokersObstacle::NoKey;
    }
    let mut furthest = None;
    let mut missing = Vec::new();
    for account in granted {
        for key in policy.keys_of(number) {
            match offered(here, &account, key, now) {
                Err(denial) => furthest = furthest.max(denial),
                // Allowed, so that what is missing is the account.
                Ok(_) if accounts.account(&account).is_err() => missing.push(account.clone()),
                Ok(_) => {}
            }
        }
    }
    missing.dedup();
    match furthest {
        _ if !missing.is_empty() => InvokersObstacle::NoSuchAccounts(missing),
        Some(Denial::NoGrant) | None => InvokersObstacle::NotGranted,
        Some(denial) => InvokersObstacle::Denied(denial),
    }
}

impl fmt::Display for LockOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str(
                "nobody could log in by SSH on this host under this policy: 'tom explain' says why for each person; \
                 --allow-lockout takes it all the same",
            ),
            Self::OnePersonAlone { person, by_break_glass_only } => {
                let how = if *by_break_glass_only { ", and only with a break-glass key" } else { "" };
                write!(
                    f,
                    "'{person}' would be the only person who could log in by SSH on this host{how}: one lost token, and \
                     nobody could; grant a second person access here, or say --allow-lockout"
                )
            }
            Self::Invoker { person, why, others } => {
                write!(f, "you, '{person}', could not log in by SSH on this host under this policy: {why}; ")?;
                if others.is_empty() {
                    f.write_str("put the policy right, or say --allow-lockout")
                } else {
                    write!(
                        f,
                        "{} could; put the policy right, let one of them do this, or say --allow-lockout",
                        list(others)
                    )
                }
            }
            Self::InvokersAddress { person, from, allowed } => write!(
                f,
                "you, '{person}', are connected from {}, and could not log in from there under this policy, which lets \
                 you in from {allowed}; connect from there, or add the address to the grant's from, or say --allow-lockout",
                crate::output::plain(from)
            ),
        }
    }
}

impl fmt::Display for InvokersObstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInPolicy => f.write_str("it has no such person"),
            Self::NotGranted => f.write_str("no grant lets you in here by sshd"),
            Self::NoSuchAccounts(names) => write!(f, "it lets you into {}, which this host lacks", list(names)),
            Self::NoKey => f.write_str("it has no key of yours"),
            Self::Denied(denial) => {
                write!(f, "rule {}, {} ('tom explain --person' tells more)", denial.rule(), denial.name())
            }
        }
    }
}

/// `'anna', 'bert' and 'cora'`.
pub(super) fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{}'", crate::output::plain(name))).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => "nobody".to_owned(),
    }
}

#[cfg(test)]
mod tests;
