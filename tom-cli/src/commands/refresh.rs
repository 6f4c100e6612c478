//! `tom refresh`: after an upgrade or a downgrade the active policy is in the form that this version reads.

use crate::change::{self, renewal};
use crate::exit::{Exit, Failure};
use crate::output;

/// Writes the active policy anew where its stored form is not this version's. Where there is no policy there is
/// nothing to do.
pub(crate) fn run() -> Result<Exit, Failure> {
    if renewal::is_readable() {
        return Ok(Exit::Fine);
    }
    let turn = change::take_turn()?;
    // Another command may have been at work.
    if renewal::is_readable() {
        return Ok(Exit::Fine);
    }
    let serial = renewal::renew(&turn).map_err(|failure| {
        Failure::not_checked(format!(
            "the active policy is of another version of tom and cannot be written anew: {}; break-glass keys alone may \
             count until 'tom apply' has a policy that this version reads",
            failure.messages().join("; ")
        ))
    })?;
    output::message(&format!("policy {serial} is stored in the form of this version"));
    Ok(Exit::Fine)
}
