//! Accounts as the rules need them: what is asked of the host, and what a test says instead.

use libtom::decision::Groups;
use libtom::host_policy::HostPolicy;
use tom_host::accounts::{self, Account, LookupError};

/// Whoever knows accounts.
pub(crate) trait Accounts {
    /// The account of this name.
    fn account(&self, name: &str) -> Result<Account, LookupError>;
    /// Which of the admin groups it belongs to.
    fn admin_groups(&self, account: &Account, wanted: &[&str]) -> Result<Vec<String>, LookupError>;
}

/// The host itself.
pub(crate) struct TheHost;

impl Accounts for TheHost {
    fn account(&self, name: &str) -> Result<Account, LookupError> {
        accounts::look_up(name)
    }

    fn admin_groups(&self, account: &Account, wanted: &[&str]) -> Result<Vec<String>, LookupError> {
        accounts::groups_among(account, wanted)
    }
}

/// What a decision needs to know of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its uid; nothing where it could not be looked up.
    pub(crate) uid: Option<u32>,
    /// Its admin groups; nothing where they could not be looked up.
    pub(crate) groups: Option<Vec<String>>,
}

impl Facts {
    /// What is known of an account; nothing where there is no such account. Where a database does not answer
    /// nobody is taken for an ordinary user: the rules then say so.
    pub(crate) fn of(name: &str, here: &HostPolicy<'_>, accounts: &dyn Accounts) -> Option<Self> {
        let account = match accounts.account(name) {
            Ok(account) => account,
            Err(LookupError::NoSuchAccount { .. } | LookupError::MalformedName { .. }) => return None,
            Err(_) => return Some(Self::default()),
        };
        let wanted: Vec<&str> = here.admin_groups().collect();
        Some(Self { uid: Some(account.uid), groups: accounts.admin_groups(&account, &wanted).ok() })
    }

    /// The groups by reference, as a request takes them.
    pub(crate) fn group_names(&self) -> Option<Vec<&str>> {
        Some(self.groups.as_ref()?.iter().map(String::as_str).collect())
    }
}

/// Groups as a request takes them.
pub(crate) fn groups<'r>(names: Option<&'r Vec<&'r str>>) -> Groups<'r> {
    names.map_or(Groups::Unknown, |names| Groups::Known(names))
}

/// The accounts and groups of tests.
#[cfg(test)]
pub(crate) mod made_up {
    use super::{Account, Accounts, LookupError};

    /// Name, uid, admin groups.
    pub(crate) struct MadeUp(pub(crate) &'static [(&'static str, u32, &'static [&'static str])]);

    impl Accounts for MadeUp {
        fn account(&self, name: &str) -> Result<Account, LookupError> {
            if name == "unanswered" {
                return Err(LookupError::DatabaseFailed { what: "account".to_owned(), errno: 5 });
            }
            let found = self.0.iter().find(|(known, ..)| *known == name);
            let (_, uid, _) = found.ok_or_else(|| LookupError::NoSuchAccount { name: name.to_owned() })?;
            Ok(Account { name: name.to_owned(), uid: *uid, gid: *uid })
        }

        fn admin_groups(&self, account: &Account, wanted: &[&str]) -> Result<Vec<String>, LookupError> {
            let found = self.0.iter().find(|(known, ..)| *known == account.name);
            let groups = found.map_or(&[][..], |(.., groups)| groups);
            if groups.contains(&"unanswered") {
                return Err(LookupError::DatabaseFailed { what: "groups".to_owned(), errno: 5 });
            }
            Ok(groups.iter().filter(|group| wanted.contains(group)).map(|group| (*group).to_owned()).collect())
        }
    }
}
