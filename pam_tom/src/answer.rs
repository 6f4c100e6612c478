//! The one table from decision and phase to PAM code.
//!
//! PAM_SUCCESS needs an allow; PAM_IGNORE comes from not-governed alone. A denial in the session is
//! PAM_PERM_DENIED, since PAM_SESSION_ERR does not stop sudo (measured).

use libtom::decision::{Decision, Denial};
use pam::constants::PamResultCode;

/// The phases of PAM that the module answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PamPhase {
    Auth,
    Account,
    Session,
}

/// What a denial is in a phase; also the answer to every error.
pub(crate) const fn denial(phase: PamPhase) -> PamResultCode {
    match phase {
        PamPhase::Auth => PamResultCode::PAM_AUTH_ERR,
        PamPhase::Account | PamPhase::Session => PamResultCode::PAM_PERM_DENIED,
    }
}

/// What a decision is in a phase.
pub(crate) const fn code(phase: PamPhase, decision: &Decision<'_>) -> PamResultCode {
    match decision {
        Decision::Allow(_) => PamResultCode::PAM_SUCCESS,
        Decision::NotGoverned(_) => PamResultCode::PAM_IGNORE,
        Decision::Deny(_) => denial(phase),
    }
}

/// The account phase of login, su and sudo knows neither key nor, in sudo, the target: it says whether
/// the account is governed, and the session has the last word (interfaces.md, "Decisions").
pub(crate) const fn governed_code(decision: &Decision<'_>) -> PamResultCode {
    match decision {
        Decision::NotGoverned(_) => PamResultCode::PAM_IGNORE,
        Decision::Deny(Denial::AccountUnknown) => denial(PamPhase::Account),
        Decision::Allow(_) | Decision::Deny(_) => PamResultCode::PAM_SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::{PamPhase, code, denial, governed_code};
    use libtom::decision::{Decision, Denial, Exemption};
    use pam::constants::PamResultCode::{PAM_AUTH_ERR, PAM_IGNORE, PAM_PERM_DENIED, PAM_SUCCESS};

    #[test]
    fn no_denial_is_ever_success_or_ignore() {
        for phase in [PamPhase::Auth, PamPhase::Account, PamPhase::Session] {
            assert!([PAM_AUTH_ERR, PAM_PERM_DENIED].contains(&denial(phase)));
            for reason in Denial::ALL {
                assert_eq!(code(phase, &Decision::Deny(reason)), denial(phase), "{phase:?} {reason:?}");
            }
            assert_eq!(code(phase, &Decision::default()), denial(phase));
        }
    }

    #[test]
    fn ignore_comes_from_not_governed_alone() {
        for exemption in Exemption::ALL {
            assert_eq!(code(PamPhase::Account, &Decision::NotGoverned(exemption)), PAM_IGNORE);
            assert_eq!(governed_code(&Decision::NotGoverned(exemption)), PAM_IGNORE);
        }
        for reason in Denial::ALL {
            let expected = if reason == Denial::AccountUnknown { PAM_PERM_DENIED } else { PAM_SUCCESS };
            assert_eq!(governed_code(&Decision::Deny(reason)), expected);
        }
    }
}
