//! `tom policy diff`: who gains and who loses what, in words, for the person who reviews a change.

use super::access::{accounts_of, hosts_in_words};
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source;
use libtom::policy::{Command, Machine, MachineAccess, Policy};
use libtom::public_key::Fingerprint;
use std::collections::BTreeMap;
use std::path::Path;

/// What a policy says, as sentences: the subject and what can be gained, and how.
type Sentences = BTreeMap<String, String>;

/// Compares two policies.
pub(crate) fn run(old: &Path, new: &Path) -> Result<Exit, Failure> {
    let (old, new) = (policy_source::read(Some(old))?.policy, policy_source::read(Some(new))?.policy);
    let paint = Paint::for_stdout();
    let mut page = format!("serial {} to {}\n", old.serial, new.serial);
    if new.serial < old.serial {
        page.push_str(&format!("{}\n", paint.red("the serial is lower: tom apply will refuse it")));
    }
    let mut changes = Vec::new();
    compare(&general(&old), &general(&new), ["now", "no longer", "now"], paint, &mut changes);
    compare(&accesses(&old), &accesses(&new), ["gains", "loses", "changes"], paint, &mut changes);
    if changes.is_empty() {
        page.push_str("nobody gains and nobody loses anything\n");
    }
    for change in changes {
        page.push_str(&change);
        page.push('\n');
    }
    output::data(&page);
    Ok(Exit::Fine)
}

fn compare(old: &Sentences, new: &Sentences, words: [&str; 3], paint: Paint, changes: &mut Vec<String>) {
    let [gains, loses, differs] = words;
    for (what, how) in old {
        match new.get(what) {
            None => changes.push(format!("{} {what}{}", paint.red(&format!("- {loses}:")), detail(how))),
            Some(now) if now != how => {
                changes.push(format!(
                    "{} {what}\n    before: {how}\n    after:  {now}",
                    paint.yellow(&format!("~ {differs}:"))
                ));
            }
            Some(_) => {}
        }
    }
    for (what, how) in new {
        if !old.contains_key(what) {
            changes.push(format!("{} {what}{}", paint.green(&format!("+ {gains}:")), detail(how)));
        }
    }
}

fn detail(how: &str) -> String {
    if how.is_empty() { String::new() } else { format!(", {how}") }
}

/// The settings that are nobody's access, and change everybody's.
fn general(policy: &Policy) -> Sentences {
    let mut sentences = Sentences::new();
    sentences.insert(
        "the policy's end".to_owned(),
        policy.expires.map_or_else(|| "never".to_owned(), |end| end.to_string()),
    );
    sentences.insert("assurance".to_owned(), format!("{:?}", policy.assurance).to_lowercase());
    sentences.insert(
        "minimum firmware".to_owned(),
        policy.minimum_firmware.map_or_else(|| "none".to_owned(), |f| f.to_string()),
    );
    for group in &policy.admin_groups {
        sentences.insert(format!("members of group {group} are administrators"), String::new());
    }
    for service in &policy.exempt_services {
        sentences.insert(format!("service {service} is exempt"), String::new());
    }
    for rule in &policy.hosts {
        let customers = if rule.customers.is_empty() { "no customer".to_owned() } else { rule.customers.join(", ") };
        sentences.insert(format!("hosts {}", rule.globs.join(", ")), format!("class {}, {customers}", rule.class));
    }
    sentences
}

/// Everything that somebody may do, and by what.
fn accesses(policy: &Policy) -> Sentences {
    let mut sentences = Sentences::new();
    for grant in &policy.grants {
        for person in grant.persons.iter().filter_map(|number| policy.persons.get(*number)) {
            for account in accounts_of(grant, person) {
                for service in grant.services.iter() {
                    let what = format!(
                        "{} enters {account} on {} by {} ({})",
                        person.id,
                        hosts_in_words(&grant.hosts),
                        service.name(),
                        grant.id
                    );
                    let from = grant
                        .from
                        .as_ref()
                        .map_or_else(|| "on the host itself".to_owned(), |from| format!("from {from}"));
                    let via = grant.via.as_ref().filter(|_| service.has_caller());
                    let via = via.map(|via| {
                        format!(", from account {}", via.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
                    });
                    sentences.insert(what, format!("{from}{}", via.unwrap_or_default()));
                }
            }
        }
    }
    for person in &policy.persons {
        let until = person.valid_until.map_or_else(|| "without end".to_owned(), |day| format!("until {day}"));
        sentences.insert(
            format!("{} ({}) is known", person.id, person.name),
            format!("{}, {}, {until}", person.role, person.party),
        );
    }
    for key in &policy.keys {
        let holder = policy.persons.get(key.person).map_or("?", |person| person.id.as_str());
        let until = key.valid_until.map_or_else(|| "without end".to_owned(), |day| format!("until {day}"));
        let spare = if key.break_glass { ", break-glass" } else { "" };
        let what =
            format!("{holder} logs in with {} ({})", Fingerprint::of(key.public.blob()), key.public.key_type().name());
        sentences.insert(what, format!("'{}', {}{spare}, {until}", key.label, key.proof.name()));
    }
    for machine in &policy.machines {
        let (what, how) = of_machine(policy, machine);
        sentences.insert(what, how);
    }
    sentences
}

fn of_machine(policy: &Policy, machine: &Machine) -> (String, String) {
    let owner = policy.persons.get(machine.owner).map_or("?", |person| person.id.as_str());
    let until = machine.until.map_or_else(|| "without end".to_owned(), |day| format!("until {day}"));
    let access = match &machine.access {
        MachineAccess::Login { public, from, command, .. } => {
            let may = match command {
                Command::Forced(command) => format!("may run '{command}'"),
                Command::Unrestricted => "may do ANYTHING".to_owned(),
            };
            format!("{may} with {} from {from}", Fingerprint::of(public.blob()))
        }
        MachineAccess::Sudo { via } => format!("uses sudo from account {}", via.join(", ")),
    };
    let what =
        format!("machine {} enters {} on {}", machine.id, machine.accounts.join(", "), hosts_in_words(&machine.hosts));
    (what, format!("{access}; owner {owner}, {until}; {}", machine.reason))
}
