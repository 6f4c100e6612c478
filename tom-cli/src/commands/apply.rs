//! `tom apply`: the candidate becomes the active policy, or nothing changes.

use crate::arguments::{ApplyOptions, RehearsedPolicy};
use crate::change::candidate::Candidate;
use crate::change::{self, Goal, configuration};
use crate::exit::{Exit, Failure};
use tom_host::active_policy;
use tom_host::event::{Event, Kind};
use tom_host::journal;

/// Checks the candidate and exchanges the active policy. Where sshd and PAM ask tom it waits for `tom confirm`.
pub(crate) fn run(options: &ApplyOptions) -> Result<Exit, Failure> {
    let outcome = (|| {
        // Before the candidate is read: an older text must not be exchanged after a newer one.
        let turn = active_policy::take_turn().map_err(|error| change::no_turn(&error))?;
        change::settle_what_waits(&turn)?;
        let goal = Goal {
            command: "apply",
            to: configuration::mode(),
            policy: RehearsedPolicy::Candidate,
            candidate: Candidate::read()?,
        };
        change::carry_out(&goal, &options.change, &turn)
    })();
    refused("apply", outcome)
}

/// A candidate that was not taken is an event.
pub(crate) fn refused(command: &str, outcome: Result<Exit, Failure>) -> Result<Exit, Failure> {
    if let Err(failure) = &outcome {
        let what = if command == "apply" { "the candidate policy was not applied" } else { "'tom enable' was refused" };
        let message = format!("{what}: {}", failure.messages().join("; "));
        journal::record(&Event::new(Kind::ApplyRefused, &message));
    }
    outcome
}
