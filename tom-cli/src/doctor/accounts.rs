//! Accounts that are root by another name or by a group, and passwords of governed ones.

use super::facts::{Facts, listed};
use super::finding::{Finding, Findings};
use std::collections::BTreeMap;
use std::fs;
use tom_host::accounts::{Account, Database};

/// Groups whose members are root, or can make themselves root, beside those that tom governs.
const ROOT_EQUIVALENT: [(&str, &str); 8] = [
    ("shadow", "reads the hashes of all passwords"),
    ("kmem", "reads the memory of the kernel"),
    ("incus-admin", "starts containers with the host's files"),
    ("incus", "starts containers with the host's files"),
    ("wheel", "is what su and sudo take for administrators elsewhere"),
    ("admin", "is what sudo takes for administrators elsewhere"),
    ("staff", "may write to /usr/local, whose programs root runs"),
    ("libvirt-qemu", "reads and writes the disks of virtual machines"),
];

/// Where passwords are.
const SHADOW: &str = "/etc/shadow";

/// Looks at all of them.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let Some(database) = &facts.database else { return };
    findings.add_all(other_names_of_root(database));
    findings.add_all(shared_numbers(database, &facts.named));
    findings.add_all(members(facts, database));
    match fs::read_to_string(SHADOW) {
        Ok(text) => findings.add_all(passwords(&text, &facts.governed_accounts())),
        Err(error) => {
            findings.not_known("passwords", "which governed accounts have a password", format!("{SHADOW}: {error}"))
        }
    }
}

fn other_names_of_root(database: &Database) -> Vec<Finding> {
    let others: Vec<&str> = database.names_of_uid_0().into_iter().filter(|name| *name != "root").collect();
    others
        .into_iter()
        .map(|name| {
            Finding::warning("uid-0-alias", format!("{name} is root by another name (uid 0)"))
                .why("tom governs it, but every program that knows root by its name alone does not")
                .fix("take the account out, or give it a number of its own")
                .at("/etc/passwd")
        })
        .collect()
}

/// An account that shares the number of one that the policy names: it is the same to the kernel, not to tom.
fn shared_numbers(database: &Database, named: &[String]) -> Vec<Finding> {
    let governed = database.accounts.iter().filter(|account| account.uid != 0 && named.contains(&account.name));
    let mut findings = Vec::new();
    for account in governed {
        let same = |other: &&Account| other.uid == account.uid && !named.contains(&other.name);
        for other in database.accounts.iter().filter(same) {
            let what = format!(
                "{} has the number of {} (uid {}), which the policy governs",
                other.name, account.name, account.uid
            );
            findings.push(
                Finding::critical("same-uid-as-governed", what)
                    .why("whoever enters the one is the other to the kernel, and tom goes by the name")
                    .fix("give it a number of its own, or let a grant name both")
                    .at("/etc/passwd"),
            );
        }
    }
    findings
}

fn members(facts: &Facts, database: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    for group in &facts.admin_groups {
        let unnamed = |name: &&str| {
            !facts.named.iter().any(|named| named == name)
                && database.accounts.iter().any(|account| account.name == **name && account.uid != 0)
        };
        let members: Vec<&str> = database.members_of(&[group]).into_iter().filter(unnamed).collect();
        if !members.is_empty() {
            let what = format!("{} in the group {group}, and no grant names the account", in_words(&members));
            findings.push(
                Finding::warning("admin-group-member", what)
                    .why("nobody logs in to it any more; but its jobs and programs go on being as good as root")
                    .fix(format!("take it out of the group {group}, or let a grant or machine of the policy name it"))
                    .at("/etc/group"),
            );
        }
    }
    for (group, reason) in ROOT_EQUIVALENT {
        let people = |name: &&str| {
            database
                .accounts
                .iter()
                .any(|account| account.name == **name && account.uid != 0 && !facts.is_governed(account))
        };
        let members: Vec<&str> = database.members_of(&[group]).into_iter().filter(people).collect();
        if !members.is_empty() && !facts.admin_groups.iter().any(|known| known == group) {
            let what = format!("{} in the group {group}: a member {reason}", in_words(&members));
            findings.push(
                Finding::warning("root-equivalent-group", what)
                    .why("tom does not take its members for administrators")
                    .fix(format!(
                        "take them out of the group {group}, or add it to the policy: [admin] groups = [\"{group}\"]"
                    ))
                    .at("/etc/group"),
            );
        }
    }
    findings
}

fn in_words(members: &[&str]) -> String {
    format!("{} {}", listed(members), if members.len() == 1 { "is" } else { "are" })
}

/// What stands in the place of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Password {
    Empty,
    Set,
    Locked,
}

/// Account and state of each line. The hash goes no further than this.
pub(super) fn states<'s>(shadow: &'s str) -> BTreeMap<&'s str, Password> {
    let state_of = |line: &'s str| -> Option<(&'s str, Password)> {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let state = match fields.next()? {
            "" => Password::Empty,
            text if text.starts_with(['!', '*']) => Password::Locked,
            text if text.starts_with('$') || text.len() >= 13 => Password::Set,
            _ => Password::Locked,
        };
        Some((name, state))
    };
    shadow.lines().filter_map(state_of).collect()
}

fn passwords(shadow: &str, governed: &[&Account]) -> Vec<Finding> {
    let states = states(shadow);
    let with = |wanted: Password| -> Vec<&str> {
        let names = governed.iter().map(|account| account.name.as_str());
        names.filter(|name| states.get(name) == Some(&wanted)).collect()
    };
    let mut findings = Vec::new();
    let empty = with(Password::Empty);
    if !empty.is_empty() {
        findings.push(
            Finding::critical("password-empty", format!("the password of {} is empty", listed(&empty)))
                .why("whatever does not ask tom lets everybody in: a rescue shell, a daemon with passwords of its own")
                .fix(format!("'passwd -l {}'", empty.first().copied().unwrap_or_default()))
                .at(SHADOW),
        );
    }
    let set = with(Password::Set);
    if !set.is_empty() {
        findings.push(
            Finding::note("password-set", format!("a password is set for {}", listed(&set)))
                .why("tom lets nobody in by it; the rescue shell of systemd, and daemons that do not ask PAM, do")
                .fix("lock it with 'passwd -l', unless it is the sealed one for the console")
                .at(SHADOW),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Password, other_names_of_root, passwords, shared_numbers, states};
    use tom_host::accounts::{Account, Database};

    fn account(name: &str, uid: u32) -> Account {
        Account { name: name.to_owned(), uid, gid: uid }
    }

    #[test]
    fn no_hash_is_told() {
        let text = "root:$6$salt$SECRETHASH:20000:0:::::\nanna::20000:\ncora:!$6$x$SECRET:1:\nbert:*:1:\nold:SECRETHASH123:1:\n";
        let found = states(text);
        let expected = [("anna", Password::Empty), ("bert", Password::Locked), ("cora", Password::Locked)];
        for (name, state) in expected.into_iter().chain([("root", Password::Set), ("old", Password::Set)]) {
            assert_eq!(found.get(name), Some(&state), "{name}");
        }
        let (root, anna) = (account("root", 0), account("anna", 1));
        let findings = passwords(text, &[&root, &anna]);
        assert_eq!(findings.iter().map(|finding| finding.id).collect::<Vec<_>>(), ["password-empty", "password-set"]);
        assert!(!format!("{findings:?}").contains("SECRET"));
    }

    #[test]
    fn names_and_numbers() {
        let accounts = vec![account("root", 0), account("toor", 0), account("deploy", 5), account("twin", 5)];
        let database = Database { accounts, groups: Vec::new() };
        assert_eq!(other_names_of_root(&database).len(), 1);
        let found = shared_numbers(&database, &["deploy".to_owned(), "root".to_owned()]);
        assert!(found.len() == 1 && found[0].what.starts_with("twin "), "{found:?}");
    }
}
