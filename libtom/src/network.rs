//! Client addresses and the networks they must come from.
//!
//! Only numbers: no name is ever looked up (CVE-2024-10963 is what happens otherwise). An IPv4
//! address in IPv6 clothes (`::ffff:192.0.2.1`) is the IPv4 address, in policies and in requests, as
//! sshd itself sees it.

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Reads a numeric address. Leading zeros, zone ids and host names are no addresses.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Why a text is no network, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor an address with a prefix length.
    #[error("is neither an address nor a network")]
    NotNumeric,
    /// The prefix length is missing, not a plain number, or too long for the address family.
    #[error("has a prefix length that is not a number from 0 to {longest}")]
    Prefix {
        /// 32 or 128.
        longest: u8,
    },
    /// Bits behind the prefix are set, so that sshd would refuse the whole list.
    #[error("has host bits set")]
    HostBits {
        /// The network with these bits cleared.
        network: IpNet,
    },
}

/// Reads `address` or `address/prefix-length`; the bits behind the prefix must be zero.
///
/// # Errors
/// Says what is wrong: see [`NetworkError`].
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    let (address_text, prefix_text) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address_text.parse().map_err(|_| NetworkError::NotNumeric)?;
    let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix_text {
        None => longest,
        Some(digits) => {
            parse_prefix(digits).filter(|prefix| *prefix <= longest).ok_or(NetworkError::Prefix { longest })?
        }
    };
    let network = IpNet::new(address, prefix).map_err(|_| NetworkError::Prefix { longest })?;
    if network.trunc() != network {
        return Err(NetworkError::HostBits { network: unmapped(network.trunc()) });
    }
    Ok(unmapped(network))
}

/// Decimal digits without sign or leading zero: `u8::from_str` alone would take `+8` and `08`.
fn parse_prefix(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain.then(|| digits.parse().ok()).flatten()
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let Some(v4) = v6.network().to_ipv4_mapped() else { return network };
    let Some(prefix) = v6.prefix_len().checked_sub(96) else { return network };
    Ipv4Net::new(v4, prefix).map_or(network, IpNet::V4)
}

/// A set of networks in its one canonical form: contained networks dropped, adjacent ones merged, IPv4
/// and IPv6 each ascending. Asking it costs the logarithm of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkSet {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl NetworkSet {
    /// The canonical set of these networks.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNet::V4(net) => v4.push(net),
                IpNet::V6(net) => v6.push(net),
            }
        }
        Self { v4: Ipv4Net::aggregate(&v4), v6: Ipv6Net::aggregate(&v6) }.sorted()
    }

    /// The canonical union of several sets.
    #[must_use]
    pub fn union<'s>(sets: impl IntoIterator<Item = &'s Self>) -> Self {
        let mut networks = Vec::new();
        for set in sets {
            networks.extend(set.iter());
        }
        Self::new(networks)
    }

    fn sorted(mut self) -> Self {
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        self
    }

    /// Is the address, in canonical form (see [`parse_address`]), in one of the networks?
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => last_not_after(&self.v4, |net| net.network() <= v4).is_some_and(|net| net.contains(&v4)),
            IpAddr::V6(v6) => last_not_after(&self.v6, |net| net.network() <= v6).is_some_and(|net| net.contains(&v6)),
        }
    }

    /// The networks, IPv4 before IPv6, ascending.
    pub fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.v4.iter().map(|net| IpNet::V4(*net)).chain(self.v6.iter().map(|net| IpNet::V6(*net)))
    }

    /// Is there no network in it at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Does it let everybody of one address family in?
    #[must_use]
    pub fn holds_everybody(&self) -> bool {
        self.iter().any(|net| net.prefix_len() == 0)
    }
}

/// In a sorted list of networks that do not overlap, only the last one that starts at or before an
/// address can hold it.
fn last_not_after<T>(sorted: &[T], starts_at_or_before: impl Fn(&T) -> bool) -> Option<&T> {
    sorted.partition_point(starts_at_or_before).checked_sub(1).and_then(|last| sorted.get(last))
}

impl fmt::Display for NetworkSet {
    /// As sshd's `from=` takes it: comma-separated, a single address without prefix length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, network) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{}", network.addr())?;
            } else {
                write!(f, "{network}")?;
            }
        }
        Ok(())
    }
}

// On disk a set is two byte strings of fixed-size records, address and prefix length: ten thousand
// networks are read back at every login, and cost less than one of them as text.
const V4_RECORD: usize = 5;
const V6_RECORD: usize = 17;

impl<C> minicbor::Encode<C> for NetworkSet {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let mut v4 = Vec::new();
        for net in &self.v4 {
            v4.extend_from_slice(&net.network().octets());
            v4.push(net.prefix_len());
        }
        let mut v6 = Vec::new();
        for net in &self.v6 {
            v6.extend_from_slice(&net.network().octets());
            v6.push(net.prefix_len());
        }
        e.array(2)?.bytes(&v4)?.bytes(&v6)?.ok()
    }
}

impl<'b, C> minicbor::Decode<'b, C> for NetworkSet {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let damaged = || minicbor::decode::Error::message("damaged network set");
        if d.array()? != Some(2) {
            return Err(damaged());
        }
        let v4 = d.bytes()?.chunks(V4_RECORD).map(v4_record).collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
        let v6 = d.bytes()?.chunks(V6_RECORD).map(v6_record).collect::<Option<Vec<_>>>().ok_or_else(damaged)?;
        Ok(Self { v4, v6 })
    }
}

fn v4_record(record: &[u8]) -> Option<Ipv4Net> {
    let (prefix, octets) = record.split_last()?;
    Ipv4Net::new(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?), *prefix).ok()
}

fn v6_record(record: &[u8]) -> Option<Ipv6Net> {
    let (prefix, octets) = record.split_last()?;
    Ipv6Net::new(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?), *prefix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn set(texts: &[&str]) -> NetworkSet {
        NetworkSet::new(texts.iter().map(|text| parse_network(text).unwrap()))
    }

    #[test]
    fn merges_before_it_prints() {
        for (networks, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["203.0.113.0/25", "203.0.113.128/25"], "203.0.113.0/24"),
            (&["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3"], "10.0.0.0/8"),
            (&["2001:db8::/33", "198.51.100.1", "2001:db8:8000::/33"], "198.51.100.1,2001:db8::/32"),
            (&["198.51.100.1", "198.51.100.0"], "198.51.100.0/31"),
            (&["::ffff:192.0.2.0/120", "192.0.3.0/24"], "192.0.2.0/23"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["0.0.0.0/0", "1.2.3.4"], "0.0.0.0/0"),
            (&["2001:db8::1", "2001:db8::2"], "2001:db8::1,2001:db8::2"),
        ] {
            assert_eq!(set(networks).to_string(), expected);
        }
    }

    /// Case 10: every sloppy entry that would make sshd refuse a whole list is an error here.
    #[test]
    fn case_10_sloppy_networks_are_errors() {
        for text in [
            "10.1.2.3/8",
            "0/0",
            "office.example.net",
            "10.0.0.0/8,",
            "010.0.0.1",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "2001:db8::/129",
            "fe80::1%eth0",
            "",
            " 10.0.0.1",
            "10.0.0.1 ",
            "*",
            "10.0.0.*",
            "!10.0.0.1",
            "10.0.0.0/8/8",
            "0x0a.0.0.1",
            "2001:db8::1/64",
            "10.0.0.0/255.0.0.0",
            "[::1]",
            "::ffff:10.0.0.1/104",
        ] {
            assert!(parse_network(text).is_err(), "{text}");
        }
        let Err(NetworkError::HostBits { network }) = parse_network("10.1.2.3/8") else { panic!("host bits not seen") };
        assert_eq!(network.to_string(), "10.0.0.0/8");
    }

    #[test]
    fn addresses_are_numbers_alone() {
        assert_eq!(parse_address("::ffff:192.0.2.1"), parse_address("192.0.2.1"));
        assert_eq!(parse_address("::FFFF:c000:0201"), parse_address("192.0.2.1"));
        for text in
            ["", "UNKNOWN", "localhost", "192.0.2.01", "fe80::1%eth0", "192.0.2.1:22", "192.0.2.1 ", "3221225985"]
        {
            assert_eq!(parse_address(text), None, "{text}");
        }
    }

    fn any_net() -> impl Strategy<Value = IpNet> {
        // A small corner of each family, so that networks meet, touch and contain each other.
        prop_oneof![
            (0u32..64, 26u8..=32)
                .prop_map(|(low, len)| IpNet::V4(Ipv4Net::new((0x0a00_0000 + low).into(), len).unwrap().trunc())),
            (0u128..64, 122u8..=128).prop_map(|(low, len)| IpNet::V6(
                Ipv6Net::new((0x2001_0db8_u128 << 96 | low).into(), len).unwrap().trunc()
            )),
        ]
    }

    proptest! {
        #[test]
        fn holds_exactly_what_the_networks_hold(nets in prop::collection::vec(any_net(), 0..12)) {
            let set = NetworkSet::new(nets.iter().copied());
            for low in 0u32..70 {
                let v4: IpAddr = Ipv4Addr::from(0x0a00_0000 + low).into();
                let v6: IpAddr = Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(low)).into();
                prop_assert_eq!(set.contains(v4), nets.iter().any(|net| net.contains(&v4)));
                prop_assert_eq!(set.contains(v6), nets.iter().any(|net| net.contains(&v6)));
            }
        }

        #[test]
        fn is_canonical(nets in prop::collection::vec(any_net(), 0..12)) {
            let set = NetworkSet::new(nets.iter().copied());
            let printed: alloc::vec::Vec<IpNet> = set.to_string().split(',').filter(|t| !t.is_empty())
                .map(|text| parse_network(text).unwrap()).collect();
            prop_assert_eq!(&NetworkSet::new(printed.iter().copied()), &set);
            for (n, a) in printed.iter().enumerate() {
                for b in &printed[n + 1..] {
                    prop_assert!(!a.contains(b) && !b.contains(a), "{} and {} overlap", a, b);
                    let merged = a.supernet().filter(|s| Some(*s) == b.supernet() && a != b);
                    prop_assert!(merged.is_none(), "{} and {} are one", a, b);
                }
            }
        }

        #[test]
        fn survives_the_disk(nets in prop::collection::vec(any_net(), 0..12)) {
            let set = NetworkSet::new(nets);
            let bytes = minicbor::to_vec(&set).unwrap();
            prop_assert_eq!(minicbor::decode::<NetworkSet>(&bytes).unwrap(), set);
        }

        #[test]
        fn any_text_is_read_or_refused(text: alloc::string::String) {
            let _ = parse_network(&text);
            let _ = parse_address(&text);
        }
    }
}
