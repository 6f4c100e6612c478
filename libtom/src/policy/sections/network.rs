//! `[networks]`, and the `from` that names them.

use super::super::problem::Problems;
use super::super::section::{Section, Text, printable, text_of};
use super::{Names, words};
use crate::network::{NetworkError, NetworkSet, parse_network};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

const EXAMPLE: &str = "[\"203.0.113.0/28\", \"2001:db8:10::/48\"]";

pub(in super::super) fn networks(
    top: &Section<'_, '_>,
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Vec<(String, NetworkSet)> {
    let mut networks = Vec::new();
    let Some((table, _)) = top.table("networks", "a section [networks]", problems) else { return networks };
    for (name, value) in Section::names(table) {
        words::check("network", &name, words::word, "write a plain name, such as office", problems);
        let set = NetworkSet::new(members(&name.text, value, problems));
        names.networks.insert(name.text.clone(), networks.len());
        networks.push((name.text, set));
    }
    networks
}

fn members(name: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems<'_>) -> Vec<IpNet> {
    let mut members = Vec::new();
    let shown = printable(name);
    let DeValue::Array(array) = value.get_ref() else {
        let message = format!("network '{shown}' is {}, not a list of strings", value.get_ref().type_str());
        problems.add(&value.span(), message, format!("write {shown} = {EXAMPLE}"));
        return members;
    };
    if array.is_empty() {
        let message = format!("network '{shown}' is an empty list");
        problems.add(&value.span(), message, format!("write {shown} = {EXAMPLE}, or take the line out"));
    }
    for element in array.iter() {
        let Some(text) = text_of(element) else {
            let message = format!("network '{shown}' holds {}, not a string", element.get_ref().type_str());
            problems.add(&element.span(), message, format!("write {shown} = {EXAMPLE}"));
            continue;
        };
        match parse_network(&text.text) {
            Ok(network) => members.push(network),
            Err(error) => {
                problems.add(&text.span, format!("'{}' {error}", printable(&text.text)), advice(&error));
            }
        }
    }
    members
}

fn advice(error: &NetworkError) -> String {
    match error {
        NetworkError::NotNumeric => {
            "write an address or a network in numbers, such as 203.0.113.7 or 2001:db8:10::/48; host names are never looked up, \
             leading zeros and zone ids are not taken"
                .to_string()
        }
        NetworkError::Prefix { longest } => format!("write a prefix length from /0 to /{longest}"),
        NetworkError::HostBits { network } => {
            format!("write \"{network}\" for the network, or the address without the prefix length")
        }
    }
}

/// The networks that a `from` names, by name and merged into one set.
pub(super) fn named(
    from: Vec<Text>,
    networks: &[(String, NetworkSet)],
    names: &Names,
    problems: &mut Problems<'_>,
) -> (Vec<String>, NetworkSet) {
    let mut sets = Vec::new();
    for text in &from {
        match names.networks.get(&text.text).and_then(|n| networks.get(*n)) {
            Some((_, set)) => sets.push(set),
            None => problems.add(
                &text.span,
                format!("'{}' is no network of this policy", printable(&text.text)),
                match parse_network(&text.text) {
                    Ok(network) => format!(
                        "give it a name in [networks], such as other = [\"{network}\"], and write the name here"
                    ),
                    Err(_) => known_networks(names),
                },
            ),
        }
    }
    (from.into_iter().map(|text| text.text).collect(), NetworkSet::union(sets))
}

fn known_networks(names: &Names) -> String {
    if names.networks.is_empty() {
        return "write a section [networks] that defines it".to_string();
    }
    // Names that are themselves a problem are among them.
    let known: Vec<String> = names.networks.keys().take(12).map(|name| printable(name)).collect();
    format!("write one of {}, or define it in [networks]", known.join(", "))
}
