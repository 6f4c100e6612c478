//! Who it was: into the session's environment, and into the journal.

use crate::ffi;
use crate::transaction::Transaction;
use libtom::decision::{Decision, Exemption, Key, Phase, Principal};
use libtom::host_policy::HostPolicy;
use libtom::public_key::Fingerprint;
use pam::module::PamHandle;
use tom_host::active_policy::PolicyFault;
use tom_host::event::{Event, Field, Kind};
use tom_host::journal;
use tom_host::sessions::SessionsError;

/// Tells the session who it is; tells whether that worked.
pub(crate) fn into_environment(pamh: &mut PamHandle, principal: &Principal<'_>) -> bool {
    let names = match principal {
        Principal::Person { person, key_label, .. } => {
            [("TOM_PERSON", *person), ("TOM_KEY", *key_label), ("TOM_MACHINE", "")]
        }
        Principal::Machine { machine } => [("TOM_PERSON", ""), ("TOM_KEY", ""), ("TOM_MACHINE", *machine)],
        // The session phase always knows who it is.
        Principal::NotYetKnown => return false,
    };
    // The names that do not apply are set too, empty: PAM's environment wins over what a client sends
    // (AcceptEnv) or a file in ~/.ssh says, but only where it has the name.
    names.into_iter().all(|(name, value)| ffi::set_environment_variable(pamh, name, value))
}

/// One event for a decision that somebody will ask about: every denial, every use of break-glass. A request that
/// tom has no say in leaves no trace, and an allow is told by the session, see [`record_session`].
pub(crate) fn record(
    transaction: &Transaction,
    phase: Phase,
    policy: &HostPolicy<'_>,
    decision: &Decision<'_>,
    fault: Option<&PolicyFault>,
) {
    if phase == Phase::Session || !matches!(decision, Decision::Allow(_)) {
        record_session(transaction, policy, decision, fault, None);
    }
}

/// The same of a session, where an allow is the login. What kept it off the record is told with it.
pub(crate) fn record_session(
    transaction: &Transaction,
    policy: &HostPolicy<'_>,
    decision: &Decision<'_>,
    fault: Option<&PolicyFault>,
    unrecorded: Option<&SessionsError>,
) {
    let asked = asked(transaction);
    let off_the_record =
        unrecorded.map(|error| format!(" (this session is not on record: {error})")).unwrap_or_default();
    let (kind, message) = match decision {
        Decision::Allow(allow) => {
            let Some(who) = name_of(allow.principal()) else { return };
            match allow.principal() {
                Principal::Person { break_glass: true, .. } => {
                    (Kind::BreakGlassUsed, format!("BREAK-GLASS: {who} entered {asked}{off_the_record}"))
                }
                Principal::Person { .. } | Principal::Machine { .. } | Principal::NotYetKnown => {
                    (Kind::LoginAllowed, format!("{who} entered {asked}{off_the_record}"))
                }
            }
        }
        Decision::NotGoverned(Exemption::BreakGlassConsole) => {
            (Kind::ConsoleByPassword, format!("BREAK-GLASS: the console is open by password for {asked}"))
        }
        // Without any list of governed accounts left, "ordinary" is a guess that somebody must hear of.
        Decision::NotGoverned(Exemption::AccountNotGoverned) if fault.is_some() && !policy.knows_whom_it_governs() => {
            (Kind::PolicyUnusable, format!("{asked} was taken for an ordinary account{}", because(fault)))
        }
        Decision::NotGoverned(_) => return,
        Decision::Deny(denial) => (Kind::Refused, format!("refused {asked}: {}{}", denial.name(), because(fault))),
    };
    send(kind, &message, transaction, policy, decision.verdict().name(), decision.reason().name(), decision);
}

/// What an observing host would have done, told so that nobody takes it for done: kinds, verdicts and words of
/// its own, and no alarm.
pub(crate) fn observe(
    transaction: &Transaction,
    policy: &HostPolicy<'_>,
    decision: &Decision<'_>,
    fault: Option<&PolicyFault>,
) {
    let asked = asked(transaction);
    let (kind, verdict, message) = match decision {
        Decision::Allow(allow) => {
            let Some(who) = name_of(allow.principal()) else { return };
            (Kind::WouldAllow, "would-allow", format!("OBSERVING: {who} would have entered {asked}"))
        }
        Decision::Deny(denial) => {
            let (reason, because) = (denial.name(), because(fault));
            (Kind::WouldRefuse, "would-deny", format!("OBSERVING: would have refused {asked}: {reason}{because}"))
        }
        Decision::NotGoverned(_) => return,
    };
    send(kind, &message, transaction, policy, verdict, decision.reason().name(), decision);
}

fn name_of(principal: &Principal<'_>) -> Option<String> {
    match principal {
        Principal::Person { person, key_label, .. } => Some(format!("{person} with key '{key_label}'")),
        Principal::Machine { machine } => Some(format!("machine {machine}")),
        Principal::NotYetKnown => None,
    }
}

/// A governed caller whom nothing has proven yet.
pub(crate) fn record_unproven(
    transaction: &Transaction,
    policy: &HostPolicy<'_>,
    decision: &Decision<'_>,
    fault: Option<&PolicyFault>,
) {
    let reason = match decision {
        Decision::Deny(denial) => denial.name(),
        Decision::Allow(_) | Decision::NotGoverned(_) => libtom::decision::Denial::KeyMissing.name(),
    };
    let message = format!("refused {}: {reason}{}", asked(transaction), because(fault));
    send(Kind::Refused, &message, transaction, policy, "deny", reason, &Decision::default());
}

fn because(fault: Option<&PolicyFault>) -> String {
    fault.map(|fault| format!(" ({fault})")).unwrap_or_default()
}

fn asked(transaction: &Transaction) -> String {
    let from = transaction.from.as_deref().map(|from| format!(" from {from}")).unwrap_or_default();
    let caller = transaction.caller.as_deref().map(|caller| format!(", called by {caller}")).unwrap_or_default();
    format!("{} by {}{from}{caller}", transaction.user, transaction.service)
}

fn send(
    kind: Kind,
    message: &str,
    transaction: &Transaction,
    policy: &HostPolicy<'_>,
    verdict: &str,
    reason: &str,
    decision: &Decision<'_>,
) {
    let answer = decision.answer();
    let (fingerprint, holder) = match &transaction.key {
        Key::Blob(blob) => (Some(Fingerprint::of(blob).to_string()), policy.person_with(blob)),
        Key::Missing | Key::Unreadable => (None, None),
    };
    // Of a refused key it is worth knowing whose it is.
    let person = answer.person.or(holder);
    let event = Event::new(kind, message)
        .with(Field::Verdict, verdict)
        .with(Field::Reason, reason)
        .with(Field::Account, &transaction.user)
        .with(Field::Service, &transaction.service)
        .with(Field::Host, policy.host())
        .with(Field::PolicySerial, &policy.serial().to_string())
        .with_known(Field::Person, person)
        .with_known(Field::Key, answer.key_label)
        .with_known(Field::KeyFingerprint, fingerprint.as_deref())
        .with_known(Field::Machine, answer.machine)
        .with_known(Field::Invoker, transaction.caller.as_deref())
        .with_known(Field::From, transaction.from.as_deref())
        .with_known(Field::Grant, answer.grant);
    journal::record(&event);
}
