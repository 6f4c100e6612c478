//! The entries of a policy, resolved: persons, keys and networks are meant by number, not by name.

use crate::moment::{Day, Moment};
use crate::network::NetworkSet;
use crate::policy::names::{Service, ServiceSet};
use crate::policy::problem::Position;
use crate::public_key::PublicKey;
use crate::{decision::Phase, decision::Reason, glob};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A whole policy, sound in itself. Made by [`crate::policy::parse`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Ascends with each change; `tom apply` takes no lower one than the active.
    pub serial: u64,
    /// The company that answers for the hosts.
    pub operator: String,
    /// From this moment on only break-glass keys count.
    pub expires: Option<Moment>,
    /// What a key needs to count as PIN-protected.
    pub assurance: Assurance,
    /// The oldest firmware of a token that counts, under [`Assurance::Attested`].
    pub minimum_firmware: Option<Firmware>,
    /// Admin groups beside the built-in ones.
    pub admin_groups: Vec<String>,
    /// Exempt services beside the built-in ones.
    pub exempt_services: Vec<String>,
    /// Networks by name.
    pub networks: Vec<(String, NetworkSet)>,
    /// Persons, in file order.
    pub persons: Vec<Person>,
    /// Their keys, in file order.
    pub keys: Vec<Key>,
    /// Grants, in file order.
    pub grants: Vec<Grant>,
    /// Machines, in file order.
    pub machines: Vec<Machine>,
    /// Hosts, in file order: the first that matches counts.
    pub hosts: Vec<HostRule>,
    /// The policy's own tests.
    pub expectations: Vec<Expectation>,
}

impl Policy {
    /// The `[[host]]` that counts for a host id.
    #[must_use]
    pub fn host_rule(&self, host: &str) -> Option<&HostRule> {
        self.hosts.iter().find(|rule| rule.globs.iter().any(|glob| glob::matches(glob, host)))
    }

    /// The keys of a person.
    pub fn keys_of(&self, person: usize) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.person == person)
    }
}

/// What a fido or piv key needs to count as PIN-protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Assurance {
    /// The maker's attestation, verified when the policy is applied.
    #[default]
    #[n(0)]
    Attested,
    /// The operator's word, shown wherever a key is shown.
    #[n(1)]
    Declared,
}

/// A firmware version, `major.minor.patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode)]
pub struct Firmware {
    /// First number.
    #[n(0)]
    pub major: u8,
    /// Second number.
    #[n(1)]
    pub minor: u8,
    /// Third number, 0 where it is not written.
    #[n(2)]
    pub patch: u8,
}

impl Firmware {
    /// Reads `5.7` or `5.7.4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text
            .split('.')
            .map(|digits| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u8>().ok()).flatten());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        let patch = numbers.next().unwrap_or(Some(0))?;
        numbers.next().is_none().then_some(Self { major, minor, patch })
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// On whose side a person stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// The hosting company.
    Operator,
    /// A customer, valid on that customer's hosts alone.
    Customer(String),
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Customer(id) => write!(f, "customer:{id}"),
        }
    }
}

/// A named person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The short name that logs and grants use.
    pub id: String,
    /// The full name.
    pub name: String,
    /// What the person does.
    pub role: String,
    /// On whose side the person stands.
    pub party: Party,
    /// The last valid day.
    pub valid_until: Option<Day>,
}

/// What is said of the place where a key lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A FIDO token: sshd can demand its PIN at each login.
    Fido,
    /// A PIV token: a plain key to sshd; only attestation tells it from a file.
    Piv,
    /// An ordinary key; customers' persons only.
    None,
}

impl Proof {
    /// The word in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fido => "fido",
            Self::Piv => "piv",
            Self::None => "none",
        }
    }
}

/// Names of the evidence files of a key, below the evidence directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// What `ssh-keygen -O write-attestation=… -O challenge=…` left.
    Fido {
        /// The attestation.
        attestation: String,
        /// The challenge it answers.
        challenge: String,
    },
    /// What a PIV token attested.
    Piv {
        /// The certificate of the slot.
        slot: String,
        /// The certificate of the device that signed it.
        device: String,
    },
}

impl Evidence {
    /// The two files named.
    #[must_use]
    pub fn files(&self) -> [&str; 2] {
        match self {
            Self::Fido { attestation, challenge } => [attestation, challenge],
            Self::Piv { slot, device } => [slot, device],
        }
    }
}

/// What is known of the PIN before a key: rule 8 asks this and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum PinStanding {
    /// Nothing is proven. The default.
    #[default]
    #[n(0)]
    NotProven,
    /// The operator vouches for it (`assurance = "declared"`).
    #[n(1)]
    Declared,
    /// None is needed: a customer's own key.
    #[n(2)]
    NotNeeded,
    /// Proven, but of a token whose firmware is older than the policy takes.
    #[n(3)]
    FirmwareTooOld,
    /// Proven by the maker of the token.
    #[n(4)]
    Proven,
}

/// A person's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Whose key it is: a number in [`Policy::persons`].
    pub person: usize,
    /// What the person calls it; once per person.
    pub label: String,
    /// The key.
    pub public: PublicKey,
    /// Where it is said to live.
    pub proof: Proof,
    /// The evidence for that.
    pub evidence: Option<Evidence>,
    /// The last valid day.
    pub valid_until: Option<Day>,
    /// Does it count when the policy is expired or cannot be read?
    pub break_glass: bool,
    /// What is known of its PIN.
    pub pin: PinStanding,
    /// Where it stands in the text.
    pub position: Position,
}

/// An account that a grant names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountPattern {
    /// This account.
    Named(String),
    /// `{person}`: the account that is called as the person is.
    ThePerson,
}

impl fmt::Display for AccountPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::ThePerson => f.write_str("{person}"),
        }
    }
}

/// The hosts a grant or machine is for: where both are given, both must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostSelector {
    /// Globs on the host id, one of which matches.
    pub globs: Option<Vec<String>>,
    /// Classes, one of which is the host's.
    pub classes: Option<Vec<String>>,
}

impl HostSelector {
    /// Does it select this host of this class?
    #[must_use]
    pub fn selects(&self, host: &str, class: Option<&str>) -> bool {
        let by_id = self.globs.as_ref().is_none_or(|globs| globs.iter().any(|glob| glob::matches(glob, host)));
        let by_class =
            self.classes.as_ref().is_none_or(|classes| class.is_some_and(|class| classes.iter().any(|c| c == class)));
        by_id && by_class
    }
}

/// Who may enter what, where, how and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The name of the grant, in logs and answers.
    pub id: String,
    /// Numbers in [`Policy::persons`].
    pub persons: Vec<usize>,
    /// The accounts entered.
    pub accounts: Vec<AccountPattern>,
    /// The hosts.
    pub hosts: HostSelector,
    /// The services.
    pub services: ServiceSet,
    /// Names of networks, as written; empty where the grant has no `from`.
    pub from_names: Vec<String>,
    /// The networks, merged; nothing where the grant has no `from`.
    pub from: Option<NetworkSet>,
    /// For su and sudo: the accounts it may be done from; nothing for any.
    pub via: Option<Vec<AccountPattern>>,
}

/// What a machine's key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// This command and nothing else.
    Forced(String),
    /// Anything: a declared exception that every report shows.
    Unrestricted,
}

/// How a machine gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineAccess {
    /// By SSH, with an ordinary key.
    Login {
        /// The key.
        public: PublicKey,
        /// Names of networks, as written.
        from_names: Vec<String>,
        /// The networks, merged.
        from: NetworkSet,
        /// What the key may do.
        command: Command,
    },
    /// By sudo, from these accounts of the host itself.
    Sudo {
        /// The accounts it is done from.
        via: Vec<String>,
    },
}

/// A job: never a person, always with one who answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The name of the job.
    pub id: String,
    /// Who answers for it: a number in [`Policy::persons`].
    pub owner: usize,
    /// How it gets in.
    pub access: MachineAccess,
    /// The accounts entered.
    pub accounts: Vec<String>,
    /// The hosts.
    pub hosts: HostSelector,
    /// Why it is needed.
    pub reason: String,
    /// The last valid day.
    pub until: Option<Day>,
    /// Where it stands in the text.
    pub position: Position,
}

/// What is known of the hosts that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// Globs on the host id.
    pub globs: Vec<String>,
    /// What kind of host it is.
    pub class: String,
    /// Customers whose persons may be granted here.
    pub customers: Vec<String>,
    /// The day it was put into service.
    pub commissioned: Option<Day>,
}

/// With whose key an expectation is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Without a key.
    Nobody,
    /// With some key of a person: a number in [`Policy::persons`].
    Person(usize),
    /// With the key of a machine: a number in [`Policy::machines`].
    Machine(usize),
    /// With this key, whoever's it is.
    Key(PublicKey),
}

/// One of the three verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `allow`
    Allow,
    /// `deny`
    Deny,
    /// `not-governed`
    NotGoverned,
}

impl Verdict {
    /// The word in policies and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::NotGoverned => "not-governed",
        }
    }
}

/// A test that the policy carries with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it stands in the text.
    pub position: Position,
    /// The account entered.
    pub account: String,
    /// The PAM service.
    pub service: String,
    /// The phase asked.
    pub phase: Phase,
    /// The host, else the one it is evaluated on.
    pub host: Option<String>,
    /// With whose key.
    pub subject: Subject,
    /// The client's address, as written.
    pub from: Option<String>,
    /// The moment, else the one it is evaluated at.
    pub at: Option<Moment>,
    /// The uid of the account.
    pub uid: Option<u32>,
    /// The groups of the account.
    pub groups: Vec<String>,
    /// The account of the caller.
    pub invoker: Option<String>,
    /// The groups of the caller.
    pub invoker_groups: Vec<String>,
    /// What must come out.
    pub verdict: Verdict,
    /// And why.
    pub reason: Option<Reason>,
}

impl Expectation {
    /// The one of the four services it asks, if it is one of them.
    #[must_use]
    pub fn known_service(&self) -> Option<Service> {
        Service::of_pam(&self.service)
    }
}
