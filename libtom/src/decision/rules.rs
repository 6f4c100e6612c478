//! The rules, in the order of interfaces.md. The one place where an allow is made is [`grant`].
//!
//! Rules 4 to 8 narrow a set of candidates, and the rule that empties it gives the reason. A candidate
//! passes the rules one after the other until one stops it, so the rule that empties the set is the
//! furthest that any candidate reached: one pass, nothing stored, whatever the number of candidates.

use super::explanation::{Candidate, Explanation, Recorder};
use super::reason::{Denial, Exemption};
use super::request::{Groups, Key, Origin, Phase, Request};
use super::verdict::{Allow, Decision, Obligations, Principal};
use crate::host_policy::{
    Accounts, ConsoleRule, Holder, HostGrant, HostKey, HostMachine, HostMachineAccess, HostPolicy,
};
use crate::policy::{EXEMPT_SERVICES, PinStanding, Service};
use alloc::vec::Vec;

/// Decides a request. Deny is what is left when no rule says otherwise.
pub fn decide<'p>(policy: &'p HostPolicy<'p>, request: &Request<'_>) -> Decision<'p> {
    judge(policy, request, &mut Recorder::silent())
}

/// Decides a request and tells each step.
#[must_use]
pub fn explain<'p>(policy: &'p HostPolicy<'p>, request: &Request<'_>) -> Explanation<'p> {
    let mut recorder = Recorder::listening();
    let decision = judge(policy, request, &mut recorder);
    recorder.into_explanation(decision)
}

/// Will the groups of the account (or, where it is not yet known, of the caller) be asked for? A program
/// looks them up only then: uid 0 and named accounts are decided without.
#[must_use]
pub fn needs_groups(policy: &HostPolicy<'_>, request: &Request<'_>) -> bool {
    exemption(policy, request).is_none() && !governed_without_groups(policy, request)
}

fn judge<'p>(policy: &'p HostPolicy<'p>, request: &Request<'_>, recorder: &mut Recorder<'p>) -> Decision<'p> {
    // Rule 1: is the request governed at all?
    if let Err(end) = governed(policy, request) {
        return match end {
            NotFurther::Exempt(exemption) => Decision::NotGoverned(exemption),
            NotFurther::Unknown => Decision::Deny(Denial::AccountUnknown),
        };
    }
    recorder.governed(policy, request);
    // Rule 2: can the policy be used at this moment?
    let fault = fault(policy, request);
    recorder.soundness(policy, request, fault);
    let asked = Asked::new(policy, request, fault.is_some());
    match (candidates(&asked, recorder), fault) {
        (Ok(allow), _) => Decision::Allow(allow),
        (Err(denial), None) => Decision::Deny(denial),
        (Err(_), Some(_)) if console_is_open(policy, request) => Decision::NotGoverned(Exemption::BreakGlassConsole),
        (Err(_), Some(fault)) => Decision::Deny(fault),
    }
}

/// Why rule 1 ends the matter.
enum NotFurther {
    Exempt(Exemption),
    Unknown,
}

/// Rule 1.
fn governed(policy: &HostPolicy<'_>, request: &Request<'_>) -> Result<(), NotFurther> {
    if let Some(exemption) = exemption(policy, request) {
        return Err(NotFurther::Exempt(exemption));
    }
    if governed_without_groups(policy, request) {
        return Ok(());
    }
    if policy.is_blind() {
        return Err(NotFurther::Unknown);
    }
    let groups = if request.account.is_some() { request.groups } else { request.invoker_groups };
    let Groups::Known(groups) = groups else { return Err(NotFurther::Unknown) };
    if policy.admin_groups().any(|admin| groups.contains(&admin)) {
        Ok(())
    } else {
        Err(NotFurther::Exempt(Exemption::AccountNotGoverned))
    }
}

/// Rule 1, its two exemptions; both end where an address is said.
fn exemption(policy: &HostPolicy<'_>, request: &Request<'_>) -> Option<Exemption> {
    if request.origin.is_remote() {
        return None;
    }
    let service = Service::of_pam(request.service);
    if service.is_some_and(Service::has_caller) && request.invoker_uid == Some(0) {
        return Some(Exemption::CallerIsRoot);
    }
    let exempt = EXEMPT_SERVICES.contains(&request.service) || policy.rules.exempt_services.contains(&request.service);
    (exempt && service.is_none()).then_some(Exemption::ServiceExempt)
}

/// Rule 1, as far as it can be said without looking up groups.
fn governed_without_groups(policy: &HostPolicy<'_>, request: &Request<'_>) -> bool {
    match (request.account, request.invoker) {
        (Some(account), _) => request.uid == Some(0) || policy.rules.governed_accounts.binary_search(&account).is_ok(),
        (None, Some(invoker)) => policy.rules.governed_callers.binary_search(&invoker).is_ok(),
        (None, None) => false,
    }
}

/// Rule 2.
fn fault(policy: &HostPolicy<'_>, request: &Request<'_>) -> Option<Denial> {
    if !policy.is_sound() {
        return Some(Denial::PolicyUnusable);
    }
    if !request.at.is_plausible() {
        return Some(Denial::ClockImplausible);
    }
    let expired = policy.rules.expires.is_some_and(|expires| request.at >= expires);
    expired.then_some(Denial::PolicyExpired)
}

/// Rule 2, its last sentence; asked only where nothing else lets in.
fn console_is_open(policy: &HostPolicy<'_>, request: &Request<'_>) -> bool {
    policy.rules.console == ConsoleRule::Password
        && Service::of_pam(request.service) == Some(Service::Login)
        && !request.origin.is_remote()
}

/// A request with what all candidates share looked up once.
pub(super) struct Asked<'p, 'r> {
    pub(super) policy: &'p HostPolicy<'p>,
    pub(super) request: &'r Request<'r>,
    service: Option<Service>,
    /// The person called as the account is.
    account_person: Option<u32>,
    /// The person called as the caller is.
    invoker_person: Option<u32>,
    /// Rule 2 has failed: only break-glass keys are left, and no machine.
    break_glass_only: bool,
}

impl<'p, 'r> Asked<'p, 'r> {
    fn new(policy: &'p HostPolicy<'p>, request: &'r Request<'r>, break_glass_only: bool) -> Self {
        Self {
            policy,
            request,
            service: Service::of_pam(request.service),
            account_person: request.account.and_then(|account| policy.person_called(account)),
            invoker_person: request.invoker.and_then(|invoker| policy.person_called(invoker)),
            break_glass_only,
        }
    }
}

/// Which of a grant's persons something is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Persons {
    All,
    One(u32),
    None,
}

impl Persons {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, x) | (x, Self::All) => x,
            (Self::One(a), Self::One(b)) if a == b => self,
            _ => Self::None,
        }
    }

    fn holds(self, person: u32) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == person,
            Self::None => false,
        }
    }

    /// Is it for any person of the grant?
    fn meets(self, grant: &HostGrant<'_>) -> bool {
        match self {
            Self::All => !grant.persons.is_empty(),
            Self::One(one) => grant.persons.binary_search(&one).is_ok(),
            Self::None => false,
        }
    }
}

/// For whom an account is among these: for all where it is named, for the one called so by `{person}`.
fn among(accounts: &Accounts<'_>, account: &str, person: Option<u32>) -> Persons {
    if accounts.names.contains(&account) {
        return Persons::All;
    }
    match person {
        Some(person) if accounts.the_person => Persons::One(person),
        _ => Persons::None,
    }
}

impl<'p> Asked<'p, '_> {
    /// Rule 3 for a grant: the persons for whom its accounts, services and `via` match.
    fn selects(&self, grant: &HostGrant<'_>) -> Persons {
        let Some(service) = self.service.filter(|service| grant.services.contains(*service)) else {
            return Persons::None;
        };
        let by_account = match self.request.account {
            Some(account) => among(&grant.accounts, account, self.account_person),
            None => Persons::All,
        };
        let by_caller = match &grant.via {
            Some(via) if service.has_caller() => match self.request.invoker {
                Some(invoker) => among(via, invoker, self.invoker_person),
                None => Persons::None,
            },
            _ => Persons::All,
        };
        by_account.and(by_caller)
    }

    /// Rule 3 for a machine.
    fn selects_machine(&self, machine: &HostMachine<'_>) -> bool {
        if self.break_glass_only {
            return false;
        }
        let fits = match &machine.access {
            HostMachineAccess::Login { .. } => self.service == Some(Service::Sshd),
            HostMachineAccess::Sudo { via } => {
                self.service == Some(Service::Sudo)
                    && self.request.invoker.is_some_and(|invoker| via.contains(&invoker))
            }
        };
        fits && self.request.account.is_none_or(|account| machine.accounts.contains(&account))
    }

    fn grants(&self) -> impl Iterator<Item = (&'p HostGrant<'p>, Persons)> {
        self.policy
            .rules
            .grants
            .iter()
            .map(|grant| (grant, self.selects(grant)))
            .filter(|(grant, who)| who.meets(grant))
    }

    fn machines(&self) -> impl Iterator<Item = &'p HostMachine<'p>> {
        self.policy.rules.machines.iter().filter(|machine| self.selects_machine(machine))
    }

    /// Does the key count at all just now?
    fn counts(&self, key: &HostKey<'_>) -> bool {
        key.break_glass || !self.break_glass_only
    }
}

/// One of those whom a request may be granted to.
#[derive(Clone, Copy)]
pub(super) enum Contender<'p> {
    Person { grant: &'p HostGrant<'p>, person: u32, key: &'p HostKey<'p> },
    Machine { machine: &'p HostMachine<'p>, key: Option<&'p HostKey<'p>> },
}

impl<'p> Contender<'p> {
    /// The numbers of the networks it may come from.
    pub(super) fn from(self) -> &'p [u32] {
        match self {
            Self::Person { grant, .. } => grant.from.as_deref().unwrap_or_default(),
            Self::Machine { machine, .. } => match &machine.access {
                HostMachineAccess::Login { from, .. } => from,
                HostMachineAccess::Sudo { .. } => &[],
            },
        }
    }
}

/// Rules 3 to 9.
fn candidates<'p>(asked: &Asked<'p, '_>, recorder: &mut Recorder<'p>) -> Result<Allow<'p>, Denial> {
    // Rule 3.
    if asked.grants().next().is_none() && asked.machines().next().is_none() {
        return Err(Denial::NoGrant);
    }
    recorder
        .granted_to(|| (asked.grants().map(|(grant, _)| grant.id).collect(), asked.machines().map(|m| m.id).collect()));
    // Rule 4 says which of the candidates are left, rules 5 to 8 try each of them.
    let mut trial = Trial { asked, recorder, left: Vec::new(), furthest: None };
    if asked.request.phase == Phase::Account {
        if !any_has_a_key(asked) {
            return Err(Denial::KeyUnknown);
        }
        trial.everybody();
    } else {
        match &asked.request.key {
            Key::Missing => trial.without_key()?,
            Key::Unreadable => return Err(Denial::KeyUnknown),
            Key::Blob(blob) => {
                let key = asked.policy.key(blob).filter(|key| asked.counts(key)).ok_or(Denial::KeyUnknown)?;
                trial.recorder.key(asked.policy, key);
                trial.with_key(key)?;
            }
        }
    }
    // Rule 9: the first that is left.
    match (trial.left.first().copied(), trial.furthest) {
        (Some(first), _) => Ok(grant(asked, first, &trial.left)),
        (None, furthest) => Err(furthest.unwrap_or(Denial::NoGrant)),
    }
}

/// Rule 4 in phase `account`: has any candidate a key?
fn any_has_a_key(asked: &Asked<'_, '_>) -> bool {
    let keyed = |person: &u32| asked.policy.keys_of(*person).any(|key| asked.counts(key));
    asked.grants().any(|(grant, who)| grant.persons.iter().filter(|person| who.holds(**person)).any(keyed))
        || asked.machines().any(|machine| matches!(machine.access, HostMachineAccess::Login { .. }))
}

/// Tries candidates against rules 5 to 8, in their order.
struct Trial<'t, 'p, 'r> {
    asked: &'t Asked<'p, 'r>,
    recorder: &'t mut Recorder<'p>,
    left: Vec<Contender<'p>>,
    furthest: Option<Denial>,
}

impl<'p> Trial<'_, 'p, '_> {
    /// Is nothing more to be learned? An offer needs all that is left, for its networks.
    fn is_settled(&self) -> bool {
        !self.left.is_empty() && self.asked.request.phase != Phase::Offer && !self.recorder.is_listening()
    }

    fn attempt(&mut self, contender: Contender<'p>) {
        let outcome = examine(self.asked, contender);
        self.recorder.candidate(|| Candidate::new(self.asked, contender, outcome.err()));
        match outcome {
            Ok(()) => self.left.push(contender),
            Err(denial) => self.furthest = self.furthest.max(Some(denial)),
        }
    }

    /// Phase `account`: all keys are asked.
    fn everybody(&mut self) {
        let asked = self.asked;
        for (grant, who) in asked.grants() {
            for person in grant.persons.iter().filter(|person| who.holds(**person)) {
                for key in asked.policy.keys_of(*person).filter(|key| asked.counts(key)) {
                    self.attempt(Contender::Person { grant, person: *person, key });
                    if self.is_settled() {
                        return;
                    }
                }
            }
        }
        for machine in asked.machines() {
            let key = asked.policy.key_of_machine(machine);
            self.attempt(Contender::Machine { machine, key });
            if self.is_settled() {
                return;
            }
        }
    }

    /// A key is needed, but for machines that use sudo.
    fn without_key(&mut self) -> Result<(), Denial> {
        let mut any = false;
        for machine in self.asked.machines() {
            if matches!(machine.access, HostMachineAccess::Sudo { .. }) {
                any = true;
                self.attempt(Contender::Machine { machine, key: None });
            }
        }
        if any { Ok(()) } else { Err(Denial::KeyMissing) }
    }

    /// A known key: its person's grants, or its machine.
    fn with_key(&mut self, key: &'p HostKey<'p>) -> Result<(), Denial> {
        let asked = self.asked;
        let mut any = false;
        match key.holder {
            Holder::Person(person) => {
                for grant in asked.policy.grants_of(person).filter(|grant| asked.selects(grant).holds(person)) {
                    any = true;
                    self.attempt(Contender::Person { grant, person, key });
                }
            }
            Holder::Machine(number) => {
                if let Some(machine) = asked.policy.machine(number).filter(|machine| asked.selects_machine(machine)) {
                    any = true;
                    self.attempt(Contender::Machine { machine, key: Some(key) });
                }
            }
            Holder::MachineElsewhere => {}
        }
        if any { Ok(()) } else { Err(Denial::NoGrant) }
    }
}

/// Rules 5 to 8 for one candidate: the first that stops it.
fn examine(asked: &Asked<'_, '_>, contender: Contender<'_>) -> Result<(), Denial> {
    let (policy, request) = (asked.policy, asked.request);
    let (key, person) = match contender {
        Contender::Person { person, key, .. } => (Some(key), Some(policy.person(person).ok_or(Denial::NoGrant)?)),
        Contender::Machine { key, .. } => (key, None),
    };
    // Rule 5: revoked, expired.
    if key.is_some_and(|key| policy.is_revoked(key.blob)) {
        return Err(Denial::KeyRevoked);
    }
    if person.and_then(|person| person.valid_until).is_some_and(|day| day.is_past(request.at)) {
        return Err(Denial::PersonExpired);
    }
    let ends = match contender {
        Contender::Person { key, .. } => key.valid_until,
        Contender::Machine { machine, .. } => machine.until,
    };
    if ends.is_some_and(|day| day.is_past(request.at)) {
        return Err(Denial::KeyExpired);
    }
    // Rule 6: customers' persons on their own hosts alone.
    if person.and_then(|person| person.customer).is_some_and(|customer| !policy.rules.customers.contains(&customer)) {
        return Err(Denial::WrongCustomer);
    }
    // Rule 7: the address.
    if request.phase != Phase::Offer && (asked.service == Some(Service::Sshd) || request.origin.is_remote()) {
        let Origin::Address(address) = request.origin else { return Err(Denial::AddressUnknown) };
        if !policy.networks(contender.from()).any(|set| set.contains(address)) {
            return Err(Denial::AddressNotAllowed);
        }
    }
    // Rule 8: the PIN. Machines have none; that is why they are declared.
    match (contender, key.map(|key| key.pin)) {
        (Contender::Machine { .. }, _) => Ok(()),
        (Contender::Person { .. }, Some(PinStanding::Proven | PinStanding::Declared | PinStanding::NotNeeded)) => {
            Ok(())
        }
        (Contender::Person { .. }, Some(PinStanding::FirmwareTooOld)) => Err(Denial::FirmwareTooOld),
        (Contender::Person { .. }, Some(PinStanding::NotProven) | None) => Err(Denial::PinNotProven),
    }
}

/// Rule 9. The only place where an allow is made.
fn grant<'p>(asked: &Asked<'p, '_>, first: Contender<'p>, left: &[Contender<'p>]) -> Allow<'p> {
    let policy = asked.policy;
    let principal = match first {
        _ if asked.request.phase == Phase::Account => Principal::NotYetKnown,
        Contender::Person { grant, person, key } => Principal::Person {
            person: policy.person(person).map_or("", |person| person.id),
            key_label: key.label,
            grant: grant.id,
            break_glass: asked.break_glass_only,
        },
        Contender::Machine { machine, .. } => Principal::Machine { machine: machine.id },
    };
    let obligations = (asked.request.phase == Phase::Offer).then(|| obligations(asked, first, left)).flatten();
    Allow { principal, obligations }
}

/// What sshd must be told with the key of an allowed offer.
fn obligations<'p>(asked: &Asked<'p, '_>, first: Contender<'p>, left: &[Contender<'p>]) -> Option<Obligations<'p>> {
    let policy = asked.policy;
    let from = left.iter().flat_map(|contender| policy.networks(contender.from())).collect();
    let (key, forced_command, day_ends) = match first {
        Contender::Person { person, key, .. } => (key, None, [policy.person(person)?.valid_until, key.valid_until]),
        Contender::Machine { machine, key } => match &machine.access {
            HostMachineAccess::Login { command, .. } => (key?, *command, [machine.until, None]),
            HostMachineAccess::Sudo { .. } => return None,
        },
    };
    let policy_ends = policy.rules.expires.filter(|_| !key.break_glass);
    let ends = day_ends.into_iter().flatten().map(|day| day.last_second()).chain(policy_ends).min();
    Some(Obligations { key, forced_command, from, ends })
}
