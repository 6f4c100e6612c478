//! `tom enable`: sshd and PAM of this host ask tom from now on.

use crate::arguments::{EnableOptions, RehearsedPolicy};
use crate::change::candidate::Candidate;
use crate::change::configuration::Mode;
use crate::change::{self, Goal};
use crate::commands::apply::refused;
use crate::exit::{Exit, Failure};

/// Makes the candidate active and puts tom's lines in place; both wait for `tom confirm`.
pub(crate) fn run(options: &EnableOptions) -> Result<Exit, Failure> {
    let outcome = (|| {
        let turn = change::take_turn()?;
        change::settle_what_waits(&turn)?;
        let to = if options.observe { Mode::Observe } else { Mode::Enforce };
        let goal = Goal { command: "enable", to, policy: RehearsedPolicy::Candidate, candidate: Candidate::read()? };
        change::carry_out(&goal, &options.change, &turn)
    })();
    refused("enable", outcome)
}
