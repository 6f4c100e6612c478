//! The active policy in the form that this version reads.

use crate::change::candidate::Candidate;
use crate::exit::Failure;
use libtom::host_policy::stored;
use std::path::Path;
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, FALLBACK, LARGEST_POLICY, RESOLVED, Turn};
use tom_host::trusted_file;

/// Can logins read the active policy and its fallback? Where there is no policy there is nothing to read.
pub(crate) fn is_readable() -> bool {
    let readable =
        |bytes: Result<Vec<u8>, trusted_file::TrustError>| bytes.is_ok_and(|bytes| stored::decode(&bytes).is_ok());
    !Path::new(ACTIVE_DIRECTORY).exists()
        || (readable(active_policy::read_from_active(RESOLVED))
            && readable(trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY)))
}

/// Writes the active policy anew, from its own text. Tells its serial.
pub(crate) fn renew(turn: &Turn) -> Result<u64, Failure> {
    let candidate = Candidate::active()?;
    candidate.exchange(turn)?;
    Ok(candidate.policy.serial)
}
