//! sudo: what it does before, beside or without PAM, and for whom.
//!
//! What tom holds (measured, see the threat model): the auth phase asks a governed caller for a token; the session
//! phase refuses a governed target without a proof, but for a machine's `via`. What it does not: `sudoedit` has copied
//! the file by then, and with `sudo -g` the target is the caller itself.

mod defaults;

use super::facts::{Facts, add_unlisted, listed};
use super::finding::{Finding, Findings};
use crate::inspection::sudoers::{self, Subject, SudoDefault, SudoRule, Sudoers};
use libtom::policy::{AccountPattern, MachineAccess, Policy, Service};
use std::collections::BTreeMap;
use tom_host::accounts::{Account, Database};

/// Reads sudoers and judges it.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let sudoers = match sudoers::read() {
        Ok(sudoers) => sudoers,
        Err(error) => return findings.not_known("sudoers", "who may become whom by sudo", error),
    };
    let Some(database) = &facts.database else { return };
    findings.add_all(defaults::judge(&sudoers.defaults, database));
    if facts.enabled.mode.enforces() {
        let mut database = database.clone();
        add_unlisted(&mut database, named_users(&sudoers));
        findings.add_all(rules(&sudoers, facts, &database));
    }
}

/// Users whom rules name.
fn named_users(sudoers: &Sudoers) -> impl Iterator<Item = &String> {
    sudoers.rules.iter().flat_map(|rule| &rule.users).filter_map(|member| match &member.subject {
        Subject::User(name) => Some(name),
        Subject::All | Subject::Uid(_) | Subject::Group(_) | Subject::Gid(_) | Subject::Other(..) => None,
    })
}

/// What an account may do by sudo that concerns tom, of all rules together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    enters_governed: bool,
    /// A rule that does needs no authentication.
    without_password: bool,
    /// Not asked for a token, and sudoedit for root.
    edits: bool,
    /// Not asked for a token, and an admin group.
    takes_group: bool,
    /// Any command.
    everything: bool,
}

fn rules(sudoers: &Sudoers, facts: &Facts, database: &Database) -> Vec<Finding> {
    let mut reaches: BTreeMap<&str, (Reach, Vec<&str>)> = BTreeMap::new();
    for account in database.accounts.iter().filter(|account| account.uid != 0) {
        let of_account: Vec<&SudoRule> =
            sudoers.rules.iter().filter(|rule| rule.allows_something() && rule.is_for(account, database)).collect();
        if of_account.is_empty() {
            continue;
        }
        let is_asked = asks_for_token(facts, account);
        let unauthenticated = unauthenticated(&sudoers.defaults, account, database);
        for rule in of_account {
            let (reach, commands) = reaches.entry(&account.name).or_default();
            let without_password = !rule.authenticate.unwrap_or(!unauthenticated);
            add(reach, rule, facts, database, is_asked && !without_password);
            if reach.enters_governed {
                reach.without_password |= without_password;
            }
            commands
                .extend(rule.commands.iter().filter(|command| !command.negated).map(|command| command.text.as_str()));
        }
    }
    let of = |kind: &dyn Fn(&str, Reach) -> bool| -> Vec<&str> {
        reaches.iter().filter(|(name, (reach, _))| kind(name, *reach)).map(|(name, _)| *name).collect()
    };
    let machine = |name: &str| facts.here(|policy, here| machine_of(policy, here.host(), here.class(), name)).flatten();
    let granted = |name: &str| {
        facts.here(|policy, here| is_granted_sudo(policy, here.host(), here.class(), name)).unwrap_or(false)
    };
    let mut findings = Vec::new();
    let mut tell = |finding: Finding, whom: &[&str]| {
        if !whom.is_empty() {
            findings.push(finding.at(sudoers::SUDOERS));
        }
    };
    let editors = of(&|_, reach| reach.edits);
    let what = format!("{} may use sudoedit as root, and tom asks for no token first", listed(&editors));
    tell(
        Finding::critical("sudo-edit", what)
            .why("sudoedit has copied the file, /etc/shadow for instance, before tom's session phase refuses")
            .fix(
                "name the commands in sudoers instead of ALL and sudoedit; or let the caller be asked for a token: \
                 no NOPASSWD, and a grant that names the account in 'via'",
            ),
        &editors,
    );
    let groups = of(&|_, reach| reach.takes_group);
    let what = format!("{} may take an admin group by sudo -g, and tom asks for no token first", listed(&groups));
    tell(
        Finding::critical("sudo-run-as-group", what)
            .why("the account entered stays the caller's own, which tom does not govern; the group is as good as root")
            .fix("take the admin groups out of the rule's (user:group)"),
        &groups,
    );
    let nopasswd = of(&|name, reach| reach.without_password && machine(name).is_none() && granted(name));
    let what = format!("{} may use sudo without authentication (NOPASSWD)", listed(&nopasswd));
    tell(
        Finding::warning("sudo-nopasswd", what)
            .why("sudo then asks for no token, and tom's session phase refuses: the person cannot use sudo at all")
            .fix("take NOPASSWD out of sudoers; for a job, let a [[machine]] of the policy name the account in 'via'"),
        &nopasswd,
    );
    let ungranted = of(&|name, reach| reach.enters_governed && machine(name).is_none() && !granted(name));
    let what = format!("sudoers lets {} become an administrator, and the policy does not", listed(&ungranted));
    tell(
        Finding::warning("sudo-without-grant", what).why("tom refuses it: a person is shut out, a job fails").fix(
            "take the rule out of sudoers; or add a grant with service sudo for the person, a [[machine]] with \
                 'via' for the job",
        ),
        &ungranted,
    );
    for (name, (reach, commands)) in reaches.iter().filter(|(_, (reach, _))| reach.enters_governed) {
        let Some(id) = machine(name) else { continue };
        let mut commands = commands.clone();
        commands.sort_unstable();
        commands.dedup();
        let finding = if reach.everything {
            Finding::warning(
                "sudo-machine",
                format!("the machine {id} may run anything as root, from the account {name}"),
            )
            .why("whoever gets into that account is root, without a token")
            .fix("name the commands in sudoers instead of ALL")
        } else {
            Finding::note(
                "sudo-machine",
                format!("the machine {id}, from the account {name}, may run as root: {}", listed(&commands)),
            )
            .why("it needs no token: what these commands can be made to do, whoever gets into that account can do")
            .fix("look whether each is still needed, and cannot be made to run another")
        };
        findings.push(finding.at(sudoers::SUDOERS));
    }
    findings
}

fn add(reach: &mut Reach, rule: &SudoRule, facts: &Facts, database: &Database, is_asked: bool) {
    let enters_root = rule.enters_root(database);
    let governed = facts.governed_accounts();
    if enters_root || governed.iter().any(|account| rule.enters(account, database)) {
        reach.enters_governed = true;
        reach.everything |= rule.commands.iter().any(|command| !command.negated && command.text == "ALL");
    }
    if is_asked {
        return;
    }
    let edits = |text: &str| text == "ALL" || text == "sudoedit" || text.starts_with("sudoedit ");
    reach.edits |= enters_root && rule.commands.iter().any(|command| !command.negated && edits(&command.text));
    let group_numbers: Vec<u32> = database
        .groups
        .iter()
        .filter(|group| group.gid == 0 || facts.admin_groups.contains(&group.name))
        .map(|group| group.gid)
        .collect();
    reach.takes_group |= rule.run_as_groups.iter().any(|member| {
        !member.negated
            && match &member.subject {
                Subject::All | Subject::Other(..) => true,
                Subject::Group(name) => facts.admin_groups.contains(name),
                Subject::Gid(gid) => group_numbers.contains(gid),
                Subject::User(_) | Subject::Uid(_) => false,
            }
    });
}

/// Does tom's auth phase ask this caller of sudo for a token? (Rule 1, with the account not yet known.)
fn asks_for_token(facts: &Facts, account: &Account) -> bool {
    facts.callers.contains(&account.name) || facts.members_of_admin_groups().contains(&account.name.as_str())
}

/// Whether a default leaves this caller without authentication.
fn unauthenticated(defaults: &[SudoDefault], account: &Account, database: &Database) -> bool {
    let last = defaults.iter().rev().find(|default| {
        let for_rule = SudoRule {
            users: default.binding.clone(),
            run_as_users: Vec::new(),
            run_as_groups: Vec::new(),
            commands: Vec::new(),
            authenticate: None,
        };
        default.name == "authenticate" && (default.binding.is_empty() || for_rule.is_for(account, database))
    });
    last.is_some_and(|default| default.value == "false")
}

/// The machine that uses sudo from this account here.
fn machine_of(policy: &Policy, host: &str, class: Option<&str>, name: &str) -> Option<String> {
    let by_sudo = policy.machines.iter().find(|machine| {
        let from_here = match &machine.access {
            MachineAccess::Sudo { via } => via.iter().any(|account| account == name),
            MachineAccess::Login { .. } => false,
        };
        from_here && machine.hosts.selects(host, class)
    });
    by_sudo.map(|machine| machine.id.clone())
}

/// Does a grant let a person use sudo from this account: named in `via`, or called as the person is?
fn is_granted_sudo(policy: &Policy, host: &str, class: Option<&str>, name: &str) -> bool {
    policy.grants.iter().any(|grant| {
        let person =
            grant.persons.iter().filter_map(|number| policy.persons.get(*number)).any(|person| person.id == name);
        let from_here = match &grant.via {
            Some(via) => via.iter().any(|pattern| match pattern {
                AccountPattern::Named(account) => account == name,
                AccountPattern::ThePerson => person,
            }),
            None => {
                person
                    || grant
                        .accounts
                        .iter()
                        .any(|pattern| matches!(pattern, AccountPattern::Named(account) if account == name))
            }
        };
        from_here && grant.services.contains(Service::Sudo) && grant.hosts.selects(host, class)
    })
}
