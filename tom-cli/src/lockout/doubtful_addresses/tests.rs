use super::*;
use crate::lockout::example::{POLICY, on, policy};
use proptest::prelude::*;

fn own(addresses: &[&str]) -> BTreeSet<IpAddr> {
    addresses.iter().map(|text| text.parse().unwrap()).collect()
}

/// What is said of the policy whose office is this.
fn said(office: &str, addresses: &[&str]) -> Vec<(String, Doubt)> {
    let text = POLICY.replace("[\"203.0.113.0/28\", \"2001:db8:10::/48\"]", office);
    let policy = policy(&text);
    let found = judge(&policy, &on(&policy, "web1"), &own(addresses));
    found
        .into_iter()
        .filter(|warning| warning.name == "office")
        .map(|warning| {
            assert_eq!(warning.used_by, ["grant 'admins'", "grant 'bert'"]);
            (warning.network, warning.doubt)
        })
        .collect()
}

#[test]
fn what_lets_in_more_than_was_meant() {
    let backup = || Doubt::Fleet { machine: "nightly-backup".to_owned(), from: "192.0.2.77".to_owned() };
    for (office, addresses, expected) in [
        ("[\"203.0.113.0/28\", \"2001:db8:10::/48\"]", &["192.0.2.5", "fe80::1"][..], vec![]),
        ("[\"0.0.0.0/0\"]", &["192.0.2.5"], vec![("0.0.0.0/0", Doubt::Everybody)]),
        ("[\"203.0.113.1\", \"::/0\"]", &[], vec![("::/0", Doubt::Everybody)]),
        ("[\"0.0.0.0/1\", \"128.0.0.0/1\"]", &[], vec![("0.0.0.0/0", Doubt::Everybody)]),
        ("[\"64.0.0.0/7\"]", &[], vec![("64.0.0.0/7", Doubt::Wide)]),
        ("[\"10.0.0.0/8\"]", &["192.0.2.5"], vec![]),
        ("[\"2000::/3\"]", &[], vec![("2000::/3", Doubt::Wide)]),
        ("[\"127.0.0.0/8\"]", &[], vec![("127.0.0.0/8", Doubt::Loopback)]),
        ("[\"127.0.0.1\"]", &[], vec![("127.0.0.1/32", Doubt::Loopback)]),
        ("[\"120.0.0.0/8\", \"127.9.0.0/16\"]", &[], vec![("127.9.0.0/16", Doubt::Loopback)]),
        ("[\"::1\"]", &[], vec![("::1/128", Doubt::Loopback)]),
        (
            "[\"203.0.113.0/24\"]",
            &["203.0.113.9", "198.51.100.1"],
            vec![("203.0.113.9", Doubt::OwnAddress("203.0.113.9".parse().unwrap()))],
        ),
        ("[\"192.0.2.0/24\"]", &[], vec![("192.0.2.0/24", backup())]),
        (
            "[\"192.0.2.77\"]",
            &["192.0.2.77"],
            vec![("192.0.2.77", Doubt::OwnAddress("192.0.2.77".parse().unwrap())), ("192.0.2.77/32", backup())],
        ),
    ] {
        let expected: Vec<(String, Doubt)> =
            expected.into_iter().map(|(network, doubt)| (network.to_owned(), doubt)).collect();
        assert_eq!(said(office, addresses), expected, "{office}");
    }
}

#[test]
fn networks_that_let_nobody_in_here_are_not_looked_at() {
    let text = POLICY.replace("hosts = [\"*\"]", "hosts = [\"db*\"]").replace("\"2001:db8:10::/48\"", "\"::1\"");
    let policy = policy(&text);
    let used_by = |host: &str| -> Vec<String> {
        judge(&policy, &on(&policy, host), &own(&[])).into_iter().flat_map(|warning| warning.used_by).collect()
    };
    assert_eq!(used_by("web1"), ["grant 'bert'"]);
    assert_eq!(used_by("db1"), ["grant 'admins'"]);
    assert!(used_by("mail1").is_empty());
}

#[test]
fn each_is_a_sentence() {
    let text = POLICY.replace("\"192.0.2.77\"", "\"127.0.0.0/8\"");
    let policy = policy(&text);
    let found = judge(&policy, &on(&policy, "web1"), &own(&[]));
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["network 'backup' (machine 'nightly-backup') holds 127.0.0.0/8, this host's loopback: \
          whoever has any account here, or a forwarded port, comes from there"]
    );
}

proptest! {
    /// An own address in the network is always told of, unless the network is told of as too wide; and no other.
    #[test]
    fn own_addresses_are_found(address: [u8; 4], length in 8_u8..=32, other: [u8; 4]) {
        let bits = u32::from_be_bytes(address) & u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(length))).unwrap();
        let network = format!("{}/{length}", std::net::Ipv4Addr::from(bits));
        let set = NetworkSet::new([parse_network(&network).unwrap()]);
        for candidate in [address, other].map(IpAddr::from) {
            let told = said(&format!("[\"{network}\"]"), &[&candidate.to_string()])
                .iter()
                .any(|(_, doubt)| *doubt == Doubt::OwnAddress(candidate));
            prop_assert_eq!(told, set.contains(candidate));
        }
    }
}
