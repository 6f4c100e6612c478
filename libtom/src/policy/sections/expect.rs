//! `[[expect]]`: the policy's own tests.

use super::super::entries::{Expectation, Subject, Verdict};
use super::super::problem::Problems;
use super::super::section::{Section, Text, printable};
use super::{Names, machine, person, words};
use crate::decision::{Phase, Reason};
use crate::public_key::PublicKey;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const KEYS: [&str; 15] = [
    "account",
    "host",
    "service",
    "person",
    "machine",
    "key",
    "from",
    "verdict",
    "at",
    "uid",
    "groups",
    "phase",
    "invoker",
    "invoker-groups",
    "reason",
];

pub(in super::super) fn expectations(
    top: &Section<'_, '_>,
    names: &Names,
    problems: &mut Problems<'_>,
) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    for (table, span) in top.tables("expect", problems) {
        let section = Section::open("[[expect]]", table, span.clone(), &KEYS, problems);
        let account = section.required_text("account", "\"root\"", problems);
        let service = section.required_text("service", "\"sshd\"", problems);
        let verdict = section.required_text("verdict", "\"allow\"", problems);
        let verdict = verdict.and_then(|text| read_verdict(&text, problems));
        let subject = read_subject(&section, names, problems);
        let phase = section.text("phase", "\"session\"", problems);
        let phase = phase.map_or(Some(Phase::Session), |text| read_phase(&text, problems));
        let reason = section.text("reason", "\"granted\"", problems);
        let reason = reason.and_then(|text| read_reason(&text, problems));
        let uid = section.number("uid", "0", problems).and_then(|(uid, span)| {
            let fits = u32::try_from(uid).ok();
            if fits.is_none() {
                problems.add(&span, format!("{uid} is no uid"), "write the numeric user id, such as 0");
            }
            fits
        });
        let host = section.text("host", "\"web1.example.net\"", problems);
        let from = section.text("from", "\"203.0.113.5\"", problems);
        let groups = section.list("groups", "[\"sudo\"]", true, problems);
        let invoker = section.text("invoker", "\"anna\"", problems);
        let invoker_groups = section.list("invoker-groups", "[\"sudo\"]", true, problems);
        let expectation = Expectation {
            position: problems.position(span.start),
            account: text(account, problems).unwrap_or_default(),
            service: text(service, problems).unwrap_or_default(),
            phase: phase.unwrap_or(Phase::Session),
            host: text(host, problems),
            subject,
            from: text(from, problems),
            at: section.moment("at", problems),
            uid,
            groups: texts(groups, problems),
            invoker: text(invoker, problems),
            invoker_groups: texts(invoker_groups, problems),
            verdict: verdict.unwrap_or(Verdict::Deny),
            reason,
        };
        expectations.push(expectation);
    }
    expectations
}

/// A text that can be shown in a line; its default where it is absent.
fn text(text: Option<Text>, problems: &mut Problems<'_>) -> Option<String> {
    let text = text?;
    words::check("the text", &text, words::visible, "write it without them", problems);
    Some(text.text)
}

fn texts(list: Option<Vec<Text>>, problems: &mut Problems<'_>) -> Vec<String> {
    list.unwrap_or_default().into_iter().filter_map(|item| text(Some(item), problems)).collect()
}

fn read_subject(section: &Section<'_, '_>, names: &Names, problems: &mut Problems<'_>) -> Subject {
    let person = section.text("person", "\"anna\"", problems);
    let machine = section.text("machine", "\"nightly-backup\"", problems);
    let key = section.text("key", "\"sk-ssh-ed25519@openssh.com AAAA…\"", problems);
    if [&person, &machine, &key].into_iter().flatten().count() > 1 {
        let message = String::from("this [[expect]] says more than one of person, machine and key");
        problems.add(section.span(), message, "leave one of them");
    }
    if let Some(person) = person {
        return person::one_named(&person, names, problems).map_or(Subject::Nobody, Subject::Person);
    }
    if let Some(machine) = machine {
        return machine::one_named(&machine, names, problems).map_or(Subject::Nobody, Subject::Machine);
    }
    let Some(key) = key else { return Subject::Nobody };
    match PublicKey::parse(&key.text) {
        Ok(key) => Subject::Key(key),
        Err(error) => {
            problems.add(
                &key.span,
                format!("this key {}", printable(&format!("{error}"))),
                "paste the line of the .pub file",
            );
            Subject::Nobody
        }
    }
}

fn read_verdict(text: &Text, problems: &mut Problems<'_>) -> Option<Verdict> {
    let verdict = [Verdict::Allow, Verdict::Deny, Verdict::NotGoverned].into_iter().find(|v| v.name() == text.text);
    if verdict.is_none() {
        let message = format!("'{}' is no verdict", printable(&text.text));
        problems.add(&text.span, message, "write \"allow\", \"deny\" or \"not-governed\"");
    }
    verdict
}

fn read_phase(text: &Text, problems: &mut Problems<'_>) -> Option<Phase> {
    let phase = Phase::named(&text.text);
    if phase.is_none() {
        let message = format!("'{}' is no phase", printable(&text.text));
        problems.add(&text.span, message, "write \"offer\", \"account\", \"auth\" or \"session\"");
    }
    phase
}

fn read_reason(text: &Text, problems: &mut Problems<'_>) -> Option<Reason> {
    let reason = Reason::named(&text.text);
    if reason.is_none() {
        let message = format!("'{}' is no reason", printable(&text.text));
        problems.add(
            &text.span,
            message,
            "write a reason as tom explain shows it, such as granted or address-not-allowed",
        );
    }
    reason
}
