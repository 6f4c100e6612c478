//! The loopback interface of a network namespace of one's own, which is down when the namespace is made.

use crate::ffi;

/// Brings it up.
///
/// # Errors
/// What the system answered.
pub fn raise() -> std::io::Result<()> {
    ffi::raise_loopback().map_err(std::io::Error::from_raw_os_error)
}
