//! What `pam-bindings` lacks of libpam: the PAM environment.
#![allow(unsafe_code, reason = "calls into libpam")]

use pam::module::PamHandle;
use std::ffi::{CStr, CString, c_char, c_int};

const PAM_SUCCESS: c_int = 0;

unsafe extern "C" {
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_putenv(pamh: *mut PamHandle, name_value: *const c_char) -> c_int;
}

/// A variable of the PAM environment (pam_getenv(3)): what modules and the application put there, not
/// the environment of the process.
pub(crate) fn environment_variable(pamh: &mut PamHandle, name: &CStr) -> Option<Vec<u8>> {
    // SAFETY: the handle is libpam's own for this call, the name ends with NUL.
    let value = unsafe { pam_getenv(pamh, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: libpam returns a string that ends with NUL and stays until the variable changes; it is
    // copied before anything else is asked of libpam.
    let value = unsafe { CStr::from_ptr(value) };
    Some(value.to_bytes().to_vec())
}

/// Sets a variable of the PAM environment (pam_putenv(3)); tells whether it is set.
pub(crate) fn set_environment_variable(pamh: &mut PamHandle, name: &str, value: &str) -> bool {
    let Ok(assignment) = CString::new(format!("{name}={value}")) else { return false };
    // SAFETY: the handle is libpam's own for this call; libpam copies the string.
    let code = unsafe { pam_putenv(pamh, assignment.as_ptr()) };
    code == PAM_SUCCESS
}
