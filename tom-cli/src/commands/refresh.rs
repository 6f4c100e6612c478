//! `tom refresh`: after an upgrade or a downgrade the active policy is in the form that this version reads.

use crate::change::candidate::Candidate;
use crate::change::{self};
use crate::exit::{Exit, Failure};
use crate::output;
use libtom::host_policy::stored;
use std::path::Path;
use tom_host::active_policy::{self, ACTIVE_DIRECTORY, FALLBACK, LARGEST_POLICY, RESOLVED};
use tom_host::trusted_file;

/// Writes the active policy anew where its stored form is not this version's. Where there is no policy there is
/// nothing to do.
pub(crate) fn run() -> Result<Exit, Failure> {
    if !Path::new(ACTIVE_DIRECTORY).exists() {
        return Ok(Exit::Fine);
    }
    let turn = change::take_turn()?;
    let readable =
        |bytes: Result<Vec<u8>, trusted_file::TrustError>| bytes.is_ok_and(|bytes| stored::decode(&bytes).is_ok());
    let active = readable(active_policy::read_from_active(RESOLVED));
    if active && readable(trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY)) {
        return Ok(Exit::Fine);
    }
    let candidate = Candidate::active().map_err(|failure| {
        Failure::not_checked(format!(
            "the active policy is of another version of tom and cannot be written anew: {}; break-glass keys alone may \
             count until 'tom apply' has a policy that this version reads",
            failure.messages().join("; ")
        ))
    })?;
    candidate.exchange(&turn)?;
    output::message(&format!("policy {} is stored in the form of this version", candidate.policy.serial));
    Ok(Exit::Fine)
}
