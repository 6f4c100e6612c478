//! The three phases, each as its steps in order.

use crate::answer::{self, PamPhase};
use crate::attribution;
use crate::mode::Mode;
use crate::record;
use crate::transaction::{Facts, Transaction};
use libtom::decision::{Decision, Phase, decide};
use libtom::policy::Service;
use pam::constants::{PAM_SILENT, PamFlag, PamResultCode};
use pam::conv::Conv;
use pam::module::PamHandle;
use std::ffi::CStr;
use tom_host::active_policy;
use tom_host::event::{Event, Kind};
use tom_host::journal;

/// Style of a message that needs no answer (pam_conv(3), PAM_ERROR_MSG).
const ERROR_MESSAGE: pam::constants::PamMessageStyle = pam::constants::PAM_ERROR_MSG;

/// Account: may anybody enter this account from there?
pub(crate) fn account(pamh: &mut PamHandle, arguments: &[&CStr]) -> PamResultCode {
    let Some((mode, transaction)) = begin(pamh, arguments) else { return answer::denial(PamPhase::Account) };
    active_policy::with_policy(|policy, fault| {
        let facts = Facts::of(&transaction, policy, Phase::Account);
        let facts = facts.borrow();
        let decision = decide(policy, &facts.request(&transaction, Phase::Account, policy));
        if mode == Mode::Observe {
            // The four have a session to come, which knows more; one of them that gets none was refused by others.
            if transaction.known_service().is_none() {
                attribution::observe(&transaction, policy, &decision, fault);
            }
            return if asks_who_is_governed(&transaction) {
                answer::governed_code(&decision)
            } else {
                answer::code(PamPhase::Account, &decision)
            };
        }
        if asks_who_is_governed(&transaction) {
            let code = answer::governed_code(&decision);
            if code == answer::denial(PamPhase::Account) {
                attribution::record(&transaction, Phase::Account, policy, &decision, fault);
            }
            return code;
        }
        attribution::record(&transaction, Phase::Account, policy, &decision, fault);
        answer::code(PamPhase::Account, &decision)
    })
}

/// The account phase of login, su and sudo knows neither key nor, in sudo, the target.
fn asks_who_is_governed(transaction: &Transaction) -> bool {
    matches!(transaction.known_service(), Some(Service::Login | Service::Su | Service::Sudo))
}

/// Session: the last word, when everything is known; who it is goes into log and environment.
pub(crate) fn open_session(pamh: &mut PamHandle, arguments: &[&CStr]) -> PamResultCode {
    let Some((mode, transaction)) = begin(pamh, arguments) else { return answer::denial(PamPhase::Session) };
    active_policy::with_policy(|policy, fault| {
        let facts = Facts::of(&transaction, policy, Phase::Session);
        let facts = facts.borrow();
        let decision = decide(policy, &facts.request(&transaction, Phase::Session, policy));
        if mode == Mode::Observe {
            if transaction.known_service().is_some() {
                attribution::observe(&transaction, policy, &decision, fault);
            }
            return answer::code(PamPhase::Session, &decision);
        }
        let mut unrecorded = None;
        if let Decision::Allow(allow) = &decision {
            if !attribution::into_environment(pamh, allow.principal()) {
                journal::record(&Event::new(Kind::Refused, "a session was refused: it could not be given its name"));
                return answer::denial(PamPhase::Session);
            }
            // Told with the login, and never a reason to refuse it.
            unrecorded = record::open(&transaction, allow.principal()).err();
        }
        attribution::record_session(&transaction, policy, &decision, fault, unrecorded.as_ref());
        answer::code(PamPhase::Session, &decision)
    })
}

/// Auth, at a console, for su and for sudo: whoever is governed has to prove a token. This version
/// cannot ask for one, so nobody governed gets in this way, and is told so.
pub(crate) fn authenticate(pamh: &mut PamHandle, arguments: &[&CStr], flags: PamFlag) -> PamResultCode {
    let Some((mode, transaction)) = begin(pamh, arguments) else { return answer::denial(PamPhase::Auth) };
    active_policy::with_policy(|policy, fault| {
        let facts = Facts::of(&transaction, policy, Phase::Auth);
        let facts = facts.borrow();
        let decision = decide(policy, &facts.request(&transaction, Phase::Auth, policy));
        if mode == Mode::Observe {
            // The session is the last word, and told of.
            return if matches!(decision, Decision::NotGoverned(_)) {
                answer::code(PamPhase::Auth, &decision)
            } else {
                answer::denial(PamPhase::Auth)
            };
        }
        if matches!(decision, Decision::NotGoverned(_)) {
            attribution::record(&transaction, Phase::Auth, policy, &decision, fault);
            return answer::code(PamPhase::Auth, &decision);
        }
        // An allow without a key is a machine's, and what it may do without a password is sudoers' matter.
        attribution::record_unproven(&transaction, policy, &decision, fault);
        // sudo always asks for silence, and would say no more than "Sorry, try again".
        if flags & PAM_SILENT == 0 || transaction.known_service() == Some(Service::Sudo) {
            tell(pamh, "tom: this account needs a token, which this service cannot ask for yet; log in with it by SSH");
        }
        answer::denial(PamPhase::Auth)
    })
}

/// What every phase begins with: the option, and what PAM knows. Nothing means denial.
fn begin(pamh: &mut PamHandle, arguments: &[&CStr]) -> Option<(Mode, Transaction)> {
    let mode = match Mode::read(arguments) {
        Ok(mode) => mode,
        Err(option) => {
            let option = tom_host::event::escape_bytes(option.to_bytes());
            let message = format!("pam_tom has no option '{option}': take it out of the file in /etc/pam.d");
            journal::record(&Event::new(Kind::Refused, &message));
            return None;
        }
    };
    if let Ok(transaction) = Transaction::read(pamh) {
        return Some((mode, transaction));
    }
    let why = "the application did not say which service and which account";
    journal::record(&match mode {
        Mode::Enforce => Event::new(Kind::Refused, &format!("a login was refused: {why}")),
        Mode::Observe => Event::new(Kind::WouldRefuse, &format!("OBSERVING: would have refused a login: {why}")),
    });
    None
}

/// Shows a line to whoever sits there; if it cannot be shown the decision stands.
fn tell(pamh: &PamHandle, line: &str) {
    if let Ok(Some(conversation)) = pamh.get_item::<Conv<'_>>() {
        let _ = conversation.send(ERROR_MESSAGE, line);
    }
}
