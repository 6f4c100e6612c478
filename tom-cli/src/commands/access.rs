//! `tom access`: everyone who may enter, how, from where, by which proof.

use crate::arguments::AccessOptions;
use crate::commands::revoke;
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::policy_source::{self, PolicyRead};
use libtom::moment::Moment;
use libtom::network::NetworkSet;
use libtom::policy::{
    AccountPattern, Command, Grant, HostSelector, Key, Machine, MachineAccess, Party, Person, PinStanding, Policy,
};
use libtom::proof::Assessments;
use std::fmt::Display;
use tom_host::clock;

/// Lists who may enter.
pub(crate) fn run(options: &AccessOptions) -> Result<Exit, Failure> {
    let PolicyRead { policy, assessments } = policy_source::read(options.policy.as_deref())?;
    // The active policy is asked about this host; a file is shown whole unless a host is named.
    let host = match (&options.host, &options.policy) {
        (Some(host), _) => Some(host.clone()),
        (None, None) => Some(policy_source::this_host()?.id),
        (None, Some(_)) => None,
    };
    let now = Moment::from_unix(clock::now());
    let list = List {
        policy: &policy,
        is_revoked: &revoke::revoked_here(),
        assessments: &assessments,
        host: host.as_deref(),
        account: options.account.as_deref(),
        now,
        paint: Paint::for_stdout(),
    };
    output::data(&list.text());
    Ok(Exit::Fine)
}

struct List<'p> {
    policy: &'p Policy,
    /// Whether the key of a blob was taken out on this host.
    is_revoked: &'p dyn Fn(&[u8]) -> bool,
    assessments: &'p Assessments,
    host: Option<&'p str>,
    account: Option<&'p str>,
    now: Moment,
    paint: Paint,
}

impl List<'_> {
    fn text(&self) -> String {
        let mut text = match self.host {
            Some(host) => format!("{} on {host}, serial {}\n\n", self.paint.bold("Who may enter"), self.policy.serial),
            None => format!("{}, serial {}\n\n", self.paint.bold("Who may enter"), self.policy.serial),
        };
        let persons = self.persons();
        text.push_str(&self.table(&["PERSON", "OF", "ENTERS", "ON", "BY", "FROM", "WITH"], persons, "no person"));
        text.push('\n');
        text.push_str(&self.paint.bold("Machines"));
        text.push_str(" (jobs without a token)\n\n");
        let machines = self.machines();
        text.push_str(&self.table(
            &["MACHINE", "OWNER", "ENTERS", "ON", "FROM", "MAY DO", "REASON"],
            machines,
            "no machine",
        ));
        text
    }

    fn table(&self, head: &[&str], rows: Vec<Vec<String>>, nobody: &str) -> String {
        if rows.is_empty() {
            return format!("{nobody}\n");
        }
        let head = head.iter().map(|title| self.paint.dim(title)).collect();
        output::table(&[vec![head], rows].concat())
    }

    fn selects(&self, hosts: &HostSelector) -> bool {
        self.host.is_none_or(|host| hosts.selects(host, self.policy.host_rule(host).map(|rule| rule.class.as_str())))
    }

    fn persons(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        for grant in self.policy.grants.iter().filter(|grant| self.selects(&grant.hosts)) {
            for (number, person) in grant.persons.iter().filter_map(|n| Some((*n, self.policy.persons.get(*n)?))) {
                let accounts = accounts_of(grant, person);
                if self.is_welcome(person) && self.account.is_none_or(|account| accounts.iter().any(|a| a == account)) {
                    rows.push(vec![
                        self.person(person),
                        person.party.to_string(),
                        accounts.join(", "),
                        hosts_in_words(&grant.hosts),
                        services_in_words(grant),
                        grant.from.as_ref().map_or_else(|| "the host itself".to_owned(), spaced),
                        self.keys(number),
                    ]);
                }
            }
        }
        rows
    }

    /// A customer's person may enter hosts of that customer alone.
    fn is_welcome(&self, person: &Person) -> bool {
        let (Some(host), Party::Customer(customer)) = (self.host, &person.party) else { return true };
        self.policy.host_rule(host).is_some_and(|rule| rule.customers.contains(customer))
    }

    fn person(&self, person: &Person) -> String {
        match person.valid_until {
            Some(day) if day.is_past(self.now) => self.paint.red(&format!("{} (expired {day})", person.id)),
            Some(day) => format!("{} (until {day})", person.id),
            None => person.id.clone(),
        }
    }

    fn keys(&self, person: usize) -> String {
        let keys: Vec<String> = self.policy.keys_of(person).map(|key| self.key(key)).collect();
        if keys.is_empty() { self.paint.red("no key") } else { keys.join("; ") }
    }

    fn key(&self, key: &Key) -> String {
        let spare = if key.break_glass { ", break-glass" } else { "" };
        if (self.is_revoked)(key.public.blob()) {
            return self.paint.red(&format!("{}: REVOKED on this host{spare}", key.label));
        }
        let text = match key.pin {
            PinStanding::NotProven => self.paint.red(&format!("{}: PIN not proven{spare}", key.label)),
            PinStanding::Proven => {
                let assessment = self.assessments.of(key.public.blob());
                let token = assessment.map_or_else(String::new, |proven| format!(" ({})", proven.sentence));
                self.paint.green(&format!("{}: {}, proven{token}{spare}", key.label, key.proof.name()))
            }
            PinStanding::Declared => {
                self.paint.yellow(&format!("{}: {}, declared{spare}", key.label, key.proof.name()))
            }
            PinStanding::NotNeeded => self.paint.yellow(&format!("{}: ordinary key{spare}", key.label)),
            PinStanding::FirmwareTooOld => self.paint.red(&format!("{}: firmware too old{spare}", key.label)),
        };
        match key.valid_until {
            Some(day) if day.is_past(self.now) => format!("{text} {}", self.paint.red(&format!("(expired {day})"))),
            Some(day) => format!("{text} (until {day})"),
            None => text,
        }
    }

    fn machines(&self) -> Vec<Vec<String>> {
        let asked = |machine: &&Machine| {
            self.selects(&machine.hosts)
                && self.account.is_none_or(|account| machine.accounts.iter().any(|a| a == account))
        };
        self.policy.machines.iter().filter(asked).map(|machine| self.machine(machine)).collect()
    }

    fn machine(&self, machine: &Machine) -> Vec<String> {
        let owner = self.policy.persons.get(machine.owner).map_or("?", |person| person.id.as_str());
        let (from, may) = match &machine.access {
            MachineAccess::Login { from, command, .. } => (
                spaced(from),
                match command {
                    Command::Forced(command) => command.clone(),
                    Command::Unrestricted => self.paint.red("ANYTHING (unrestricted)"),
                },
            ),
            MachineAccess::Sudo { via } => (format!("account {}", via.join(", ")), "what sudoers lets it".to_owned()),
        };
        let is_revoked = match &machine.access {
            MachineAccess::Login { public, .. } => (self.is_revoked)(public.blob()),
            MachineAccess::Sudo { .. } => false,
        };
        let id = match machine.until {
            _ if is_revoked => self.paint.red(&format!("{} (REVOKED on this host)", machine.id)),
            Some(day) if day.is_past(self.now) => self.paint.red(&format!("{} (expired {day})", machine.id)),
            Some(day) => format!("{} (until {day})", machine.id),
            None => machine.id.clone(),
        };
        let hosts = hosts_in_words(&machine.hosts);
        vec![id, owner.to_owned(), machine.accounts.join(", "), hosts, from, may, machine.reason.clone()]
    }
}

/// The accounts that a grant lets a person enter.
pub(crate) fn accounts_of(grant: &Grant, person: &Person) -> Vec<String> {
    let name = |pattern: &AccountPattern| match pattern {
        AccountPattern::Named(name) => name.clone(),
        AccountPattern::ThePerson => person.id.clone(),
    };
    grant.accounts.iter().map(name).collect()
}

/// The hosts of a grant or machine.
pub(crate) fn hosts_in_words(hosts: &HostSelector) -> String {
    let of_class = hosts.classes.as_ref().map(|classes| format!("class {}", classes.join(" or ")));
    let by_id = hosts.globs.as_ref().map(|globs| {
        if globs.len() == 1 && globs.iter().any(|g| g == "*") { "all hosts".to_owned() } else { globs.join(", ") }
    });
    match (by_id, of_class) {
        (Some(ids), Some(classes)) => format!("{ids} of {classes}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    }
}

fn services_in_words(grant: &Grant) -> String {
    let names: Vec<&str> = grant.services.iter().map(libtom::policy::Service::name).collect();
    let via = grant.via.as_ref().map(|via| format!(" (su, sudo from {})", joined(via))).unwrap_or_default();
    format!("{}{via}", names.join(", "))
}

/// Networks with a space behind each comma, for people.
fn spaced(networks: &NetworkSet) -> String {
    networks.to_string().replace(',', ", ")
}

fn joined(list: &[impl Display]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
