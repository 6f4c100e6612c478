//! Exit codes, and failures that carry one.

use crate::output;
use std::process::ExitCode;

/// The exit codes of interfaces.md, "Exit codes, everywhere". Wrong usage, 2, is clap's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: fine, no findings, allowed.
    Fine,
    /// 1: findings, denied.
    Findings,
    /// 3: could not check; never 0.
    NotChecked,
    /// 4: the policy is invalid.
    Invalid,
    /// What Nagios goes by: 0 fine, 1 warning, 2 critical, 3 unknown.
    Nagios(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Findings => 1,
            Exit::NotChecked => 3,
            Exit::Invalid => 4,
            Exit::Nagios(code) => code,
        })
    }
}

/// Why a command ended early: sentences for people, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    messages: Vec<String>,
}

impl Failure {
    /// Something needed could not be read or done.
    pub(crate) fn not_checked(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotChecked, messages: vec![message.into()] }
    }

    /// The policy has these problems.
    pub(crate) const fn invalid(messages: Vec<String>) -> Self {
        Self { exit: Exit::Invalid, messages }
    }

    /// It was checked, and must not go on for these reasons.
    pub(crate) const fn findings(messages: Vec<String>) -> Self {
        Self { exit: Exit::Findings, messages }
    }

    /// The sentences.
    pub(crate) fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Tells them on standard error.
    pub(crate) fn report(self) -> Exit {
        for message in &self.messages {
            // A problem of a policy begins with its place, as compilers tell it, so that editors find it.
            if self.exit == Exit::Invalid {
                output::place(message);
            } else {
                output::message(&output::plain_lines(message));
            }
        }
        self.exit
    }
}
