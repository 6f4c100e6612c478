//! Connections for which sshd might decide differently: a representative of each kind that the patterns in its
//! configuration can tell apart.

use super::configuration::{Configuration, Setting};
use super::pattern;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A connection as `sshd -T -C` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) local_address: IpAddr,
    pub(crate) local_port: u16,
    pub(crate) routing_domain: Option<String>,
}

/// All of them, with what each differs by, in words.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    pub(crate) all: Vec<(Connection, String)>,
    /// Patterns for which no representative was found.
    pub(crate) unknown: Vec<String>,
}

/// Some connection, for what does not depend on it.
pub(crate) fn usual() -> Connection {
    let address = IpAddr::from([192, 0, 2, 1]);
    Connection { host: address.to_string(), address, local_address: address, local_port: 22, routing_domain: None }
}

/// Makes them. `ports`: where sshd listens. `names`: whether names of clients count (UseDNS).
pub(crate) fn representatives(configuration: &Configuration, ports: &[u16], names: bool) -> Connections {
    let mut unknown = Vec::new();
    let user_hosts: Vec<&str> = configuration.settings.iter().flat_map(hosts_of_users).collect();
    let hosts: Vec<&str> = configuration.patterns_of("host").chain(user_hosts.iter().copied()).collect();
    let clients: Vec<&str> = configuration.patterns_of("address").chain(hosts.iter().copied()).collect();
    let addresses = addresses(&clients, !names, &mut unknown);
    let local: Vec<&str> = configuration.patterns_of("localaddress").collect();
    let local_addresses = self::addresses(&local, false, &mut unknown);
    let local_ports = local_ports(&configuration.patterns_of("localport").collect::<Vec<_>>(), ports);
    let domains: BTreeSet<&str> = configuration.patterns_of("rdomain").map(positive).collect();
    let domains: Vec<Option<String>> =
        std::iter::once(None).chain(domains.into_iter().map(|domain| Some(sample(domain, "1")))).collect();
    let mut host_names: Vec<Option<String>> = vec![None];
    if names {
        let named = hosts.iter().map(|host| positive(host)).filter(|host| pattern::network(host).is_none());
        let named: BTreeSet<String> = named.map(|host| sample(host, "a")).collect();
        host_names.extend(named.into_iter().map(Some));
    }

    let mut all = Vec::new();
    for address in &addresses {
        for host in &host_names {
            for local_address in &local_addresses {
                for local_port in &local_ports {
                    for domain in &domains {
                        let mut words = Vec::new();
                        if addresses.len() > 1 {
                            words.push(format!("from {address}"));
                        }
                        if host_names.len() > 1 {
                            words.push(host.as_ref().map_or("of no name".to_owned(), |host| format!("called {host}")));
                        }
                        if local_addresses.len() > 1 {
                            words.push(format!("to {local_address}"));
                        }
                        if local_ports.len() > 1 {
                            words.push(format!("to port {local_port}"));
                        }
                        if let Some(domain) = domain {
                            words.push(format!("in routing domain {domain}"));
                        }
                        let connection = Connection {
                            host: host.clone().unwrap_or_else(|| address.to_string()),
                            address: *address,
                            local_address: *local_address,
                            local_port: *local_port,
                            routing_domain: domain.clone(),
                        };
                        all.push((connection, words.join(" ")));
                    }
                }
            }
        }
    }
    Connections { all, unknown }
}

/// `anna@10.0.0.*` in AllowUsers and DenyUsers goes by the connection as well.
fn hosts_of_users(setting: &Setting) -> Vec<&str> {
    if !matches!(setting.keyword.as_str(), "allowusers" | "denyusers") {
        return Vec::new();
    }
    setting.arguments.iter().filter_map(|user| Some(user.rsplit_once('@')?.1)).collect()
}

fn positive(pattern: &str) -> &str {
    pattern.strip_prefix('!').unwrap_or(pattern)
}

/// A text that fits a pattern.
fn sample(pattern: &str, for_star: &str) -> String {
    pattern.replace('*', for_star).replace('?', "1")
}

fn local_ports(patterns: &[&str], listening: &[u16]) -> Vec<u16> {
    let mut ports: BTreeSet<u16> = patterns.iter().filter_map(|port| sample(positive(port), "").parse().ok()).collect();
    let fits = |port: &u16| patterns.iter().any(|pattern| pattern::glob(positive(pattern), &port.to_string()));
    ports.extend(listening.iter().filter(|port| fits(port)));
    // One that no pattern means; where sshd listens, if it listens on such a one.
    ports.extend(listening.iter().copied().chain([22, 65_000]).find(|port| !fits(port)));
    ports.into_iter().collect()
}

/// An address of each kind: networks overlap, so each of the pieces that they cut the address space into has one.
fn addresses(patterns: &[&str], may_be_names: bool, unknown: &mut Vec<String>) -> Vec<IpAddr> {
    let mut networks: BTreeSet<IpNet> = BTreeSet::new();
    let mut samples: BTreeSet<IpAddr> = BTreeSet::new();
    for pattern in patterns.iter().map(|pattern| positive(pattern)) {
        if pattern == "*" {
            networks.extend(["0.0.0.0/0", "::/0"].iter().filter_map(|net| net.parse::<IpNet>().ok()));
        } else if let Some(network) = pattern::network(pattern).or_else(|| network_of_prefix(pattern)) {
            networks.insert(network);
        } else if let Some(address) = address_for(pattern) {
            samples.insert(address);
        } else if pattern.contains(|c: char| !(c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '*' | '?'))) {
            // A name: it never fits an address, and names count only with UseDNS, which is told of by itself.
            if !may_be_names {
                unknown.push(pattern.to_owned());
            }
        } else {
            unknown.push(pattern.to_owned());
        }
    }
    let networks: Vec<IpNet> = networks.into_iter().collect();
    let mut kinds: Vec<(Vec<IpNet>, IpAddr)> = Vec::new();
    for begin in begins(&networks) {
        let kind = containing(&networks, begin);
        if !kinds.iter().any(|(known, _)| *known == kind) {
            let usual = [next(begin), IpAddr::from([192, 0, 2, 1]), IpAddr::from([203, 0, 113, 1])];
            let nicer = usual.into_iter().find(|other| {
                (other.is_ipv4() == begin.is_ipv4() || kind.is_empty())
                    && !other.is_unspecified()
                    && *other != IpAddr::from([0, 0, 0, 1])
                    && containing(&networks, *other) == kind
            });
            kinds.push((kind, nicer.unwrap_or(begin)));
        }
    }
    let mut addresses: Vec<IpAddr> = kinds.into_iter().map(|(_, address)| address).collect();
    addresses.extend(samples);
    addresses.dedup();
    addresses
}

/// Where a piece of the address space may begin: at its start, at each network, and behind each.
fn begins(networks: &[IpNet]) -> Vec<IpAddr> {
    let mut begins = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    for network in networks {
        begins.extend([network.network(), next(network.broadcast())]);
    }
    begins
}

fn containing(networks: &[IpNet], address: IpAddr) -> Vec<IpNet> {
    networks.iter().filter(|network| network.contains(&address)).copied().collect()
}

/// The address behind this one; the last stays.
fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(address.to_bits().saturating_add(1)).into(),
        IpAddr::V6(address) => Ipv6Addr::from(address.to_bits().saturating_add(1)).into(),
    }
}

/// `192.0.2.*` is a network.
fn network_of_prefix(pattern: &str) -> Option<IpNet> {
    let parts: Vec<&str> = pattern.split('.').collect();
    let known = parts.iter().position(|part| *part == "*")?;
    let (fixed, stars) = parts.split_at_checked(known)?;
    if fixed.is_empty() || parts.len() > 4 || stars.iter().any(|part| *part != "*") {
        return None;
    }
    let octets: Vec<u8> = fixed.iter().map(|part| part.parse()).collect::<Result<_, _>>().ok()?;
    let octet = |index: usize| octets.get(index).copied().unwrap_or(0);
    let bits = u8::try_from(octets.len().checked_mul(8)?).ok()?;
    IpNet::new(IpAddr::from([octet(0), octet(1), octet(2), octet(3)]), bits).ok()
}

/// An address that fits a pattern with wildcards anywhere.
fn address_for(pattern: &str) -> Option<IpAddr> {
    ["1", "0.1", "0.0.1", "0.0.0.1", ":1", "::1", "1:1", ""]
        .iter()
        .filter_map(|star| sample(pattern, star).parse::<IpAddr>().ok())
        .find(|address| pattern::address(pattern, &address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{addresses, local_ports};

    fn found(patterns: &[&str]) -> Vec<String> {
        let mut unknown = Vec::new();
        let found = addresses(patterns, true, &mut unknown).iter().map(ToString::to_string).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        found
    }

    #[test]
    fn each_piece_of_the_address_space_has_an_address() {
        assert_eq!(found(&[]), ["192.0.2.1"]);
        assert_eq!(found(&["web*.example.net"]), ["192.0.2.1"]);
        assert_eq!(found(&["10.0.0.0/8", "!10.0.0.0/16"]), ["192.0.2.1", "10.0.0.1", "10.1.0.1"]);
        assert_eq!(found(&["192.0.2.1"]), ["203.0.113.1", "192.0.2.1"]);
        assert_eq!(found(&["198.51.*"]), ["192.0.2.1", "198.51.0.1"]);
        assert_eq!(found(&["2001:db8::/32"]), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(found(&["*"]), ["192.0.2.1", "::1"]);
        assert_eq!(found(&["2001:db8:*"]), ["192.0.2.1", "2001:db8::1"]);
    }

    #[test]
    fn ports_that_patterns_name_and_one_that_none_does() {
        assert_eq!(local_ports(&[], &[22]), [22]);
        assert_eq!(local_ports(&["2222"], &[22, 2222]), [22, 2222]);
        assert_eq!(local_ports(&["22"], &[22]), [22, 65_000]);
    }
}
