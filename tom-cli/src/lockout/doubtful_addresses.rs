//! Networks in `from` that let in more than was meant. They are told of, and refuse nothing.
//!
//! An address of the fleet is one from which a `[[machine]]` of the policy logs in: there stands a host. That is all
//! that a policy says of the fleet's addresses, since names of hosts are never looked up.

use libtom::host_policy::HostPolicy;
use libtom::network::{NetworkSet, parse_network};
use libtom::policy::{HostSelector, MachineAccess, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

/// An IPv4 network with a shorter prefix is no place.
const WIDEST_V4: u8 = 8;
/// And an IPv6 network.
const WIDEST_V6: u8 = 16;

/// A network that lets in more than was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AddressWarning {
    /// What the policy calls it.
    pub(crate) name: String,
    /// The part of it that this is about, as it is written.
    pub(crate) network: String,
    /// The grants and machines that let in from there on this host.
    pub(crate) used_by: Vec<String>,
    /// What is wrong with it.
    pub(crate) doubt: Doubt,
}

/// What is wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Everybody is in it.
    Everybody,
    /// It is so wide that it says nothing.
    Wide,
    /// This host's own loopback is in it.
    Loopback,
    /// An address of this host is in it.
    OwnAddress(IpAddr),
    /// A machine of the policy comes from there: a host of the fleet.
    Fleet {
        /// The machine's id.
        machine: String,
        /// From where it comes.
        from: String,
    },
}

impl fmt::Display for AddressWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, network, used_by, doubt } = self;
        write!(f, "network '{name}' ({}) holds ", used_by.join(", "))?;
        match doubt {
            Doubt::Everybody => write!(f, "{network}: everybody; where a client comes from then proves nothing"),
            Doubt::Wide => write!(f, "{network}, which is very wide"),
            Doubt::Loopback => write!(
                f,
                "{network}, this host's loopback: whoever has any account here, or a forwarded port, comes from there"
            ),
            Doubt::OwnAddress(address) => {
                write!(f, "{address}, which is this host's own: whoever has any account here comes from there")
            }
            Doubt::Fleet { machine, from } => write!(
                f,
                "{network}, and machine '{machine}' comes from {from}: a host stands there, and whoever gets into it comes \
                 from an allowed address"
            ),
        }
    }
}

/// What is doubtful about the networks from which somebody is let in on this host.
pub(crate) fn judge(policy: &Policy, here: &HostPolicy<'_>, own: &BTreeSet<IpAddr>) -> Vec<AddressWarning> {
    let selects = |hosts: &HostSelector| hosts.selects(here.host(), here.class());
    let mut users: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    // Persons only: machines are the hosts that this asks about.
    let mut by_persons = BTreeSet::new();
    for grant in policy.grants.iter().filter(|grant| selects(&grant.hosts)) {
        for name in &grant.from_names {
            users.entry(name).or_default().push(format!("grant '{}'", grant.id));
            by_persons.insert(name.as_str());
        }
    }
    for machine in policy.machines.iter().filter(|machine| selects(&machine.hosts)) {
        if let MachineAccess::Login { from_names, .. } = &machine.access {
            for name in from_names {
                users.entry(name).or_default().push(format!("machine '{}'", machine.id));
            }
        }
    }
    let mut found = Vec::new();
    for (name, set) in &policy.networks {
        let Some(used_by) = users.get(name.as_str()) else { continue };
        let mut warn = |network: String, doubt: Doubt| {
            found.push(AddressWarning { name: name.clone(), network, used_by: used_by.clone(), doubt });
        };
        let wide = too_wide(set);
        for (network, doubt) in &wide {
            warn(network.clone(), doubt.clone());
        }
        // Of a network that holds so much nothing more needs to be said.
        if !wide.is_empty() {
            continue;
        }
        if let Some(network) = overlap(set, &loopback()) {
            warn(network, Doubt::Loopback);
        }
        for address in own.iter().filter(|address| set.contains(**address)) {
            warn(address.to_string(), Doubt::OwnAddress(*address));
        }
        if by_persons.contains(name.as_str()) {
            for machine in &policy.machines {
                let MachineAccess::Login { from, .. } = &machine.access else { continue };
                if let Some(network) = overlap(set, from) {
                    warn(
                        network,
                        Doubt::Fleet { machine: machine.id.clone(), from: from.to_string().replace(',', ", ") },
                    );
                }
            }
        }
    }
    found
}

fn too_wide(set: &NetworkSet) -> Vec<(String, Doubt)> {
    let doubt = |length: u8, is_v4: bool| match length {
        0 => Some(Doubt::Everybody),
        length if length < if is_v4 { WIDEST_V4 } else { WIDEST_V6 } => Some(Doubt::Wide),
        _ => None,
    };
    set.iter()
        .filter_map(|network| Some((network.to_string(), doubt(network.prefix_len(), network.addr().is_ipv4())?)))
        .collect()
}

fn loopback() -> NetworkSet {
    NetworkSet::new(["127.0.0.0/8", "::1"].iter().filter_map(|text| parse_network(text).ok()))
}

/// The first network of `set` that has an address in common with `other`.
fn overlap(set: &NetworkSet, other: &NetworkSet) -> Option<String> {
    set.iter()
        .find(|network| {
            other.contains(network.network()) || other.iter().any(|other| network.contains(&other.network()))
        })
        .map(|network| network.to_string())
}

#[cfg(test)]
mod tests;
