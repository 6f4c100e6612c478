//! From the whole policy to what counts on one host.

use super::{Accounts, Holder, HostFacts, HostGrant, HostKey, HostMachine, HostMachineAccess, HostPerson, Rules};
use crate::network::NetworkSet;
use crate::policy::{AccountPattern, Command, Grant, Machine, MachineAccess, Party, Policy, Service};
use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

pub(super) fn resolve<'p>(policy: &'p Policy, host: HostFacts<'_>) -> Rules<'p> {
    let rule = policy.host_rule(host.id);
    let class = rule.map(|rule| rule.class.as_str());
    let persons = persons_by_id(policy);
    let here = Here::new(&persons);
    let grants: Vec<&Grant> = policy.grants.iter().filter(|grant| grant.hosts.selects(host.id, class)).collect();
    let mut networks = Networks::of(policy);
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
        grants: grants.iter().map(|grant| here.grant(grant, &mut networks)).collect(),
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
            rules.machines.push(host_machine(machine, &mut networks));
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

    fn grant<'p>(&self, grant: &'p Grant, networks: &mut Networks<'p>) -> HostGrant<'p> {
        let mut persons: Vec<u32> = grant.persons.iter().filter_map(|person| self.number(*person)).collect();
        persons.sort_unstable();
        persons.dedup();
        HostGrant {
            id: &grant.id,
            persons,
            accounts: accounts(&grant.accounts),
            services: grant.services,
            from: grant.from.as_ref().map(|from| networks.numbers(&grant.from_names, from)),
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

fn host_machine<'p>(machine: &'p Machine, networks: &mut Networks<'p>) -> HostMachine<'p> {
    let access = match &machine.access {
        MachineAccess::Login { from_names, from, command, .. } => HostMachineAccess::Login {
            from: networks.numbers(from_names, from),
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

/// Whoever may come from more networks by name than this gets a set of its own: an address is looked for in
/// each set, and that is to cost no more for ten thousand networks than for ten.
const MOST_NAMES: usize = 8;

/// As long as such sets hold no more networks than this in all: grants that combine many large networks would
/// otherwise make the stored policy grow with their product.
const MOST_COMBINED: usize = 1 << 16;

/// Networks that something here names, each stored once.
struct Networks<'p> {
    known: BTreeMap<&'p str, &'p NetworkSet>,
    sets: Vec<NetworkSet>,
    by_name: BTreeMap<&'p str, u32>,
    by_names: BTreeMap<&'p [String], u32>,
    combined: usize,
}

impl<'p> Networks<'p> {
    fn of(policy: &'p Policy) -> Self {
        Self {
            known: policy.networks.iter().map(|(name, set)| (name.as_str(), set)).collect(),
            sets: Vec::new(),
            by_name: BTreeMap::new(),
            by_names: BTreeMap::new(),
            combined: 0,
        }
    }

    /// The sets for these names, whose union is given too.
    fn numbers(&mut self, names: &'p [String], union: &NetworkSet) -> Vec<u32> {
        if let Some(number) = self.combination(names, union) {
            return vec![number];
        }
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| self.number(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn combination(&mut self, names: &'p [String], union: &NetworkSet) -> Option<u32> {
        if names.len() <= MOST_NAMES {
            return None;
        }
        if let Some(number) = self.by_names.get(names) {
            return Some(*number);
        }
        let combined = self.combined.checked_add(union.iter().count()).filter(|size| *size <= MOST_COMBINED)?;
        let number = self.store(union)?;
        self.combined = combined;
        self.by_names.insert(names, number);
        Some(number)
    }

    fn number(&mut self, name: &'p str) -> Option<u32> {
        if let Some(number) = self.by_name.get(name) {
            return Some(*number);
        }
        let number = self.store(self.known.get(name)?)?;
        self.by_name.insert(name, number);
        Some(number)
    }

    fn store(&mut self, set: &NetworkSet) -> Option<u32> {
        let number = u32::try_from(self.sets.len()).ok()?;
        self.sets.push(set.clone());
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// A policy that defines `count` networks of `size` addresses each and uses none.
    fn defining(count: usize, size: usize) -> (Policy, Vec<String>) {
        let names: Vec<String> = (0..count).map(|number| format!("net-{number}")).collect();
        let mut text = "schema = 1\nserial = 1\noperator = \"x\"\n[networks]\n".to_string();
        for (number, name) in names.iter().enumerate() {
            let addresses: Vec<String> =
                (0..size).map(|n| format!("\"10.{number}.{}.{}\"", n / 128, n % 128 * 2)).collect();
            text.push_str(&format!("{name} = [{}]\n", addresses.join(", ")));
        }
        (crate::policy::parse(&text).unwrap(), names)
    }

    fn union(policy: &Policy) -> NetworkSet {
        NetworkSet::union(policy.networks.iter().map(|(_, set)| set))
    }

    /// What the sets of these numbers hold together.
    fn held(networks: &Networks<'_>, numbers: &[u32]) -> NetworkSet {
        NetworkSet::union(numbers.iter().map(|number| &networks.sets[usize::try_from(*number).unwrap()]))
    }

    #[test]
    fn a_few_names_share_their_sets_and_many_get_one_of_their_own() {
        let (policy, names) = defining(MOST_NAMES + 1, 2);
        let union = union(&policy);
        let mut networks = Networks::of(&policy);
        let few = networks.numbers(&names[1..], &union);
        assert_eq!(few.len(), MOST_NAMES);
        let many = networks.numbers(&names, &union);
        assert_eq!(many.len(), 1);
        assert_eq!(networks.numbers(&names, &union), many);
        assert_eq!(held(&networks, &many), union);
        assert_eq!(networks.sets.len(), MOST_NAMES + 1);
    }

    #[test]
    fn combinations_stay_bounded() {
        let (policy, names) = defining(MOST_NAMES + 4, 4096);
        let union = union(&policy);
        let mut networks = Networks::of(&policy);
        let one = networks.numbers(&names, &union);
        assert_eq!(one.len(), 1);
        // Another order is another combination, and there is no room for it.
        let turned: Vec<String> = names.iter().rev().cloned().collect();
        let each = networks.numbers(&turned, &union);
        assert_eq!(each.len(), names.len());
        assert_eq!(held(&networks, &each), held(&networks, &one));
    }
}
