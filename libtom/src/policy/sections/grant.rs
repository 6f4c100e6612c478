//! `[[grant]]`.

use super::super::entries::{AccountPattern, Grant};
use super::super::names::{Service, ServiceSet};
use super::super::problem::Problems;
use super::super::section::{Section, Text, printable};
use super::{Names, Once, host, network, person, words};
use crate::network::NetworkSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const KEYS: [&str; 8] = ["id", "persons", "accounts", "hosts", "classes", "services", "from", "via"];
const SERVICES_EXAMPLE: &str = "[\"sshd\", \"login\", \"su\", \"sudo\"]";

/// Stands for the account that is called as the person is.
const THE_PERSON: &str = "{person}";

pub(in super::super) fn grants(
    top: &Section<'_, '_>,
    networks: &[(String, NetworkSet)],
    names: &mut Names,
    problems: &mut Problems<'_>,
) -> Vec<Grant> {
    let mut grants = Vec::new();
    let mut ids = Once::default();
    for (table, span) in top.tables("grant", problems) {
        let section = Section::open("[[grant]]", table, span, &KEYS, problems);
        let id = id_once("grant", &section, &mut ids, problems);
        section.require("persons", "[\"anna\"]", problems);
        let persons = section.list("persons", "[\"anna\"]", false, problems).unwrap_or_default();
        section.require("accounts", "[\"root\"]", problems);
        let accounts = section.list("accounts", "[\"root\"]", false, problems).unwrap_or_default();
        section.require("services", SERVICES_EXAMPLE, problems);
        let services = section.list("services", SERVICES_EXAMPLE, false, problems).unwrap_or_default();
        let services = read_services(&services, problems);
        if services.contains(Service::Sshd) {
            section.require("from", "[\"office\"] (names of [networks]; with sshd it is needed)", problems);
        }
        let from = section.list("from", "[\"office\"]", false, problems);
        let from = from.map(|from| network::named(from, networks, names, problems));
        let via = section.list("via", "[\"{person}\"]", false, problems);
        let (from_names, from) = from.map_or((Vec::new(), None), |(names, set)| (names, Some(set)));
        grants.push(Grant {
            id,
            persons: person::named(&persons, names, problems),
            accounts: accounts.iter().map(|account| pattern(account, problems)).collect(),
            hosts: host::selector("this [[grant]]", &section, problems),
            services,
            from_names,
            from,
            via: via.map(|via| via.iter().map(|account| pattern(account, problems)).collect()),
        });
    }
    grants
}

/// The id of a grant or machine, used once.
pub(super) fn id_once(what: &str, section: &Section<'_, '_>, ids: &mut Once, problems: &mut Problems<'_>) -> String {
    let Some(id) = section.required_text("id", "\"a-short-name\"", problems) else { return String::new() };
    words::check(what, &id, words::word, "write a short name, such as operator-admins", problems);
    if ids.again(&id) {
        let message = format!("the {what} '{}' is defined twice", printable(&id.text));
        problems.add(&id.span, message, "give the second one another id, or take it out");
    }
    id.text
}

fn read_services(texts: &[Text], problems: &mut Problems<'_>) -> ServiceSet {
    let mut services = ServiceSet::default();
    for text in texts {
        match Service::named(&text.text) {
            Some(service) => services.insert(service),
            None => problems.add(
                &text.span,
                format!("'{}' is no service that can be granted", printable(&text.text)),
                match Service::of_pam(&text.text) {
                    Some(service) => format!("write \"{}\", which includes it", service.name()),
                    None => String::from("write sshd, login, su or sudo"),
                },
            ),
        }
    }
    services
}

fn pattern(text: &Text, problems: &mut Problems<'_>) -> AccountPattern {
    if text.text == THE_PERSON {
        return AccountPattern::ThePerson;
    }
    AccountPattern::Named(account(text, problems))
}

/// A plain account name.
pub(super) fn account(text: &Text, problems: &mut Problems<'_>) -> String {
    if text.text.contains(THE_PERSON) {
        let message = format!("'{}' has {THE_PERSON} where only a plain account can stand", printable(&text.text));
        problems.add(&text.span, message, "in a grant write \"{person}\" alone; elsewhere write the account's name");
    } else {
        words::check("account", text, words::account, "write the name of an account of the host", problems);
    }
    text.text.clone()
}
