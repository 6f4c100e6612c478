//! Who an account is, and which administrators' groups it belongs to.
//!
//! What: names looked up in the host's own databases (/etc/passwd, LDAP, sssd: whatever
//! nsswitch.conf says), and one pass over all of them for the administrator's commands. Why: rule 1
//! of the decisions asks for uid 0 and for groups; a name alone says neither (`toor` has uid 0).
//!
//! What must never happen: that a database which does not answer reads as "in no group", because
//! that is "no administrator", and that is a login without a token. So:
//!
//! Measured on Debian 12 (glibc 2.36); the tests below measure again. What getgrnam_r answers for a
//! group that does not exist, or exists, when
//!
//! | nsswitch.conf, and what is wrong | answer |
//! |---|---|
//! | `files`, `files systemd`, nothing wrong | 0, none |
//! | `files sss` or `sss files`, libnss-sss not installed | 0, none; existing groups are found |
//! | no nsswitch.conf, or an unreadable one | 0, none; existing groups are found |
//! | `sss` alone, not installed | 0, none, for **every** group, gid 0 too; getgrouplist: success |
//! | `files`, /etc/group missing, a directory, unreadable | ENOENT, EISDIR, EACCES |
//! | `files systemd`, /etc/group missing, a directory, unreadable | **0, none**; gid 0 is **found** |
//! | no descriptor left | EMFILE; getpwnam_r with `files systemd`, once loaded: **0, none** |
//! | malloc fails: always / once, with `files systemd` | ENOMEM / **0, none**, for one of 15 calls |
//! | libnss-sss installed: never configured / its daemon dead | ENOENT / ECONNREFUSED |
//! | libnss-ldapd installed, its daemon dead; libnss-extrausers without its file | ENOENT |
//! | any module: TRYAGAIN or UNAVAIL with errno E, as the last one asked | E |
//! | any module: NOTFOUND, whatever errno | 0, none |
//!
//! getgrouplist says success in all of these cases. Hence three guards:
//! 1. a code other than 0 is a failing database, ENOENT too (on glibc absence is always 0);
//! 2. the group with gid 0 must be found, else nothing is behind nsswitch.conf;
//! 3. /etc/group is read by ourselves as well (local_groups.rs), with every error seen, because
//!    nss-systemd covers up for it; "no such account" is said only if /etc/passwd can be opened.
//!
//! A program that is linked statically must not call this module: on Debian 12 glibc then crashes
//! inside libnss_systemd.so as soon as a name is not in the local files (SIGSEGV, measured).

use std::collections::HashSet;
use std::ffi::{CString, c_int};
use std::fs::File;
use std::hash::Hash;
use std::io;

use thiserror::Error;

use crate::ffi::{self, GroupEntry, UserEntry};
use crate::local_groups::{self, LocalGroups};

/// The longest name that is looked up; Linux's own bound is 255, of useradd 32.
const LONGEST_NAME: usize = 255;
/// Where the host's own accounts are.
const PASSWD: &str = "/etc/passwd";

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name as the database spells it, which is not always as it was asked for.
    pub name: String,
    /// The user id. 0 is root, whatever the name.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
}

/// A group of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The group id.
    pub gid: u32,
    /// The names of its members, but for those whose primary group it is.
    pub members: Vec<String>,
}

/// Why there is no answer. None of these is "no administrator".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The databases answered, and know no such account.
    #[error("there is no account {name:?}")]
    NoSuchAccount {
        /// The name asked for.
        name: String,
    },
    /// A database did not answer.
    #[error("{what} cannot be looked up: {}", std::io::Error::from_raw_os_error(*errno))]
    DatabaseFailed {
        /// What was being asked for.
        what: String,
        /// The system's answer.
        errno: i32,
    },
    /// No account and no group can have this name: it is empty, too long, or holds control
    /// characters, `:` or `/`.
    #[error("{name:?} is no name of an account or a group")]
    MalformedName {
        /// The name asked for.
        name: String,
    },
}

/// The account of that name.
///
/// # Errors
/// There is none, the name can't be one, or a database did not answer.
pub fn look_up(name: &str) -> Result<Account, LookupError> {
    let c_name = database_name(name)?;
    match ffi::user_by_name(&c_name) {
        Ok(Some(entry)) => Ok(entry.into()),
        Ok(None) => match File::open(PASSWD) {
            Ok(_) => Err(LookupError::NoSuchAccount { name: name.into() }),
            Err(error) => Err(failed_file(PASSWD, &error)),
        },
        Err(errno) => Err(failed(format!("account {name}"), errno)),
    }
}

/// The real user id of this process: in a setuid program that has not changed it, its caller's
/// (getuid(2)).
#[must_use]
pub fn real_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The effective user id of this process: whose files it makes (geteuid(2)).
#[must_use]
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Which of the `wanted` groups the account belongs to, in their order: because one of them is its
/// primary group, or names it, or has the number of a group that does.
///
/// # Errors
/// A database did not answer. Then it is not known what the account belongs to.
pub fn groups_among(account: &Account, wanted: &[&str]) -> Result<Vec<String>, LookupError> {
    let local = LocalGroups::read().map_err(|error| failed_file(local_groups::PATH, &error))?;
    match ffi::group_by_gid(0) {
        Ok(Some(_)) => {}
        Ok(None) => return Err(failed("the group with gid 0", libc::ENODATA)),
        Err(errno) => return Err(failed("the group with gid 0", errno)),
    }
    let own = database_name(&account.name)?;
    let mut numbers =
        ffi::group_list(&own, account.gid).map_err(|errno| failed(format!("the groups of {}", account.name), errno))?;
    numbers.push(account.gid);
    let name = account.name.as_bytes();
    for group in local.iter() {
        if group.members().any(|member| member == name) {
            numbers.push(group.gid);
        }
    }
    let mut found = Vec::new();
    for group in wanted {
        let here = local.iter().any(|entry| entry.name == group.as_bytes() && numbers.contains(&entry.gid));
        // Asked in any case: a database that does not answer must not depend on what was found.
        let there = ffi::group_by_name(&database_name(group)?)
            .map_err(|errno| failed(format!("group {group}"), errno))?
            .is_some_and(|entry| numbers.contains(&entry.gid) || entry.members.iter().any(|member| member == name));
        if here || there {
            found.push((*group).to_owned());
        }
    }
    Ok(found)
}

/// Whether the account belongs to any of these groups; see [`groups_among`].
///
/// # Errors
/// A database did not answer.
pub fn is_in_any<'a>(account: &Account, groups: impl IntoIterator<Item = &'a str>) -> Result<bool, LookupError> {
    let wanted: Vec<&str> = groups.into_iter().collect();
    Ok(!groups_among(account, &wanted)?.is_empty())
}

/// All accounts and groups, as they were in one pass. For commands of the administrator: never in
/// a PAM module, whose host may be in the middle of a pass of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Every account, in the order of the databases.
    pub accounts: Vec<Account>,
    /// Every group, in the order of the databases.
    pub groups: Vec<Group>,
}

impl Database {
    /// Reads all users and all groups.
    ///
    /// # Errors
    /// A database did not answer, or the answer lacks uid 0 or gid 0.
    pub fn read_all() -> Result<Self, LookupError> {
        let local = LocalGroups::read().map_err(|error| failed_file(local_groups::PATH, &error))?;
        let users = ffi::all_users().map_err(|errno| failed("all accounts", errno))?;
        let groups = ffi::all_groups().map_err(|errno| failed("all groups", errno))?;
        if !users.iter().any(|user| user.uid == 0) {
            return Err(failed("the account with uid 0", libc::ENODATA));
        }
        if !groups.iter().any(|group| group.gid == 0) {
            return Err(failed("the group with gid 0", libc::ENODATA));
        }
        let seen: HashSet<&[u8]> = groups.iter().map(|group| group.name.as_slice()).collect();
        if let Some(hidden) = local.iter().find(|group| !seen.contains(group.name)) {
            let what = format!("group {} of /etc/group", text(hidden.name));
            return Err(failed(what, libc::ENODATA));
        }
        Ok(Self {
            accounts: users.into_iter().map(Account::from).collect(),
            groups: groups.into_iter().map(Group::from).collect(),
        })
    }

    /// The names of all accounts with uid 0, each once.
    #[must_use]
    pub fn names_of_uid_0(&self) -> Vec<&str> {
        let accounts = self.accounts.iter().filter(|account| account.uid == 0);
        each_once(accounts.map(|account| account.name.as_str()))
    }

    /// The names of all accounts in one of the `wanted` groups, each once: members by name, by
    /// primary group, and by another group of the same number.
    #[must_use]
    pub fn members_of(&self, wanted: &[&str]) -> Vec<&str> {
        let named = self.groups.iter().filter(|group| wanted.contains(&group.name.as_str()));
        let numbers: HashSet<u32> = named.map(|group| group.gid).collect();
        let groups = self.groups.iter().filter(|group| numbers.contains(&group.gid));
        let members = groups.flat_map(|group| group.members.iter().map(String::as_str));
        let primary = self.accounts.iter().filter(|account| numbers.contains(&account.gid));
        each_once(members.chain(primary.map(|account| account.name.as_str())))
    }
}

fn each_once<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    all.filter(|one| seen.insert(*one)).collect()
}

impl From<UserEntry> for Account {
    fn from(entry: UserEntry) -> Self {
        Self { name: text(&entry.name), uid: entry.uid, gid: entry.gid }
    }
}

impl From<GroupEntry> for Group {
    fn from(entry: GroupEntry) -> Self {
        Self {
            name: text(&entry.name),
            gid: entry.gid,
            members: entry.members.iter().map(|member| text(member)).collect(),
        }
    }
}

/// Names that are not UTF-8 can't be written in a policy; what stands for them here must not match
/// one either, and U+FFFD does not.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn failed(what: impl Into<String>, errno: c_int) -> LookupError {
    let what = what.into();
    LookupError::DatabaseFailed { what, errno }
}

fn failed_file(path: &str, error: &io::Error) -> LookupError {
    failed(path, error.raw_os_error().unwrap_or(libc::EIO))
}

fn database_name(name: &str) -> Result<CString, LookupError> {
    let malformed = || LookupError::MalformedName { name: name.into() };
    let foreign = |c: char| c.is_control() || matches!(c, ':' | '/');
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(foreign) {
        return Err(malformed());
    }
    CString::new(name).map_err(|_| malformed())
}

#[cfg(test)]
mod tests;
