//! Users whom sudoers lets use sudo, and whom tom would refuse: no grant lets them.

use super::host_accounts::{Accounts, Facts, groups};
use libtom::decision::{Decision, Groups, Key, Phase, Request, decide};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::{Policy, Service};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use tom_host::accounts::Database;

/// Whom sudoers names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sudoer {
    /// An account.
    User(String),
    /// `%group`.
    Group(String),
}

/// A user who may use sudo now, and would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UngrantedSudoer {
    /// The account.
    pub(crate) user: String,
    /// Where sudoers names it.
    pub(crate) named: Sudoer,
}

impl fmt::Display for UngrantedSudoer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = crate::output::plain(&self.user);
        match &self.named {
            Sudoer::User(_) => write!(f, "'{user}' may use sudo by sudoers")?,
            Sudoer::Group(group) => {
                write!(f, "'{user}' may use sudo by sudoers, as one of %{}", crate::output::plain(group))?
            }
        }
        f.write_str(", but no grant with sudo is for it here: becoming root will be refused")
    }
}

/// The users among these who would be refused, each once.
pub(crate) fn judge(
    sudoers: &[Sudoer],
    here: &HostPolicy<'_>,
    policy: &Policy,
    now: Moment,
    database: &Database,
    accounts: &dyn Accounts,
) -> Vec<UngrantedSudoer> {
    let mut users: BTreeMap<&str, &Sudoer> = BTreeMap::new();
    for named in sudoers {
        match named {
            Sudoer::User(user) => {
                users.insert(user, named);
            }
            Sudoer::Group(group) => {
                for user in database.members_of(&[group.as_str()]) {
                    users.entry(user).or_insert(named);
                }
            }
        }
    }
    let refused = |user: &str| {
        // Who is not there uses nothing, and root needs no sudo.
        let Some(facts) = Facts::of(user, here, accounts).filter(|facts| facts.uid != Some(0)) else { return false };
        !is_granted(here, policy, user, &facts, now)
    };
    let found = users.into_iter().filter(|(user, _)| refused(user));
    found.map(|(user, named)| UngrantedSudoer { user: user.to_owned(), named: named.clone() }).collect()
}

/// Does any key let somebody go by sudo from this account into any other?
fn is_granted(here: &HostPolicy<'_>, policy: &Policy, user: &str, facts: &Facts, now: Moment) -> bool {
    let names = facts.group_names();
    let asks = |phase: Phase, account: Option<&str>, key: Key<'_>| {
        let request = Request {
            account,
            groups: Groups::Known(&[]),
            key,
            invoker: Some(user),
            invoker_uid: facts.uid,
            invoker_groups: groups(names.as_ref()),
            ..Request::new(phase, Service::Sudo.name(), now)
        };
        matches!(decide(here, &request), Decision::Allow(_))
    };
    let enters =
        |key: &Key<'_>| here.governed_accounts().iter().any(|account| asks(Phase::Session, Some(account), key.clone()));
    // A machine that uses sudo has no key and is not asked for one; a person's is asked for first.
    enters(&Key::Missing)
        || policy.keys.iter().any(|key| {
            let key = Key::Blob(Cow::Borrowed(key.public.blob()));
            asks(Phase::Auth, None, key.clone()) && enters(&key)
        })
}

#[cfg(test)]
mod tests;
