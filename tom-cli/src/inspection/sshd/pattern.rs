//! The patterns of sshd_config: `*` and `?`, lists with `!`, networks.

use ipnet::IpNet;
use std::net::IpAddr;

/// Whether a name fits a pattern of `*` and `?`. For `Include`, too, whose `[…]` fits anything here: a file too many
/// is looked at rather than one too few.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    fits(&pattern, &name)
}

fn fits(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|skipped| name.get(skipped..).is_some_and(|name| fits(rest, name))),
        Some(('?', rest)) => name.split_first().is_some_and(|(_, name)| fits(rest, name)),
        Some(('[', rest)) if rest.contains(&']') => {
            let end = rest.iter().position(|c| *c == ']').unwrap_or_default().saturating_add(1);
            name.split_first().is_some_and(|(_, name)| rest.get(end..).is_some_and(|rest| fits(rest, name)))
        }
        Some((c, rest)) => name.split_first().is_some_and(|(first, name)| first == c && fits(rest, name)),
    }
}

/// Whether a list of patterns matches: one does, and none with `!` does.
pub(crate) fn list(patterns: &[String], matches: impl Fn(&str) -> bool) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated) => return false,
            Some(_) => {}
            None => found |= matches(pattern),
        }
    }
    found
}

/// Whether an address is meant by a pattern: a network, an address, or text with wildcards.
pub(crate) fn address(pattern: &str, address: &str) -> bool {
    match (network(pattern), address.parse::<IpAddr>()) {
        (Some(network), Ok(address)) => network.contains(&address),
        _ => glob(&pattern.to_ascii_lowercase(), &address.to_ascii_lowercase()),
    }
}

/// The network that a pattern names, be it of one address.
pub(crate) fn network(pattern: &str) -> Option<IpNet> {
    pattern.parse::<IpNet>().map(|net| net.trunc()).or_else(|_| pattern.parse::<IpAddr>().map(IpNet::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::{address, glob, list};

    #[test]
    fn wildcards_and_lists() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a?c", "ac", false),
            ("*.conf", "10-tom.conf", true),
            ("[0-9]*.conf", "10-tom.conf", true),
            ("*.conf", "conf", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
        let patterns = ["*".to_owned(), "!root".to_owned()];
        assert!(list(&patterns, |pattern| glob(pattern, "anna")));
        assert!(!list(&patterns, |pattern| glob(pattern, "root")));
        assert!(address("10.0.0.0/8", "10.1.2.3") && !address("10.0.0.0/8", "11.0.0.1"));
        assert!(address("192.0.2.*", "192.0.2.7") && address("2001:DB8::/32", "2001:db8::1"));
    }
}
