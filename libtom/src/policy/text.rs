//! From the text of a policy.toml to a [`Policy`], or to everything that is wrong with it.

use super::entries::Policy;
use super::problem::{Problem, Problems};
use super::section::Section;
use super::sections::{self, Names};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use toml::de::DeTable;

const SECTIONS: [&str; 13] = [
    "schema", "serial", "operator", "expires", "token", "admin", "networks", "person", "key", "grant", "machine",
    "host", "expect",
];

/// Reads the text of a policy.
///
/// # Errors
/// All problems of the text, in the order of their places.
pub fn parse(text: &str) -> Result<Policy, Vec<Problem>> {
    let mut problems = Problems::new(text);
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    for error in syntax_errors {
        let at = error.span().unwrap_or(0..0);
        problems.add(&at, format!("this is not TOML: {}", first_line(error.message())), "correct the line");
    }
    let top = Section::open("the policy", document.get_ref(), 0..0, &SECTIONS, &mut problems);
    let policy = read(&top, &mut problems);
    if problems.are_none() { Ok(policy) } else { Err(problems.into_list()) }
}

/// Each section in turn; later ones name what earlier ones defined.
fn read(top: &Section<'_, '_>, problems: &mut Problems<'_>) -> Policy {
    sections::schema(top, problems);
    let serial = sections::serial(top, problems);
    let operator = sections::operator(top, problems);
    let expires = top.moment("expires", problems);
    let token = sections::token(top, problems);
    let admin = sections::admin(top, problems);
    let mut names = Names::default();
    let networks = sections::networks(top, &mut names, problems);
    let hosts = sections::hosts(top, &mut names, problems);
    let persons = sections::persons(top, &mut names, problems);
    let keys = sections::keys(top, token.assurance, &mut names, problems);
    let grants = sections::grants(top, &networks, &mut names, problems);
    let machines = sections::machines(top, &networks, &mut names, problems);
    let mut policy = Policy {
        serial,
        operator,
        expires,
        assurance: token.assurance,
        minimum_firmware: token.minimum_firmware,
        admin_groups: admin.groups,
        exempt_services: admin.exempt_services,
        networks,
        persons,
        keys,
        grants,
        machines,
        hosts,
        expectations: Vec::new(),
    };
    sections::operators_prove_their_keys(&policy, &names, problems);
    policy.expectations = sections::expectations(top, &names, problems);
    policy
}

fn first_line(message: &str) -> String {
    String::from(message.lines().next().unwrap_or("unreadable"))
}
