//! What all areas need to know of the host: whom the policy governs, which accounts there are.

use super::finding::Findings;
use super::mode::Enabled;
use libtom::host_policy::{HostFacts, HostPolicy};
use libtom::moment::Moment;
use libtom::policy::{self, Policy};
use std::collections::BTreeSet;
use tom_host::accounts::{self, Account, Database};
use tom_host::active_policy::{self, SOURCE};
use tom_host::clock;
use tom_host::host_identity::{self, ConsoleRule};

/// Known of the host.
pub(crate) struct Facts {
    pub(crate) enabled: Enabled,
    /// The host's id; empty if it is not known.
    pub(crate) host: String,
    pub(crate) console: ConsoleRule,
    pub(crate) now: Moment,
    /// Accounts and groups; nothing if they could not be read, which has been told.
    pub(crate) database: Option<Database>,
    /// The text of the active policy, as far as it is sound.
    pub(crate) policy: Option<Policy>,
    /// Accounts that a grant or machine names here.
    pub(crate) named: Vec<String>,
    /// Accounts from which a grant lets somebody use sudo.
    pub(crate) callers: Vec<String>,
    /// Groups whose members are administrators.
    pub(crate) admin_groups: Vec<String>,
}

impl Facts {
    /// Collects them.
    pub(crate) fn collect(enabled: Enabled, findings: &mut Findings) -> Self {
        let identity = host_identity::read().map_err(|error| {
            findings.not_known("host-id", "which host this is, as grants name it", &error);
        });
        let database = Database::read_all().map_err(|error| {
            findings.not_known("accounts", "which accounts and groups this host has", &error);
        });
        let (named, callers, admin_groups) = active_policy::with_policy(|policy, _| {
            let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let governed = policy.governed();
            (owned(governed.accounts), owned(governed.callers), owned(policy.admin_groups().collect()))
        });
        let text = active_policy::read_from_active(SOURCE).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (host, console) =
            identity.map_or((String::new(), ConsoleRule::default()), |found| (found.id, found.console));
        let mut database = database.ok();
        if let Some(database) = &mut database {
            let groups: Vec<&str> = admin_groups.iter().map(String::as_str).collect();
            let members: Vec<String> = database.members_of(&groups).into_iter().map(str::to_owned).collect();
            add_unlisted(database, members.iter().chain(&named));
        }
        Self {
            enabled,
            host,
            console,
            now: Moment::from_unix(clock::now()),
            database,
            policy: text.and_then(|text| policy::parse(&text).ok()),
            named,
            callers,
            admin_groups,
        }
    }

    /// The policy's text as it counts on this host: for what the stored form does not say.
    pub(crate) fn here<R>(&self, ask: impl FnOnce(&Policy, &HostPolicy<'_>) -> R) -> Option<R> {
        let policy = self.policy.as_ref()?;
        let facts = HostFacts { id: &self.host, console: self.console };
        Some(ask(policy, &HostPolicy::resolve(policy, facts)))
    }

    /// The accounts of this host that tom governs, each once: uid 0, admin groups, named by the policy.
    pub(crate) fn governed_accounts(&self) -> Vec<&Account> {
        let Some(database) = &self.database else { return Vec::new() };
        let members = self.members_of_admin_groups();
        let mut seen = BTreeSet::new();
        let is_governed = |account: &&Account| {
            account.uid == 0 || members.contains(&account.name.as_str()) || self.named.contains(&account.name)
        };
        database.accounts.iter().filter(is_governed).filter(|account| seen.insert(account.name.as_str())).collect()
    }

    /// Is an account governed, by any reason?
    pub(crate) fn is_governed(&self, account: &Account) -> bool {
        self.governed_accounts().iter().any(|governed| governed.name == account.name)
    }

    /// The names of all members of admin groups.
    pub(crate) fn members_of_admin_groups(&self) -> Vec<&str> {
        let groups: Vec<&str> = self.admin_groups.iter().map(String::as_str).collect();
        self.database.as_ref().map_or_else(Vec::new, |database| database.members_of(&groups))
    }
}

/// Databases such as LDAP's list nobody, and know each by name: adds those of these names that are missing.
pub(crate) fn add_unlisted<'n>(database: &mut Database, names: impl Iterator<Item = &'n String>) {
    for name in names {
        if !database.accounts.iter().any(|account| account.name == *name)
            && let Ok(account) = accounts::look_up(name)
            && account.name == *name
        {
            database.accounts.push(account);
        }
    }
}

/// `a, b and c`, at most six by name.
pub(crate) fn listed(names: &[impl AsRef<str>]) -> String {
    const MOST: usize = 6;
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(MOST);
    match (shown.split_last(), more) {
        (None, _) => "nobody".to_owned(),
        (Some((only, [])), 0) => (*only).to_owned(),
        (Some((last, others)), 0) => format!("{} and {last}", others.join(", ")),
        (Some(_), more) => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn lists_are_short() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f", "g", "h"]), "a, b, c, d, e, f and 2 more");
        assert_eq!(listed(&[""; 0]), "nobody");
    }
}
