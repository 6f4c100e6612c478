//! Bringing back what was there before a change.

use crate::change::candidate::readers;
use crate::change::configuration::Reload;
use crate::change::record::{self, Change};
use crate::change::{renewal, snapshot, sshd_lines, timer};
use crate::exit::Failure;
use crate::output;
use tom_host::active_policy::{self, Turn};
use tom_host::event::{Event, Field, Kind};
use tom_host::journal;

/// Undoes the change that waits. The caller has the turn.
///
/// # Errors
/// Something could not be brought back, or a running sshd could not be told: the change stays recorded, and this can be
/// done again.
pub(crate) fn undo(why: &str, turn: &Turn) -> Result<(), Failure> {
    let change = match Change::pending() {
        Ok(Some(change)) => Some(change),
        Ok(None) => return Err(Failure::not_checked("there is nothing to undo: no change waits")),
        // What was there before is kept beside a record that is damaged.
        Err(error) => {
            output::message(&format!("warning: {}", output::plain(&error.to_string())));
            None
        }
    };
    let told = snapshot::bring_back(&record::before(), || {
        if sshd_lines::is_installed() {
            return sshd_lines::reload(Reload::Yes).map_err(|error| error.to_string());
        }
        Ok(())
    })
    .map_err(|error| {
        Failure::not_checked(format!(
            "the change could not be undone: {error}; 'tom rollback' tries again (where what was kept is lost for good, \
             'rm -r {}' leaves everything as it is now)",
            record::PENDING
        ))
    })?;
    if let Some(error) = told {
        return Err(Failure::not_checked(format!(
            "the files are as before, but sshd was not told: {error}; 'tom rollback' tries again"
        )));
    }
    renew(turn);
    // A key that was lifted since is not out again by the copy in the older policy.
    if let Ok(readers) = readers() {
        let _ = active_policy::renew_copies(readers, turn);
    }
    let message = match &change {
        Some(change) => format!(
            "'tom {}' was undone: {why}; policy {} is active again, {}",
            change.command, change.serials.0, change.from
        ),
        None => format!("a change was undone: {why}"),
    };
    record::forget().map_err(|error| Failure::not_checked(error.to_string()))?;
    timer::disarm(timer::Alarm::LookAgain);
    timer::disarm(timer::Alarm::Undo);
    let event = Event::new(Kind::RolledBack, &message);
    let serial = change.map(|change| change.serials.0.to_string());
    journal::record(&event.with_known(Field::PolicySerial, serial.as_deref()));
    output::message(&output::plain(&message));
    Ok(())
}

/// tom may have been upgraded while the change waited: what came back is in the form of the version before.
fn renew(turn: &Turn) {
    if renewal::is_readable() {
        return;
    }
    if let Err(failure) = renewal::renew(turn) {
        output::message(&output::plain_lines(&format!(
            "warning: the policy that came back cannot be read by logins, and not be written anew: {}",
            failure.messages().join("; ")
        )));
    }
}
