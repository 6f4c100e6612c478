//! The head of a policy: schema, serial, operator, `[token]`, `[admin]`.

use super::super::entries::{Assurance, Firmware};
use super::super::names::Service;
use super::super::problem::Problems;
use super::super::section::{Section, Text, printable};
use super::words;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The one schema this version knows.
const SCHEMA: u64 = 1;

pub(in super::super) fn schema(top: &Section<'_, '_>, problems: &mut Problems<'_>) {
    top.require("schema", "1", problems);
    if let Some((schema, span)) = top.number("schema", "1", problems)
        && schema != SCHEMA
    {
        problems.add(
            &span,
            format!("schema {schema} is not known to this version"),
            "write schema = 1, or install a newer tom",
        );
    }
}

pub(in super::super) fn serial(top: &Section<'_, '_>, problems: &mut Problems<'_>) -> u64 {
    let example = "2026112301 (higher with each change)";
    top.require("serial", example, problems);
    top.number("serial", example, problems).map_or(0, |(serial, _)| serial)
}

pub(in super::super) fn operator(top: &Section<'_, '_>, problems: &mut Problems<'_>) -> String {
    let example = "\"Example Hosting GmbH\"";
    let Some(text) = top.required_text("operator", example, problems) else { return String::new() };
    words::check("operator", &text, words::sentence, "write the company's name", problems);
    text.text
}

/// `[token]`.
#[derive(Default)]
pub(in super::super) struct Token {
    pub(in super::super) assurance: Assurance,
    pub(in super::super) minimum_firmware: Option<Firmware>,
}

pub(in super::super) fn token(top: &Section<'_, '_>, problems: &mut Problems<'_>) -> Token {
    let Some((table, span)) = top.table("token", "a section [token]", problems) else { return Token::default() };
    let section = Section::open("[token]", table, span, &["assurance", "minimum-firmware"], problems);
    let mut token = Token::default();
    if let Some(text) = section.text("assurance", "\"attested\"", problems) {
        match text.text.as_str() {
            "attested" => token.assurance = Assurance::Attested,
            "declared" => token.assurance = Assurance::Declared,
            other => problems.add(
                &text.span,
                format!("assurance '{}' is not known", printable(other)),
                "write \"attested\" (evidence is needed) or \"declared\" (the operator vouches)",
            ),
        }
    }
    if let Some(text) = section.text("minimum-firmware", "\"5.7\"", problems) {
        token.minimum_firmware = Firmware::parse(&text.text);
        if token.minimum_firmware.is_none() {
            let message = format!("'{}' is no firmware version", printable(&text.text));
            problems.add(&text.span, message, "write minimum-firmware = \"5.7\" or \"5.7.4\"");
        }
    }
    token
}

/// `[admin]`.
#[derive(Default)]
pub(in super::super) struct Admin {
    pub(in super::super) groups: Vec<String>,
    pub(in super::super) exempt_services: Vec<String>,
}

pub(in super::super) fn admin(top: &Section<'_, '_>, problems: &mut Problems<'_>) -> Admin {
    let Some((table, span)) = top.table("admin", "a section [admin]", problems) else { return Admin::default() };
    let section = Section::open("[admin]", table, span, &["groups", "exempt-services"], problems);
    let groups = section.list("groups", "[\"adm-web\"]", true, problems).unwrap_or_default();
    let services = section.list("exempt-services", "[\"backup-agent\"]", true, problems).unwrap_or_default();
    for service in &services {
        if Service::of_pam(&service.text).is_some() {
            problems.add(
                &service.span,
                format!("'{}' can never be exempt: it is one of sshd, login, su, sudo", service.text),
                "take it out of exempt-services",
            );
        }
    }
    Admin { groups: names("group", groups, problems), exempt_services: names("service", services, problems) }
}

fn names(what: &str, texts: Vec<Text>, problems: &mut Problems<'_>) -> Vec<String> {
    for text in &texts {
        words::check(what, text, words::account, "write the plain name", problems);
    }
    texts.into_iter().map(|text| text.text).collect()
}
