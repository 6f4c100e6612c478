//! The policy as it counts on one host: what logins are decided by.
//!
//! [`HostPolicy::resolve`] takes what matters on a host out of a [`Policy`]: the grants and machines
//! that select it, its class and customers, and all persons and keys (a key that is somebody's but
//! not granted here is told apart from one that is nobody's). `tom apply` stores it ([`stored`]), and
//! logins read it back; both ways lead to the same value, so there is one engine for both.

mod by_person;
mod key_records;
mod resolve;
pub mod stored;

use self::by_person::ByPerson;
use crate::moment::{Day, Moment};
use crate::network::NetworkSet;
use crate::policy::{PinStanding, Policy, ServiceSet};
use crate::public_key::KeyType;
use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

/// The policy of one host.
#[derive(Clone, Debug)]
pub struct HostPolicy<'p> {
    pub(crate) rules: Rules<'p>,
    /// Numbers in [`Rules::keys`].
    keys_of: ByPerson,
    /// Numbers in [`Rules::grants`].
    grants_of: ByPerson,
    revoked: BTreeSet<Vec<u8>>,
    sound: bool,
    /// It could not even be found out whom the policy governs.
    blind: bool,
}

/// What is known of the host itself.
#[derive(Clone, Copy, Debug)]
pub struct HostFacts<'h> {
    /// The host id.
    pub id: &'h str,
    /// How its console is opened while the policy cannot be used.
    pub console: ConsoleRule,
}

/// Whom a policy governs on a host, beside uid 0 and the built-in groups, and what it exempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Governed<'p> {
    /// Accounts that a grant or machine names.
    pub accounts: Vec<&'p str>,
    /// Accounts from which a grant lets somebody use sudo.
    pub callers: Vec<&'p str>,
    /// The policy's own admin groups.
    pub admin_groups: Vec<&'p str>,
    /// The policy's own exempt services.
    pub exempt_services: Vec<&'p str>,
}

/// How the local console is opened while the policy cannot be used (host.toml, `[break-glass]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum ConsoleRule {
    /// By a break-glass token.
    #[default]
    #[n(0)]
    Token,
    /// By password, as without tom.
    #[n(1)]
    Password,
}

/// Everything that is stored; the lists mean each other by number.
#[derive(Clone, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Rules<'p> {
    #[b(0)]
    pub(crate) host: Cow<'p, str>,
    #[n(1)]
    pub(crate) console: ConsoleRule,
    #[n(2)]
    pub(crate) serial: u64,
    #[n(3)]
    pub(crate) expires: Option<Moment>,
    #[n(4)]
    pub(crate) applied: Option<Moment>,
    #[b(5)]
    pub(crate) class: Option<&'p str>,
    #[b(6)]
    pub(crate) customers: Vec<&'p str>,
    /// Beside the built-in ones.
    #[b(7)]
    pub(crate) admin_groups: Vec<&'p str>,
    /// Beside the built-in ones.
    #[b(8)]
    pub(crate) exempt_services: Vec<&'p str>,
    /// Accounts that a grant or machine names here, sorted.
    #[b(9)]
    pub(crate) governed_accounts: Vec<&'p str>,
    #[b(10)]
    pub(crate) persons: Vec<HostPerson<'p>>,
    /// Sorted by blob.
    #[cbor(b(11), with = "key_records")]
    pub(crate) keys: Vec<HostKey<'p>>,
    /// Each named network once, however many grants name it.
    #[n(12)]
    pub(crate) networks: Vec<NetworkSet>,
    /// In file order.
    #[b(13)]
    pub(crate) grants: Vec<HostGrant<'p>>,
    /// In file order.
    #[b(14)]
    pub(crate) machines: Vec<HostMachine<'p>>,
    /// Accounts from which a grant lets somebody use sudo here (`via`), sorted.
    #[b(15)]
    pub(crate) governed_callers: Vec<&'p str>,
    /// Keys that were revoked when the policy was applied. The list of revoked keys itself is read at each
    /// login; this is for the day on which it cannot be.
    #[n(16)]
    pub(crate) revoked: Vec<minicbor::bytes::ByteVec>,
}

/// A person; sorted by id within [`Rules::persons`].
#[derive(Clone, Copy, Debug, Encode, Decode)]
pub(crate) struct HostPerson<'p> {
    #[b(0)]
    pub(crate) id: &'p str,
    /// The customer whose person it is; nothing for the operator's.
    #[b(1)]
    pub(crate) customer: Option<&'p str>,
    #[n(2)]
    pub(crate) valid_until: Option<Day>,
}

/// A key of a person or machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostKey<'p> {
    /// Its type.
    pub key_type: KeyType,
    /// Its wire form.
    pub blob: &'p [u8],
    /// Its label; empty for a machine's.
    pub label: &'p str,
    pub(crate) holder: Holder,
    pub(crate) valid_until: Option<Day>,
    pub(crate) break_glass: bool,
    pub(crate) pin: PinStanding,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    Person(u32),
    Machine(u32),
    /// A machine that is not for this host.
    MachineElsewhere,
}

/// Accounts by name, and "the one called as the person".
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct Accounts<'p> {
    #[b(0)]
    pub(crate) names: Vec<&'p str>,
    #[n(1)]
    pub(crate) the_person: bool,
}

/// A grant that selects this host.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct HostGrant<'p> {
    #[b(0)]
    pub(crate) id: &'p str,
    /// Numbers in [`Rules::persons`], sorted.
    #[n(1)]
    pub(crate) persons: Vec<u32>,
    #[b(2)]
    pub(crate) accounts: Accounts<'p>,
    #[n(3)]
    pub(crate) services: ServiceSet,
    /// Numbers in [`Rules::networks`]; nothing where the grant has no `from`.
    #[n(4)]
    pub(crate) from: Option<Vec<u32>>,
    #[b(5)]
    pub(crate) via: Option<Accounts<'p>>,
}

/// A machine that selects this host.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct HostMachine<'p> {
    #[b(0)]
    pub(crate) id: &'p str,
    #[b(1)]
    pub(crate) accounts: Vec<&'p str>,
    #[n(2)]
    pub(crate) until: Option<Day>,
    #[b(3)]
    pub(crate) access: HostMachineAccess<'p>,
    /// The key it logs in with; nothing for one that uses sudo.
    #[cbor(b(4), with = "minicbor::bytes")]
    pub(crate) blob: Option<&'p [u8]>,
}

/// How a machine gets in.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) enum HostMachineAccess<'p> {
    /// By SSH, from sets in [`Rules::networks`]; the command is forced if there is one.
    #[n(0)]
    Login {
        #[n(0)]
        from: Vec<u32>,
        #[b(1)]
        command: Option<&'p str>,
    },
    /// By sudo, from these accounts.
    #[n(1)]
    Sudo {
        #[b(0)]
        via: Vec<&'p str>,
    },
}

impl<'p> HostPolicy<'p> {
    /// What counts of a policy on a host.
    #[must_use]
    pub fn resolve(policy: &'p Policy, host: HostFacts<'_>) -> Self {
        Self::index(resolve::resolve(policy, host), true)
    }

    /// There is no policy: uid 0 and the built-in groups are governed, and nobody of them gets in.
    #[must_use]
    pub fn absent() -> Self {
        Self::index(Rules::default(), false)
    }

    /// There is no policy, but it is known whom the last one governed.
    #[must_use]
    pub fn governing(governed: Governed<'p>) -> Self {
        let Governed { mut accounts, mut callers, admin_groups, exempt_services } = governed;
        accounts.sort_unstable();
        callers.sort_unstable();
        let rules = Rules {
            governed_accounts: accounts,
            governed_callers: callers,
            admin_groups,
            exempt_services,
            ..Rules::default()
        };
        Self::index(rules, false)
    }

    /// It cannot be found out whom the policy governs, for a reason that a caller may have brought about
    /// (no descriptors left): nobody is taken for an ordinary user.
    #[must_use]
    pub fn blind() -> Self {
        Self { blind: true, ..Self::absent() }
    }

    /// Whom the policy governs beside uid 0 and the built-in groups.
    #[must_use]
    pub fn governed(&self) -> Governed<'p> {
        Governed {
            accounts: self.rules.governed_accounts.clone(),
            callers: self.rules.governed_callers.clone(),
            admin_groups: self.rules.admin_groups.clone(),
            exempt_services: self.rules.exempt_services.clone(),
        }
    }

    pub(crate) const fn is_blind(&self) -> bool {
        self.blind
    }

    /// Is it known whom the policy governs? Where it is not, who is taken for an ordinary user may be none.
    #[must_use]
    pub fn knows_whom_it_governs(&self) -> bool {
        self.sound || !(self.rules.governed_accounts.is_empty() && self.rules.admin_groups.is_empty())
    }

    /// The same, knowing that the active policy cannot be used: only break-glass keys count.
    #[must_use]
    pub fn unsound(mut self) -> Self {
        self.sound = false;
        self
    }

    /// Keys that were taken out by `tom revoke`, by blob.
    #[must_use]
    pub fn with_revoked(mut self, blobs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.revoked.extend(blobs);
        self
    }

    /// The same with these keys taken out and no others.
    #[must_use]
    pub fn with_exactly_revoked(mut self, blobs: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.revoked = blobs.into_iter().collect();
        self
    }

    /// The same without these keys among those taken out.
    #[must_use]
    pub fn without_revoked(mut self, blobs: &[Vec<u8>]) -> Self {
        self.revoked.retain(|blob| !blobs.contains(blob));
        self
    }

    fn index(rules: Rules<'p>, sound: bool) -> Self {
        let keys = (0_u32..).zip(&rules.keys).filter_map(|(number, key)| match key.holder {
            Holder::Person(person) => Some((person, number)),
            Holder::Machine(_) | Holder::MachineElsewhere => None,
        });
        let grants = (0_u32..)
            .zip(&rules.grants)
            .flat_map(|(number, grant)| grant.persons.iter().map(move |person| (*person, number)));
        let keys_of = ByPerson::new(rules.persons.len(), keys);
        let grants_of = ByPerson::new(rules.persons.len(), grants);
        let revoked = rules.revoked.iter().map(|blob| blob.to_vec()).collect();
        Self { rules, keys_of, grants_of, revoked, sound, blind: false }
    }

    /// The host id.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.rules.host
    }

    /// The serial of the policy.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.rules.serial
    }

    /// When it was applied, if it was.
    #[must_use]
    pub const fn applied(&self) -> Option<Moment> {
        self.rules.applied
    }

    /// Can the active policy be used?
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.sound
    }

    /// The class of the host, if a `[[host]]` gives it one.
    #[must_use]
    pub const fn class(&self) -> Option<&'p str> {
        self.rules.class
    }

    /// Accounts that a grant or machine names on this host, sorted.
    #[must_use]
    pub fn governed_accounts(&self) -> &[&'p str] {
        &self.rules.governed_accounts
    }

    /// Groups whose members are administrators here: built in, and the policy's.
    pub fn admin_groups(&self) -> impl Iterator<Item = &'p str> + '_ {
        crate::policy::ADMIN_GROUPS.into_iter().chain(self.rules.admin_groups.iter().copied())
    }

    /// The key of this blob.
    #[must_use]
    pub fn key(&self, blob: &[u8]) -> Option<&HostKey<'p>> {
        let found = self.rules.keys.binary_search_by(|key| key.blob.cmp(blob)).ok()?;
        self.rules.keys.get(found)
    }

    /// How the key of this blob stands: what rule 8 goes by.
    #[must_use]
    pub fn standing_of(&self, blob: &[u8]) -> Option<crate::policy::PinStanding> {
        self.key(blob).map(|key| key.pin)
    }

    /// Whose key it is, by id: a person's or a machine's. For logs; rules go by number.
    #[must_use]
    pub fn holder_of(&self, blob: &[u8]) -> Option<&'p str> {
        match self.key(blob)?.holder {
            Holder::Person(person) => self.person(person).map(|person| person.id),
            Holder::Machine(machine) => self.machine(machine).map(|machine| machine.id),
            Holder::MachineElsewhere => None,
        }
    }

    /// The person who has the key, by id.
    #[must_use]
    pub fn person_with(&self, blob: &[u8]) -> Option<&'p str> {
        match self.key(blob)?.holder {
            Holder::Person(person) => self.person(person).map(|person| person.id),
            Holder::Machine(_) | Holder::MachineElsewhere => None,
        }
    }

    /// All keys, of persons and machines, sorted by blob.
    #[must_use]
    pub fn keys(&self) -> &[HostKey<'p>] {
        &self.rules.keys
    }

    /// Was the key of this blob taken out by `tom revoke`?
    #[must_use]
    pub fn is_revoked(&self, blob: &[u8]) -> bool {
        self.revoked.contains(blob)
    }

    pub(crate) fn person(&self, number: u32) -> Option<&HostPerson<'p>> {
        self.rules.persons.get(at(number))
    }

    pub(crate) fn machine(&self, number: u32) -> Option<&HostMachine<'p>> {
        self.rules.machines.get(at(number))
    }

    pub(crate) fn key_of_machine(&self, machine: &HostMachine<'_>) -> Option<&HostKey<'p>> {
        self.key(machine.blob?)
    }

    pub(crate) fn networks(&self, numbers: &[u32]) -> impl Iterator<Item = &NetworkSet> {
        numbers.iter().filter_map(|number| self.rules.networks.get(at(*number)))
    }

    /// The person of this id.
    pub(crate) fn person_called(&self, id: &str) -> Option<u32> {
        let found = self.rules.persons.binary_search_by(|person| person.id.cmp(id)).ok()?;
        u32::try_from(found).ok()
    }

    pub(crate) fn keys_of(&self, person: u32) -> impl Iterator<Item = &HostKey<'p>> {
        self.keys_of.of(person).iter().filter_map(|number| self.rules.keys.get(at(*number)))
    }

    pub(crate) fn grants_of(&self, person: u32) -> impl Iterator<Item = &HostGrant<'p>> {
        self.grants_of.of(person).iter().filter_map(|number| self.rules.grants.get(at(*number)))
    }
}

/// An index into a list; one that no list is long enough for finds nothing.
fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
