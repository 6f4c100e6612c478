//! `tom`: the administrator's command.
//!
//! One file per command below `commands/`; each shows its steps in order and ends with an exit code of
//! interfaces.md: 0 fine or allowed, 1 findings or denied, 2 wrong usage, 3 could not check, 4 policy
//! invalid.

mod arguments;
mod change;
mod commands;
mod doctor;
mod exit;
mod inspection;
mod lockout;
mod output;
mod policy_source;
mod process;
mod trust_anchors;

use arguments::{Arguments, Command, EvidenceCommand, PolicyCommand};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Policy(PolicyCommand::Check { file }) => commands::check::run(file.as_deref()),
        Command::Policy(PolicyCommand::Diff { old, new }) => commands::diff::run(&old, &new),
        Command::Access(options) => commands::access::run(&options),
        Command::Explain(options) => commands::explain::run(&options),
        Command::Decide { policy } => commands::decide::run(policy.as_deref()),
        Command::Evidence(EvidenceCommand::Check(options)) => commands::evidence::run(&options),
        Command::Enroll(command) => commands::enroll::run(&command),
        Command::Apply(options) => commands::apply::run(&options),
        Command::Confirm(options) => commands::confirm::run(&options),
        Command::Rollback(options) => commands::rollback::run(&options),
        Command::Enable(options) => commands::enable::run(&options),
        Command::Disable(options) => commands::disable::run(&options),
        Command::Doctor(options) => commands::doctor::run(&options),
        Command::Revoke(options) => commands::revoke::run(&options),
        Command::Rehearse(options) => commands::rehearse::run(&options),
        Command::Refresh => commands::refresh::run(),
    };
    outcome.unwrap_or_else(|failure| failure.report()).into()
}
