//! `pam_tom.so`: the policy at the PAM phases auth, account and session.
//!
//! Each phase reads what PAM knows (`transaction`), asks the rules, and turns the decision into a
//! code by one table (`answer`). `pam-bindings` catches a panic at each entry point and answers
//! PAM_ABORT, which no control of ours takes for success. What must never happen: PAM_SUCCESS or
//! PAM_IGNORE as the answer to an error.

mod answer;
mod attribution;
mod ffi;
mod mode;
mod phases;
mod record;
mod transaction;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use std::ffi::CStr;
use std::sync::Once;

/// The module, as PAM sees it.
#[derive(Debug)]
pub struct PamTom;

// The macro writes the six symbols that PAM looks for; they are documented in pam(8).
#[allow(missing_docs, reason = "made by the macro of pam-bindings")]
mod entry_points {
    use super::PamTom;

    pam::pam_hooks!(PamTom);
}

impl PamHooks for PamTom {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        silence_panics();
        phases::authenticate(pamh, &args, flags)
    }

    fn acct_mgmt(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        silence_panics();
        phases::account(pamh, &args)
    }

    fn sm_open_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        silence_panics();
        phases::open_session(pamh, &args)
    }

    /// Says nothing of the end of a session, but takes it off the record.
    fn sm_close_session(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        silence_panics();
        record::close();
        PamResultCode::PAM_IGNORE
    }

    // setcred and chauthtok are not tom's: PAM_IGNORE, the default of the trait.
}

/// A panic is answered by PAM_ABORT; its text has no place on the standard error of sshd or sudo. The
/// hook is that of this module's own runtime, not of the process.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}
