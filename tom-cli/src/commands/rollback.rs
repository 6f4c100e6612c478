//! `tom rollback`: the last change is undone.

use crate::arguments::{ChangeOptions, RehearsedPolicy, RollbackOptions};
use crate::change::candidate::Candidate;
use crate::change::record::{Change, Stage};
use crate::change::{self, Goal, configuration, timer};
use crate::exit::{Exit, Failure};
use crate::output;

/// Undoes the change that waits. Where none does, the policy before the active one comes back, as `tom apply` would
/// bring it.
pub(crate) fn run(options: &RollbackOptions) -> Result<Exit, Failure> {
    let turn = change::take_turn()?;
    match Change::pending() {
        Ok(Some(change)) if options.unconfirmed && change.stage == Stage::Made && !change.is_overdue() => {
            let left = change.seconds_left();
            output::message(&format!("'tom {}' may be confirmed for {left} seconds more", change.command));
            // Whoever called this was not the timer in its time. That may be gone: a container or the programs alone
            // were started anew (systemctl soft-reboot), which leaves the kernel's count of the time as it was.
            timer::arm(timer::Alarm::Undo, left).map_err(|error| Failure::not_checked(error.to_string()))?;
            Ok(Exit::Fine)
        }
        // A damaged record is no reason to leave things half done: what was there before is beside it.
        Ok(Some(_)) | Err(_) => {
            let why = if options.unconfirmed { "nobody confirmed it in time" } else { "'tom rollback' was called" };
            change::undo(why, &turn).map(|()| Exit::Fine)
        }
        Ok(None) if options.unconfirmed => Ok(Exit::Fine),
        Ok(None) => {
            let goal = Goal {
                command: "rollback",
                to: configuration::mode(),
                policy: RehearsedPolicy::Previous,
                candidate: Candidate::previous()?,
            };
            let change = ChangeOptions {
                now: options.now,
                unattended: false,
                confirm_within: 600,
                person: options.person.clone(),
                dry_run: false,
                allow_lockout: options.allow_lockout,
            };
            change::carry_out(&goal, &change, &turn)
        }
    }
}
