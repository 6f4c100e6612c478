//! The addresses of this host, as the kernel tells them below /proc/net: of the network namespace this runs in.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses of this host but the loopback's.
pub(crate) fn own_addresses() -> BTreeSet<IpAddr> {
    let v4 = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    // Without IPv6 the file is missing.
    let v6 = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    of_fib_trie(&v4).into_iter().chain(of_if_inet6(&v6)).filter(|address| !address.is_loopback()).collect()
}

/// An address of the host is a leaf, `|-- 192.0.2.1`, with `/32 host LOCAL` below it.
fn of_fib_trie(text: &str) -> Vec<IpAddr> {
    let mut leaf: Option<Ipv4Addr> = None;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL") {
            found.extend(leaf.map(IpAddr::V4));
        }
    }
    found
}

/// `20010db8000000000000000000000001 02 40 00 80 eth0`
fn of_if_inet6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split(' ').next().filter(|digits| digits.len() == 32)?;
        Some(IpAddr::V6(Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?)))
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_that_are_local() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                    +-- 192.0.2.0/24 2 0 2\n        |-- 192.0.2.0\n           /24 link UNICAST\n        \
                    |-- 192.0.2.5\n           /32 host LOCAL\n        |-- 192.0.2.255\n           /32 link BROADCAST\nLocal:\n  \
                    |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(of_fib_trie(text), ["192.0.2.5", "127.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap()));
        assert!(of_fib_trie("/32 host LOCAL\n|-- x\n/32 host LOCAL").is_empty());
    }

    #[test]
    fn hexadecimal_addresses() {
        let text =
            "20010db8000000000000000000000001 02 40 00 80 eth0\n00000000000000000000000000000001 01 80 10 80 lo\nx\n";
        assert_eq!(of_if_inet6(text), ["2001:db8::1", "::1"].map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn the_loopback_is_none_of_them() {
        assert!(own_addresses().iter().all(|address| !address.is_loopback()));
    }
}
