//! From the whole policy to what counts on one host.

use super::{Accounts, Holder, HostFacts, HostGrant, HostKey, HostMachine, HostMachineAccess, HostPerson, Rules};
use crate::network::NetworkSet;
use crate::policy::{AccountPattern, Command, Grant, Machine, MachineAccess, Party, Policy, Service};
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

pub(super) fn resolve<'p>(policy: &'p Policy, host: HostFacts<'_>) -> Rules<'p> {
    let rule = policy.host_rule(host.id);
    let class = rule.map(|rule| rule.class.as_str());
    let persons = persons_by_id(policy);
    let here = Here::new(&persons);
    let grants: Vec<&Grant> = policy.grants.iter().filter(|grant| grant.hosts.selects(host.id, class)).collect();
    let mut networks = Networks::default();
    let mut rules = Rules {
        host: Cow::Owned(String::from(host.id)),
        console: host.console,
        serial: policy.serial,
        expires: policy.expires,
        applied: None,
        class,
        customers: rule.map(|rule| rule.customers.iter().map(String::as_str).collect()).unwrap_or_default(),
        admin_groups: policy.admin_groups.iter().map(String::as_str).collect(),
        exempt_services: policy.exempt_services.iter().map(String::as_str).collect(),
        governed_accounts: Vec::new(),
        persons: persons.iter().filter_map(|number| host_person(policy, *number)).collect(),
        keys: Vec::new(),
        networks: Vec::new(),
        grants: grants.iter().map(|grant| here.grant(policy, grant, &mut networks)).collect(),
        machines: Vec::new(),
        governed_callers: governed_callers(policy, &grants),
        revoked: Vec::new(),
    };
    for machine in &policy.machines {
        let selected = machine.hosts.selects(host.id, class);
        let number = u32::try_from(rules.machines.len()).unwrap_or(u32::MAX);
        let holder = if selected { Holder::Machine(number) } else { Holder::MachineElsewhere };
        rules.keys.extend(machine_key(machine, holder));
        if selected {
            rules.machines.push(host_machine(policy, machine, &mut networks));
        }
    }
    rules.keys.extend(policy.keys.iter().filter_map(|key| {
        Some(HostKey {
            key_type: key.public.key_type(),
            blob: key.public.blob(),
            label: &key.label,
            holder: Holder::Person(here.number(key.person)?),
            valid_until: key.valid_until,
            break_glass: key.break_glass,
            pin: key.pin,
        })
    }));
    rules.keys.sort_unstable_by(|a, b| a.blob.cmp(b.blob));
    rules.networks = networks.sets;
    rules.governed_accounts = governed_accounts(policy, &grants, &rules);
    rules
}

/// Persons are stored by id, so that an account is found among them quickly.
fn persons_by_id(policy: &Policy) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..policy.persons.len()).collect();
    numbers.sort_unstable_by_key(|number| policy.persons.get(*number).map(|person| person.id.as_str()));
    numbers
}

fn host_person(policy: &Policy, number: usize) -> Option<HostPerson<'_>> {
    let person = policy.persons.get(number)?;
    let customer = match &person.party {
        Party::Operator => None,
        Party::Customer(id) => Some(id.as_str()),
    };
    Some(HostPerson { id: &person.id, customer, valid_until: person.valid_until })
}

/// Numbers of persons in the whole policy turned into numbers on this host.
struct Here {
    numbers: BTreeMap<usize, u32>,
}

impl Here {
    fn new(persons: &[usize]) -> Self {
        Self { numbers: persons.iter().copied().zip(0..).collect() }
    }

    fn number(&self, person: usize) -> Option<u32> {
        self.numbers.get(&person).copied()
    }

    fn grant<'p>(&self, policy: &'p Policy, grant: &'p Grant, networks: &mut Networks<'p>) -> HostGrant<'p> {
        let mut persons: Vec<u32> = grant.persons.iter().filter_map(|person| self.number(*person)).collect();
        persons.sort_unstable();
        persons.dedup();
        HostGrant {
            id: &grant.id,
            persons,
            accounts: accounts(&grant.accounts),
            services: grant.services,
            from: grant.from.as_ref().map(|_| networks.numbers(policy, &grant.from_names)),
            via: grant.via.as_deref().map(accounts),
        }
    }
}

fn accounts(patterns: &[AccountPattern]) -> Accounts<'_> {
    let names = patterns.iter().filter_map(|pattern| match pattern {
        AccountPattern::Named(name) => Some(name.as_str()),
        AccountPattern::ThePerson => None,
    });
    Accounts { names: names.collect(), the_person: patterns.contains(&AccountPattern::ThePerson) }
}

fn host_machine<'p>(policy: &'p Policy, machine: &'p Machine, networks: &mut Networks<'p>) -> HostMachine<'p> {
    let access = match &machine.access {
        MachineAccess::Login { from_names, command, .. } => HostMachineAccess::Login {
            from: networks.numbers(policy, from_names),
            command: match command {
                Command::Forced(command) => Some(command),
                Command::Unrestricted => None,
            },
        },
        MachineAccess::Sudo { via } => HostMachineAccess::Sudo { via: via.iter().map(String::as_str).collect() },
    };
    HostMachine {
        id: &machine.id,
        accounts: machine.accounts.iter().map(String::as_str).collect(),
        until: machine.until,
        access,
        blob: match &machine.access {
            MachineAccess::Login { public, .. } => Some(public.blob()),
            MachineAccess::Sudo { .. } => None,
        },
    }
}

fn machine_key(machine: &Machine, holder: Holder) -> Option<HostKey<'_>> {
    let MachineAccess::Login { public, .. } = &machine.access else { return None };
    Some(HostKey {
        key_type: public.key_type(),
        blob: public.blob(),
        label: "",
        holder,
        valid_until: None,
        break_glass: false,
        pin: crate::policy::PinStanding::NotNeeded,
    })
}

/// Networks that something here names, each stored once.
#[derive(Default)]
struct Networks<'p> {
    sets: Vec<NetworkSet>,
    by_name: BTreeMap<&'p str, u32>,
}

impl<'p> Networks<'p> {
    fn numbers(&mut self, policy: &'p Policy, names: &'p [String]) -> Vec<u32> {
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| self.number(policy, name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn number(&mut self, policy: &'p Policy, name: &'p str) -> Option<u32> {
        if let Some(number) = self.by_name.get(name) {
            return Some(*number);
        }
        let (_, set) = policy.networks.iter().find(|(known, _)| known == name)?;
        let number = u32::try_from(self.sets.len()).ok()?;
        self.sets.push(set.clone());
        self.by_name.insert(name, number);
        Some(number)
    }
}

/// Every account that a grant or machine names here, whatever the service.
fn governed_accounts<'p>(policy: &'p Policy, grants: &[&'p Grant], rules: &Rules<'p>) -> Vec<&'p str> {
    let mut governed: BTreeSet<&'p str> = BTreeSet::new();
    for grant in grants {
        governed.extend(names_meant(policy, grant, &grant.accounts));
    }
    for machine in &rules.machines {
        governed.extend(machine.accounts.iter().copied());
    }
    governed.into_iter().collect()
}

/// Every account from which some grant lets somebody use sudo: its caller is asked for a token even
/// before the target is known.
fn governed_callers<'p>(policy: &'p Policy, grants: &[&'p Grant]) -> Vec<&'p str> {
    let mut callers: BTreeSet<&'p str> = BTreeSet::new();
    for grant in grants.iter().filter(|grant| grant.services.contains(Service::Sudo)) {
        callers.extend(names_meant(policy, grant, grant.via.as_deref().unwrap_or_default()));
    }
    callers.into_iter().collect()
}

/// The accounts that patterns of a grant mean, `{person}` for each of its persons.
fn names_meant<'p>(policy: &'p Policy, grant: &'p Grant, patterns: &'p [AccountPattern]) -> Vec<&'p str> {
    let mut names = Vec::new();
    for pattern in patterns {
        match pattern {
            AccountPattern::Named(name) => names.push(name.as_str()),
            AccountPattern::ThePerson => {
                let persons = grant.persons.iter().filter_map(|person| policy.persons.get(*person));
                names.extend(persons.map(|person| person.id.as_str()));
            }
        }
    }
    names
}
