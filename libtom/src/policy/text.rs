//! From the text of a policy.toml to a [`Policy`], or to everything that is wrong with it.

use super::entries::Policy;
use super::problem::{Problem, Problems};
use super::section::Section;
use super::sections::{self, Names};
use alloc::collections::BTreeSet;
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
    let cascade = note_syntax(&syntax_errors, &mut problems);
    let top = Section::open("the policy", document.get_ref(), 0..0, &SECTIONS, &mut problems);
    let policy = read(&top, &mut problems);
    if let Some(first) = cascade {
        problems.forget_after(first);
    }
    if problems.are_none() { Ok(policy) } else { Err(problems.into_list()) }
}

/// So many lines that are not TOML are told; more of them have one cause, such as a bracket that was never
/// closed.
const MOST_SYNTAX_ERRORS: usize = 10;

/// Notes what is not TOML, one problem a line. Where one mistake has made everything behind it unreadable,
/// answers where that begins: what is said of the rest would be noise.
fn note_syntax(errors: &[toml::de::Error], problems: &mut Problems<'_>) -> Option<usize> {
    let mut lines = BTreeSet::new();
    let mut first = None;
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        if lines.insert(problems.position(at.start).line) && lines.len() <= MOST_SYNTAX_ERRORS {
            first = Some(first.unwrap_or(at.start).min(at.start));
            problems.add_lasting(&at, format!("this is not TOML: {}", first_line(error.message())), "correct the line");
        }
    }
    let more = lines.len().checked_sub(MOST_SYNTAX_ERRORS).filter(|more| *more > 0)?;
    let first = first?;
    let message = format!("{more} more lines are not TOML");
    problems.add_lasting(&(first..first), message, "correct the first mistakes; the others may follow from them");
    Some(first)
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
