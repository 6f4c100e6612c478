//! Bringing back what was there before a change.

use crate::change::candidate::readers;
use crate::change::configuration::{Mode, Reload};
use crate::change::record::{self, Change, Stage};
use crate::change::{pam_lines, renewal, snapshot, sshd_lines, timer};
use crate::exit::Failure;
use crate::output;
use std::path::PathBuf;
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
    let made = change.as_ref().filter(|change| change.stage == Stage::Made).map(|_| record::made());
    let told = snapshot::bring_back(&record::before(), made.as_deref(), || {
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
    if let Some(error) = &told.reload {
        return Err(Failure::not_checked(format!(
            "sshd could not be told that its configuration is as before: {error}; until it is, it goes by what it has \
             read; 'tom rollback' tries again"
        )));
    }
    // Where others have changed a file of PAM's it has kept that, and so tom's lines too.
    if let Some(change) = change.as_ref().filter(|change| !told.others.is_empty() && change.from != change.to) {
        fit_lines(&told.others, change.from, turn);
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

/// Puts tom's lines in, or takes them out, as they were in this mode. Lines that stay where they should go are told of;
/// everything else has come back all the same.
fn fit_lines(others: &[PathBuf], mode: Mode, turn: &Turn) {
    let names: Vec<String> = others.iter().map(|path| path.display().to_string()).collect();
    let names = names.join(", ");
    output::message(&output::plain(&format!("others have changed these meanwhile, and they keep that: {names}")));
    let done = match mode {
        Mode::Enforce => pam_lines::put_in_enforcing(turn),
        Mode::Observe => pam_lines::put_in_observing(turn),
        Mode::NotEnabled => pam_lines::take_out(Some(turn)),
    };
    if let Err(error) = done {
        output::message(&output::plain_lines(&format!("warning: tom's lines in PAM: {error}")));
    }
}
