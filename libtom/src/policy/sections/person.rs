//! `[[person]]`.

use super::super::entries::{Party, Person};
use super::super::problem::Problems;
use super::super::section::{Section, Text, printable};
use super::{Names, words};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

const KEYS: [&str; 5] = ["id", "name", "role", "party", "valid-until"];

pub(in super::super) fn persons(top: &Section<'_, '_>, names: &mut Names, problems: &mut Problems<'_>) -> Vec<Person> {
    let mut persons = Vec::new();
    for (table, span) in top.tables("person", problems) {
        let section = Section::open("[[person]]", table, span, &KEYS, problems);
        let id = section.required_text("id", "\"anna\"", problems);
        if let Some(id) = &id {
            words::check("person", id, words::person_id, "write a short id, such as anna", problems);
            if names.persons.insert(id.text.clone(), persons.len()).is_some() {
                let message = format!("the person '{}' is defined twice", printable(&id.text));
                problems.add(&id.span, message, "give the second one another id, or take it out");
            }
        }
        let name = section.required_text("name", "\"Anna Beispiel\"", problems);
        if let Some(name) = &name {
            words::check("name", name, words::name, "write the plain name, such as Anna Beispiel", problems);
        }
        let role = section.required_text("role", "\"administrator\"", problems);
        if let Some(role) = &role {
            words::check("role", role, words::sentence, "write what the person does", problems);
        }
        let party = section.required_text("party", "\"operator\"", problems);
        let valid_until = section.day("valid-until", problems);
        persons.push(Person {
            id: text_or_empty(id),
            name: text_or_empty(name),
            role: text_or_empty(role),
            party: party.map_or(Party::Operator, |party| read_party(&party, names, problems)),
            valid_until,
        });
    }
    persons
}

fn read_party(text: &Text, names: &Names, problems: &mut Problems<'_>) -> Party {
    if text.text == "operator" {
        return Party::Operator;
    }
    let Some(customer) = text.text.strip_prefix("customer:") else {
        let message = format!("party '{}' is not known", printable(&text.text));
        problems.add(&text.span, message, "write \"operator\" or \"customer:ID\"");
        return Party::Operator;
    };
    if !names.customers.contains(customer) {
        let message = format!("no [[host]] lists the customer '{}'", printable(customer));
        problems.add(
            &text.span,
            message,
            format!("write customers = [\"{}\"] at that customer's [[host]]", printable(customer)),
        );
    }
    Party::Customer(customer.to_string())
}

fn text_or_empty(text: Option<Text>) -> String {
    text.map(|text| text.text).unwrap_or_default()
}

/// The persons that a list of ids means.
pub(super) fn named(ids: &[Text], names: &Names, problems: &mut Problems<'_>) -> Vec<usize> {
    ids.iter().filter_map(|id| one_named(id, names, problems)).collect()
}

/// The person that an id means.
pub(super) fn one_named(id: &Text, names: &Names, problems: &mut Problems<'_>) -> Option<usize> {
    let person = names.persons.get(&id.text).copied();
    if person.is_none() {
        let message = format!("'{}' is no person of this policy", printable(&id.text));
        problems.add(&id.span, message, "write the id of a [[person]], or add one");
    }
    person
}
