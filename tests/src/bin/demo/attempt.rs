//! One login: what sshd did, and what tom said of it.

use crate::company::{Company, RRSYNC_SAYS};
use crate::logins::Row;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};
use tom_tests::{Event, Host, Login, Refusal};

/// What came of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in, and ran what it asked for.
    In,
    /// It is in, and got the forced command instead.
    OnlyRrsync,
    /// sshd refused it.
    Refused(Refusal),
    /// None of these.
    Strange,
}

impl Outcome {
    /// In a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::OnlyRrsync => "in: only rrsync",
            Self::Refused(Refusal::UnknownKey) => "no: not accepted",
            Self::Refused(Refusal::Address) => "no: address",
            Self::Refused(Refusal::Expired) => "no: line expired",
            Self::Refused(Refusal::PinNotVerified) => "no: PIN missing",
            Self::Refused(Refusal::NotTouched) => "no: not touched",
            Self::Refused(Refusal::Signature) => "no: bad signature",
            Self::Refused(Refusal::NoSignature) => "no: token refuses",
            Self::Refused(Refusal::PamAccount) => "no: PAM account",
            Self::Refused(Refusal::PamSession) => "no: PAM session",
            Self::Strange => "something else",
        }
    }

    /// Is somebody in?
    pub(crate) fn is_in(self) -> bool {
        matches!(self, Self::In | Self::OnlyRrsync)
    }
}

/// What was seen of a login.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
}

/// Logs in.
pub(crate) fn attempt(company: &Company, row: &Row) -> Seen {
    let host = company.host(row.host);
    host.journal().clear();
    let login = host.ssh(row.account).key(&row.key).from(row.from).run("id -un");
    let outcome = outcome(&login, row.account);
    let reason = event(host, outcome).map_or_else(|| decided(host, row), |event| told(&event));
    Seen { outcome, reason }
}

fn outcome(login: &Login, account: &str) -> Outcome {
    match login.refusal() {
        Some(refusal) if !login.allowed() && login.stdout.is_empty() => Outcome::Refused(refusal),
        None if login.allowed() && login.stdout == format!("{account}\n") => Outcome::In,
        None if login.allowed() && login.stdout == RRSYNC_SAYS => Outcome::OnlyRrsync,
        _ => Outcome::Strange,
    }
}

/// tom's event of this login. A session has one before it starts; the rest are awaited for a moment.
fn event(host: &Host, outcome: Outcome) -> Option<Event> {
    let patience = if outcome.is_in() { Duration::from_millis(50) } else { Duration::ZERO };
    let started = Instant::now();
    loop {
        let event = host.journal().events().into_iter().find(|event| !event.get("TOM_EVENT").is_empty());
        if event.is_some() || started.elapsed() >= patience {
            return event;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// What an event says.
fn told(event: &Event) -> String {
    let (person, key, machine) = (event.get("TOM_PERSON"), event.get("TOM_KEY"), event.get("TOM_MACHINE"));
    match event.get("TOM_EVENT") {
        "break-glass-used" => format!("BREAK-GLASS: {person}, {key}"),
        "login-allowed" if machine.is_empty() => format!("{}: {person}, {key}", event.get("TOM_REASON")),
        "login-allowed" => format!("{}: {machine}", event.get("TOM_REASON")),
        _ => event.get("TOM_REASON").to_owned(),
    }
}

/// What `tom decide` says where tom was not asked to the end: sshd itself refused, by what tom wrote in the
/// key's line, or the account is none of tom's. If the policy would have let the key in, what stopped it is
/// the line's `verify-required`.
fn decided(host: &Host, row: &Row) -> String {
    let asked = |phase: &str| {
        let uid = (row.account == "root").then_some(0);
        let mut request = json!({"phase": phase, "service": "sshd", "account": row.account, "uid": uid});
        request["key"] = json!(row.key.public());
        request["from"] = json!(row.from);
        request["want_line"] = json!(phase == "offer");
        let answer = host.command().stdin(format!("{request}\n")).run(["tom", "decide"]).expect_success();
        serde_json::from_str::<Value>(&answer.stdout).expect("a line of JSON")
    };
    let session = asked("session");
    if session["verdict"] == "allow" && asked("offer")["line"].as_str().unwrap_or("").contains("verify-required") {
        return "verify-required".to_owned();
    }
    session["reason"].as_str().unwrap_or("?").to_owned()
}
