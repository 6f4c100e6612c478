//! sudo: what it does before, beside or without PAM, and for whom.
//!
//! What tom holds (measured, see the threat model): the auth phase asks a governed caller for a token; the session
//! phase refuses a governed target without a proof, but for a machine's `via`. What it does not: `sudoedit` has copied
//! the file by then, and with `sudo -g` the target is the caller itself.

use super::facts::{Facts, listed};
use super::finding::{Finding, Findings};
use crate::inspection::sudoers::{self, Member, Subject, SudoDefault, SudoRule, Sudoers};
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
    findings.add_all(defaults(&sudoers.defaults, database));
    if facts.enabled.mode.enforces() {
        findings.add_all(rules(&sudoers, facts, database));
    }
}

/// Defaults that take something away from what tom is asked.
fn defaults(defaults: &[SudoDefault], database: &Database) -> Vec<Finding> {
    let mut findings = Vec::new();
    for default in defaults.iter().filter(|default| !is_of_root_alone(&default.binding, database)) {
        let whom =
            if default.binding.is_empty() { String::new() } else { format!(" for {}", in_words(&default.binding)) };
        let (name, value) = (default.name.as_str(), default.value.as_str());
        let minutes = || value.parse::<f64>().ok();
        let finding = match (name, value) {
            ("pam_session", "false") => Finding::critical("sudo-pam-session", format!("sudo opens no PAM session{whom} (!pam_session)"))
                .why("the session phase is where tom refuses root without a token: NOPASSWD and tickets then are a way in")
                .fix("take !pam_session out of sudoers"),
            ("pam_acct_mgmt", "false") => Finding::warning("sudo-pam-account", format!("sudo does not ask PAM's account phase{whom} (!pam_acct_mgmt)"))
                .why("expired and locked accounts go on using sudo")
                .fix("take !pam_acct_mgmt out of sudoers"),
            ("pam_ruser", "false") => Finding::warning("sudo-pam-ruser", format!("sudo does not tell PAM its caller{whom} (!pam_ruser)"))
                .why("tom does not know who calls, and refuses")
                .fix("take !pam_ruser out of sudoers"),
            ("pam_service" | "pam_login_service", service) if !matches!(service, "sudo" | "sudo-i") => {
                Finding::critical("sudo-pam-service", format!("sudo asks PAM as service '{service}'{whom} ({name})"))
                    .why("tom does not take it for sudo: it asks nobody for a token, and the policy's grants do not count")
                    .fix(format!("take {name} out of sudoers"))
            }
            ("authenticate", "false") => Finding::warning("sudo-not-authenticating", format!("sudo asks for no authentication{whom} (!authenticate)"))
                .why("tom is not asked for a token, so that its session phase refuses administrators; what needs no session (sudoedit, sudo -g) gets past it")
                .fix("take !authenticate out of sudoers"),
            ("exempt_group", group) if !matches!(group, "false" | "") => Finding::warning("sudo-exempt-group", format!("members of the group {group} need no authentication for sudo (exempt_group)"))
                .why("tom is not asked for a token, so that its session phase refuses them; sudoedit and sudo -g get past it")
                .fix("take exempt_group out of sudoers"),
            ("timestamp_type", "global") => Finding::warning("sudo-tickets", format!("sudo's tickets count on every terminal{whom} (timestamp_type=global)"))
                .why("with a ticket sudo asks no token; tom then refuses administrators until it has run out")
                .fix("take timestamp_type out of sudoers; timestamp_timeout=0 asks each time"),
            ("timestamp_timeout", _) if minutes().is_some_and(|minutes| !(0.0..=15.0).contains(&minutes)) => {
                let long = if value.starts_with('-') { "never run out".to_owned() } else { format!("last {value} minutes") };
                Finding::warning("sudo-tickets", format!("sudo's tickets {long}{whom} (timestamp_timeout={value})"))
                    .why("with a ticket sudo asks no token; tom then refuses administrators until it has run out")
                    .fix("set timestamp_timeout=0, which asks each time, or leave it at its default")
            }
            _ => continue,
        };
        findings.push(finding.at(sudoers::SUDOERS));
    }
    findings
}

/// What matters for root as the caller alone does not matter: it is root.
fn is_of_root_alone(binding: &[Member], database: &Database) -> bool {
    !binding.is_empty()
        && binding.iter().all(|member| match &member.subject {
            Subject::User(name) => database.accounts.iter().any(|account| account.name == *name && account.uid == 0),
            Subject::Uid(uid) => *uid == 0,
            Subject::All | Subject::Group(_) | Subject::Gid(_) | Subject::Other(..) => false,
        })
}

fn in_words(members: &[Member]) -> String {
    let words: Vec<String> = members
        .iter()
        .map(|member| match &member.subject {
            Subject::All => "everybody".to_owned(),
            Subject::User(name) => name.clone(),
            Subject::Uid(uid) => format!("uid {uid}"),
            Subject::Group(name) => format!("group {name}"),
            Subject::Gid(gid) => format!("gid {gid}"),
            Subject::Other(_, text) => text.clone(),
        })
        .collect();
    listed(&words)
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
        let is_asked = asks_for_token(facts, account);
        let unauthenticated = unauthenticated(&sudoers.defaults, account, database);
        for rule in sudoers.rules.iter().filter(|rule| rule.allows_something() && rule.is_for(account, database)) {
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
            .fix("name the commands in sudoers instead of ALL and sudoedit; or let the caller be asked: no NOPASSWD, and a grant with 'via'"),
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
        Finding::warning("sudo-without-grant", what)
            .why("tom refuses it: a person is shut out, a job fails")
            .fix("take the rule out of sudoers; or a grant with service sudo for the person, a [[machine]] with 'via' for the job"),
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

#[cfg(test)]
mod tests {
    use super::{Sudoers, defaults};
    use crate::inspection::sudoers::{Member, Subject, SudoDefault};
    use tom_host::accounts::{Account, Database};

    fn default(name: &str, value: &str, whom: Option<&str>) -> SudoDefault {
        let member = |name: &str| Member { subject: Subject::User(name.to_owned()), negated: false };
        SudoDefault { binding: whom.map(member).into_iter().collect(), name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn each_default_that_matters_has_its_name() {
        let root = Account { name: "root".to_owned(), uid: 0, gid: 0 };
        let database = Database { accounts: vec![root], groups: Vec::new() };
        for (name, value, whom, expected) in [
            ("pam_session", "false", None, Some("sudo-pam-session")),
            ("pam_session", "true", None, None),
            ("pam_service", "other", None, Some("sudo-pam-service")),
            ("pam_login_service", "sudo-i", None, None),
            ("authenticate", "false", Some("anna"), Some("sudo-not-authenticating")),
            ("authenticate", "false", Some("root"), None),
            ("timestamp_timeout", "15", None, None),
            ("timestamp_timeout", "0", None, None),
            ("timestamp_timeout", "-1", None, Some("sudo-tickets")),
            ("timestamp_timeout", "60", None, Some("sudo-tickets")),
            ("timestamp_type", "global", None, Some("sudo-tickets")),
            ("exempt_group", "wheel", None, Some("sudo-exempt-group")),
            ("env_reset", "true", None, None),
        ] {
            let found = defaults(&[default(name, value, whom)], &database);
            let found: Vec<&str> = found.iter().map(|finding| finding.id).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{name}={value}");
        }
        assert!(defaults(&Sudoers::default().defaults, &database).is_empty());
    }
}
