//! `[[host]]`, and the `hosts` and `classes` by which grants and machines select them.

use super::super::entries::{HostRule, HostSelector};
use super::super::problem::Problems;
use super::super::section::{Section, Text};
use super::{Names, words};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const KEYS: [&str; 4] = ["match", "class", "customers", "commissioned"];

pub(in super::super) fn hosts(top: &Section<'_, '_>, names: &mut Names, problems: &mut Problems<'_>) -> Vec<HostRule> {
    let mut rules = Vec::new();
    for (table, span) in top.tables("host", problems) {
        let section = Section::open("[[host]]", table, span, &KEYS, problems);
        section.require("match", "[\"web*.example.net\"]", problems);
        let globs = section.list("match", "[\"web*.example.net\"]", false, problems).unwrap_or_default();
        let class = section.required_text("class", "\"shared-hosting\"", problems);
        if let Some(class) = &class {
            words::check("class", class, words::word, "write one word, such as root-host", problems);
        }
        let customers = section.list("customers", "[\"acme\"]", false, problems).unwrap_or_default();
        for customer in &customers {
            words::check("customer", customer, words::word, "write the customer's id, such as acme", problems);
            names.customers.insert(customer.text.clone());
        }
        rules.push(HostRule {
            globs: checked_globs(globs, problems),
            class: class.map(|class| class.text).unwrap_or_default(),
            customers: customers.into_iter().map(|customer| customer.text).collect(),
            commissioned: section.day("commissioned", problems),
        });
    }
    rules
}

fn checked_globs(globs: Vec<Text>, problems: &mut Problems<'_>) -> Vec<String> {
    for glob in &globs {
        words::check("host", glob, words::host_glob, "write a host id or a glob, such as web*.example.net", problems);
    }
    globs.into_iter().map(|glob| glob.text).collect()
}

/// `hosts` and `classes` of a grant or machine; one of them is needed.
pub(super) fn selector(what: &str, section: &Section<'_, '_>, problems: &mut Problems<'_>) -> HostSelector {
    if !section.has("hosts") && !section.has("classes") {
        let message = format!("{what} says neither hosts nor classes");
        problems.add(section.span(), message, "write hosts = [\"*\"], or classes = [\"shared-hosting\"], or both");
    }
    let globs = section.list("hosts", "[\"*\"]", false, problems);
    let classes = section.list("classes", "[\"shared-hosting\"]", false, problems);
    for class in classes.iter().flatten() {
        words::check("class", class, words::word, "write one word, such as root-host", problems);
    }
    HostSelector {
        globs: globs.map(|globs| checked_globs(globs, problems)),
        classes: classes.map(|classes| classes.into_iter().map(|class| class.text).collect()),
    }
}
