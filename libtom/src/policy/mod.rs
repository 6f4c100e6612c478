//! The policy: what the operator wrote, checked and resolved.
//!
//! [`parse`] turns the text of a policy.toml into a [`Policy`], or into the list of **all** problems
//! in it, each with its place and with what to write instead. A `Policy` that exists is sound: names
//! are resolved, keys are taken apart, networks merged; nothing in it needs checking again.

mod entries;
mod names;
mod problem;
mod section;
mod sections;
mod text;
mod warnings;

pub use entries::{
    AccountPattern, Assurance, Command, Evidence, Expectation, Firmware, Grant, HostRule, HostSelector, Key, Machine,
    MachineAccess, Party, Person, PinStanding, Policy, Proof, Subject, Verdict,
};
pub use names::{ADMIN_GROUPS, EXEMPT_SERVICES, Service, ServiceSet};
pub use problem::{Position, Problem};
pub use section::is_invisible;
pub use text::parse;
pub use warnings::{Warning, warnings};
