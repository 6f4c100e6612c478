//! The answer: allow, deny or not governed, each with its reason.

use super::reason::{Denial, Exemption, Reason};
use crate::host_policy::HostKey;
use crate::moment::Moment;
use crate::network::NetworkSet;
use crate::policy::Verdict;
use alloc::vec::Vec;

/// What is decided about a request. Nothing but [`Decision::Allow`] grants anything, and one can be
/// made by [`crate::decision::decide`] alone.
#[derive(Debug)]
#[must_use = "a decision that nobody reads protects nothing"]
pub enum Decision<'p> {
    /// Let in, with what goes with it.
    Allow(Allow<'p>),
    /// Not let in.
    Deny(Denial),
    /// Not tom's to decide: whatever else guards this host goes on as before.
    NotGoverned(Exemption),
}

impl Default for Decision<'_> {
    fn default() -> Self {
        Self::Deny(Denial::PolicyUnusable)
    }
}

impl<'p> Decision<'p> {
    /// The verdict alone, for logs and answers.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Allow(_) => Verdict::Allow,
            Self::Deny(_) => Verdict::Deny,
            Self::NotGoverned(_) => Verdict::NotGoverned,
        }
    }

    /// The rule that made it.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Allow(_) => Reason::Granted,
            Self::Deny(denial) => Reason::Denied(*denial),
            Self::NotGoverned(exemption) => Reason::NotGoverned(*exemption),
        }
    }

    /// Who is let in, for an allow.
    #[must_use]
    pub const fn principal(&self) -> Option<&Principal<'p>> {
        match self {
            Self::Allow(allow) => Some(&allow.principal),
            Self::Deny(_) | Self::NotGoverned(_) => None,
        }
    }

    /// The six fields that every answer has.
    #[must_use]
    pub fn answer(&self) -> Answer<'p> {
        let mut answer = Answer {
            verdict: self.verdict().name(),
            reason: self.reason().name(),
            person: None,
            key_label: None,
            grant: None,
            machine: None,
        };
        match self.principal() {
            Some(Principal::Person { person, key_label, grant, .. }) => {
                answer.person = Some(person);
                answer.key_label = Some(key_label);
                answer.grant = Some(grant);
            }
            Some(Principal::Machine { machine }) => answer.machine = Some(machine),
            Some(Principal::NotYetKnown) | None => {}
        }
        answer
    }
}

/// A decision as it is told to other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'p> {
    /// `allow`, `deny` or `not-governed`.
    pub verdict: &'static str,
    /// The rule.
    pub reason: &'static str,
    /// Who is let in.
    pub person: Option<&'p str>,
    /// By which key.
    pub key_label: Option<&'p str>,
    /// By which grant.
    pub grant: Option<&'p str>,
    /// Which job is let in.
    pub machine: Option<&'p str>,
}

/// Who is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal<'p> {
    /// A person.
    Person {
        /// Id of the person.
        person: &'p str,
        /// Label of the key.
        key_label: &'p str,
        /// Id of the grant.
        grant: &'p str,
        /// Was it a break-glass key, at a time when only those count?
        break_glass: bool,
    },
    /// A machine.
    Machine {
        /// Id of the machine.
        machine: &'p str,
    },
    /// Somebody who may enter from there; who it is the session phase sees (phase `account`).
    NotYetKnown,
}

/// Leave to let somebody in. There is no way to make one outside `decision`.
#[derive(Debug)]
pub struct Allow<'p> {
    pub(super) principal: Principal<'p>,
    pub(super) obligations: Option<Obligations<'p>>,
}

impl<'p> Allow<'p> {
    /// Who is let in.
    #[must_use]
    pub const fn principal(&self) -> &Principal<'p> {
        &self.principal
    }

    /// What sshd must be told with the key, in phase `offer`.
    #[must_use]
    pub const fn obligations(&self) -> Option<&Obligations<'p>> {
        self.obligations.as_ref()
    }
}

/// What goes with an allowed offer: sshd enforces it from the key line.
#[derive(Debug)]
pub struct Obligations<'p> {
    /// The key.
    pub key: &'p HostKey<'p>,
    /// The command of a machine; nothing where there is none to force.
    pub forced_command: Option<&'p str>,
    /// The networks of all that is left after rule 8.
    pub from: Vec<&'p NetworkSet>,
    /// The earliest end of policy, person, key or machine.
    pub ends: Option<Moment>,
}
